"""The probe, on this machine: what it gives is held to orders of magnitude, since the machine is shared."""

from functools import partial

import pytest

from bench.machine.affinity import Pinning
from bench.machine.nvml import Gpu, GpuSample
from bench.training.runtime import Runtime

pytestmark = pytest.mark.slow

RUNTIME = Runtime("cpu", 2, Pinning((0, 1), 0, True), 1.0, None)
GPU = Runtime("gpu", 2, Pinning((0, 1), 0, True), 1.0, "A GPU")
HALVES = "mixed_bfloat16"
GIB = 2**30


@pytest.fixture
def probing(tf, monkeypatch):  # noqa: ARG001 -- TensorFlow has to be there
    """The module, with small figures' worth of time."""
    from bench.training import probe, turns

    monkeypatch.setattr(probe, "SQUARE_ON_CPU", 256)
    monkeypatch.setattr(probe, "SQUARE_OF_HALVES_ON_CPU", 256)
    monkeypatch.setattr(probe, "WORKING_SETS", {"cpu": (2**16, 2**22), "gpu": probe.WORKING_SETS["gpu"]})
    monkeypatch.setattr(turns, "SECONDS", 0.01)
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.002)
    return probe


@pytest.fixture
def free(probing, monkeypatch):
    """Call with how many bytes of the GPU are free; None where NVML does not tell."""
    return lambda size: monkeypatch.setattr(probing, "free_gpu_bytes", lambda: size)


def test_a_probe_has_every_figure(probing):
    found = probing.probe(RUNTIME, ("float32", HALVES))
    assert (found.device_kind, found.cores) == ("cpu", 2)
    assert list(found.gemm_flops_per_second) == ["float32", HALVES]
    assert 1e8 < found.gemm_flops_per_second["float32"] < 1e14
    assert [b.working_set_bytes for b in found.bandwidths] == [2**16, 2**22]
    assert all(1e7 < b.bytes_per_second < 1e13 for b in found.bandwidths)
    assert 1e-7 < found.launch_seconds < 0.1
    assert 1e-9 < found.product_seconds < 0.1
    assert found.iteration_seconds is None  # on a CPU a loop waits for nobody
    assert found.all_reduce_bytes_per_second is None


def test_at_the_end_a_probe_has_what_shows_a_drift(probing):
    from bench.analysis.drift import drifts
    from bench.records.probe import probe_columns

    rows = [
        {"node": "n", "session_id": "s", **vars(probe_columns(found, moment, "one_device", 1))}
        for moment in ("start", "end")
        for found in [probing.probe(RUNTIME, moment=moment)]
    ]
    last = rows[-1]
    assert last["probe_working_set_bytes"] == (2**22,)
    assert last["probe_float32_flops_per_second"] > 0
    assert last["probe_launch_seconds"] is last["probe_product_seconds"] is None
    last |= {"probe_float32_flops_per_second": 1.0, "probe_bytes_per_second": (1.0,)}
    assert {drift.figure for drift in drifts(rows)} == {"float32_flops", "memory_bytes"}


def test_a_gpu_s_programs_compile_and_run(probing, monkeypatch):
    # Here on a CPU, as everything is; the chunks are a GPU's, and so short a product has many turns of them.
    from bench.training import turns

    monkeypatch.setattr(turns, "CHUNK_SECONDS", 1e-4)
    assert turns.chunk_for("gpu", probing.FASTEST_KERNEL_SECONDS).turns > turns.UNROLLED
    assert 1e5 < probing.gemm_rate("gpu", (32, 32, 32), "float32") < 1e14
    assert 1e5 < probing.gemm_rate("gpu", (32, 32, 32), HALVES) < 1e14
    assert 1e5 < probing.bandwidth("gpu", 2**12) < 1e13
    assert 1e-9 < probing.iteration_seconds() < 0.1


class TestFailures:
    """Each figure raises in turn what a GPU that is too small, or a product that cannot be tuned, would."""

    FIGURES = ("square_rate", "bandwidth", "launch_seconds", "product_seconds", "iteration_seconds")

    @staticmethod
    def measure(fails, *arguments):
        if fails is not None and fails(*arguments):
            raise MemoryError
        return 1.0

    @pytest.fixture
    def figures(self, probing, monkeypatch):
        """Every figure is 1, but for those that fail for the given arguments."""

        def make(runtime=RUNTIME, **failing):
            for name in (*self.FIGURES, "all_reduce_rate"):
                monkeypatch.setattr(probing, name, partial(self.measure, failing.get(name)))
            return probing.probe(runtime, ("float32", HALVES))

        return make

    def test_a_product_of_one_precision(self, figures):
        found = figures(square_rate=lambda _, precision: precision == HALVES)
        assert found.gemm_flops_per_second == {"float32": 1.0, HALVES: None}
        assert len(found.bandwidths) == 2
        assert found.product_seconds == 1.0

    def test_one_working_set(self, figures):
        found = figures(bandwidth=lambda _, size: size == 2**22)
        assert [b.working_set_bytes for b in found.bandwidths] == [2**16]
        assert set(found.gemm_flops_per_second.values()) == {1.0}

    @pytest.mark.parametrize("name", ["launch_seconds", "product_seconds", "iteration_seconds"])
    def test_a_latency(self, probing, figures, monkeypatch, name):
        monkeypatch.setattr(probing, "free_gpu_bytes", lambda: None)
        found = figures(GPU, **{name: lambda: True})
        names = ("launch_seconds", "product_seconds", "iteration_seconds", "all_reduce_bytes_per_second")
        assert {n for n in names if getattr(found, n) is None} == {name}

    def test_the_all_reduce(self, figures):
        found = figures(all_reduce_rate=lambda _: True)
        assert found.all_reduce_bytes_per_second is None
        assert found.launch_seconds == 1.0


class TestMemory:
    """Three matrices may take a quarter of what is free: 805 MB at 8,192² in float32, 3.2 GB at 16,384²."""

    @pytest.mark.parametrize(
        ("precision", "free_bytes", "size"),
        [
            ("float32", 80 * GIB, 8192),
            ("tf32", 80 * GIB, 16384),
            (HALVES, 80 * GIB, 16384),
            ("float32", 2 * GIB, 4096),
            ("tf32", 10 * GIB, 8192),
            (HALVES, 10 * GIB, 16384),
            ("tf32", GIB // 8, 1024),
            ("tf32", None, 16384),
        ],
    )
    def test_products_are_halved_until_they_fit(self, probing, free, precision, free_bytes, size):
        free(free_bytes)
        assert probing.square_size("gpu", precision) == size

    def test_where_nothing_is_free_the_product_fails_and_the_probe_goes_on(self, probing, free):
        free(0)
        assert probing.figure(probing.square_rate, "gpu", "tf32") is None

    @pytest.mark.parametrize(("free_bytes", "sets"), [(80 * GIB, 4), (10 * GIB, 3), (GIB // 2, 2), (None, 4)])
    def test_working_sets_that_do_not_fit_are_left_out(self, probing, free, monkeypatch, free_bytes, sets):
        free(free_bytes)
        for name in TestFailures.FIGURES:
            monkeypatch.setattr(probing, name, lambda *_: 1.0)
        found = probing.probe(GPU)
        assert [b.working_set_bytes for b in found.bandwidths] == list(probing.WORKING_SETS["gpu"][:sets])

    def test_a_cpu_s_memory_is_not_asked_for(self, probing, monkeypatch):
        monkeypatch.setattr(probing, "free_gpu_bytes", lambda: pytest.fail("asked for the GPU's memory"))
        assert probing.square_size("cpu", "float32") == 256


class Nvml:
    """Two GPUs, of which TensorFlow sees the second."""

    def __init__(self, used):
        self.used, self.closed = used, 0

    def device_of(self, entry):
        return {"GPU-2": 1}.get(entry)

    def gpu(self, index):
        return Gpu(index, memory_bytes=(10, 80)[index])

    def sample(self, _):
        return GpuSample(memory_used_bytes=self.used)

    def close(self):
        self.closed += 1


class TestFreeMemory:
    @pytest.fixture(autouse=True)
    def forgotten(self, probing, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-2,GPU-1")
        probing.free_gpu_bytes.cache_clear()
        yield
        probing.free_gpu_bytes.cache_clear()

    def test_it_is_that_of_the_first_gpu_that_the_process_sees(self, probing, monkeypatch):
        nvml = Nvml(30)
        monkeypatch.setattr(probing, "open_nvml", lambda: nvml)
        assert probing.free_gpu_bytes() == 50
        assert nvml.closed == 1

    def test_it_is_what_it_was_before_tensorflow_held_any(self, probing, monkeypatch):
        for used in (30, 70):
            monkeypatch.setattr(probing, "open_nvml", lambda used=used: Nvml(used))
            assert probing.free_gpu_bytes() == 50

    @pytest.mark.parametrize("nvml", [None, Nvml(None), object()])
    def test_it_is_unknown_where_nvml_does_not_tell(self, probing, monkeypatch, nvml):
        monkeypatch.setattr(probing, "open_nvml", lambda: nvml)
        assert probing.free_gpu_bytes() is None


def test_the_precision_of_products_is_left_as_it_was(probing, tf):
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    probing.gemm_rate("cpu", (8, 8, 8), "tf32")
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(before)
