"""The probe, on this machine: what it gives is held to orders of magnitude, since the machine is shared."""

import pytest

from bench.machine.affinity import Pinning
from bench.training.runtime import Runtime

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def probing(tf):  # noqa: ARG001 -- TensorFlow has to be there
    """The module, with small figures' worth of time."""
    from bench.training import probe

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "SQUARE", {"cpu": 256})
        patch.setattr(probe, "WORKING_SETS", {"cpu": (2**16, 2**22)})
        patch.setattr(probe, "SECONDS", 0.01)
        patch.setattr(probe, "TURN_SECONDS", 0.002)
        yield probe


def test_a_probe_has_every_figure(probing):
    runtime = Runtime("cpu", 2, Pinning((0, 1), 0, True), 1.0, None)
    found = probing.probe(runtime, ("float32", "mixed_bfloat16"))
    assert (found.device_kind, found.cores) == ("cpu", 2)
    assert list(found.gemm_flops_per_second) == ["float32", "mixed_bfloat16"]
    assert 1e8 < found.gemm_flops_per_second["float32"] < 1e14
    assert [b.working_set_bytes for b in found.bandwidths] == [2**16, 2**22]
    assert all(1e7 < b.bytes_per_second < 1e13 for b in found.bandwidths)
    assert 1e-7 < found.launch_seconds < 0.1
    assert 1e-9 < found.iteration_seconds < found.launch_seconds
    assert found.all_reduce_bytes_per_second is None


def test_more_turns_of_the_loop_are_more_products(probing):
    """Were the product moved out of the loop, a larger one would take no longer per turn."""
    small, large = probing.gemm_rate((64, 64, 64)), probing.gemm_rate((64, 4096, 64))
    assert 2 * 64 * 4096 * 64 / large > 4 * (2 * 64**3 / small)


def test_the_precision_of_products_is_left_as_it_was(probing, tf):
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    probing.gemm_rate((8, 8, 8), "tf32")
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(before)
