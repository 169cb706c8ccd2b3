"""The probe, on this machine: what it gives is held to orders of magnitude, since the machine is shared."""

import re

import pytest

from bench.machine.affinity import Pinning
from bench.training.runtime import Runtime

pytestmark = pytest.mark.slow

PRODUCT = re.compile(r" (?:dot|custom-call)\(")


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
    assert 1e-9 < found.iteration_seconds < 0.1
    assert found.all_reduce_bytes_per_second is None


def test_no_compiler_moves_the_product_out_of_the_loop(probing, tf):
    # Of a loop-invariant product XLA keeps none in the loop's body, which would then measure nothing.
    a, b, c = (tf.ones((64, 64)) for _ in range(3))
    for body, inside in ((probing._product(a, b), True), (lambda c: c + a @ b, False)):
        compiled = probing._loop(body).experimental_get_compiler_ir(c, tf.constant(3))("optimized_hlo")
        assert bool(PRODUCT.search(_of_loops(compiled))) is inside


def _of_loops(hlo):
    """The text of the computations that are bodies of loops, with those that they call."""
    computations = dict(re.findall(r"^(?:ENTRY )?%(\S+) [^\n]*\{\n(.*?)^\}", hlo, re.MULTILINE | re.DOTALL))
    wanted, seen = re.findall(r"body=%([\w.\-]+)", hlo), []
    while wanted:
        seen.append(wanted.pop())
        wanted += re.findall(r"(?:calls|to_apply)=%([\w.\-]+)", computations[seen[-1]])
    return "".join(computations[name] for name in seen)


class Call:
    """A compiled loop on a clock of its own; one call in `every` is held up from outside."""

    LAUNCH, TURN, HELD_UP = 1e-4, 1e-6, 0.05

    def __init__(self, every):
        self.now, self.calls, self.every = 0.0, 0, every

    def __call__(self, turns):
        self.calls += 1
        held_up = self.HELD_UP if self.calls % self.every == 0 else 0.0
        self.now += self.LAUNCH + turns * self.TURN + held_up

    def perf_counter_ns(self):
        return round(self.now * 1e9)


@pytest.mark.parametrize("every", [2, 3, 1000])
def test_a_loop_is_turned_until_its_launch_is_lost_in_it_whatever_disturbs(probing, monkeypatch, every):
    call = Call(every)
    monkeypatch.setattr(probing, "time", call)
    monkeypatch.setattr(probing, "_wait", lambda _: None)
    turns = probing._turns(call)
    assert Call.LAUNCH + turns * Call.TURN >= probing.TURN_SECONDS
    assert turns * Call.TURN < 2 * probing.TURN_SECONDS


def test_the_precision_of_products_is_left_as_it_was(probing, tf):
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    probing.gemm_rate((8, 8, 8), "tf32")
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(before)
