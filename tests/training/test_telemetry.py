"""The meters of a run: what each tells on either kind of device, and that none can take the run with it."""

import functools
import itertools
import threading

import pytest

from bench.machine.affinity import Pinning
from bench.machine.gpu_sampler import GpuSampler
from bench.machine.nvml import GpuSample
from bench.machine.rapl import RaplSampler
from bench.training import telemetry
from bench.training.runtime import Runtime
from bench.training.telemetry import Telemetry, Use

CPU = Runtime("cpu", 1, Pinning((0,), 0, True), 0.0, None)
GPU = Runtime("gpu", 1, Pinning((0,), 0, True), 0.0, "H100")


class Board:
    """NVML of a machine with one GPU, whose energy counter goes up by 100 J with every look, one in 2 s."""

    def __init__(self):
        self.looks, self.closed = 0, False

    def device_of(self, entry):
        return int(entry)

    def other_processes(self, index, own_pid):  # noqa: ARG002
        return ()

    def sample(self, index):
        assert index == 0
        self.looks += 1
        return GpuSample(energy_joules=100.0 * self.looks, power_watts=300.0)

    def close(self):
        self.closed = True


@pytest.fixture
def board(monkeypatch):
    nvml = Board()
    monkeypatch.setattr(telemetry, "open_nvml", lambda: nvml)
    clock = functools.partial(GpuSampler, clock=itertools.count(0.0, 2.0).__next__)
    monkeypatch.setattr(telemetry, "GpuSampler", clock)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return nvml


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The energy counter of a machine with one CPU package, at 5 J."""
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0")
    (zone / "max_energy_range_uj").write_text("65000000000")
    (zone / "energy_uj").write_text("5000000")
    monkeypatch.setattr(telemetry, "RaplSampler", functools.partial(RaplSampler, tmp_path))
    return zone / "energy_uj"


def metered(runtime, meanwhile=lambda: None):
    meters = Telemetry(runtime)
    meters.start()
    with meters.training():
        meanwhile()
    return meters.stop()


def watching():
    """The samplers' threads that are running."""
    return {thread.name for thread in threading.enumerate()} & {"gpu-sampler", "rapl-sampler"}


def test_a_cpu_runs_energy_is_the_packages(package):
    use = metered(CPU, lambda: package.write_text("7500000"))
    assert use.cpu_energy_joules == 2.5
    assert use.figures("cpu")["energy_joules"] == use.figures("cpu")["cpu_energy_joules"] == 2.5
    assert use.figures("cpu")["energy_source"] == "counter"


def test_a_gpu_runs_energy_is_the_boards_and_the_packages_have_a_column_of_their_own(board, package):
    use = metered(GPU, lambda: package.write_text("7500000"))
    assert use.figures("gpu")["energy_joules"] == 100.0
    assert use.figures("gpu")["cpu_energy_joules"] == 2.5
    assert use.figures("gpu")["energy_source"] == "counter"
    assert board.closed


def test_energy_is_that_of_the_training_and_no_more(board, package):
    meters = Telemetry(GPU)
    meters.start()
    package.write_text("9000000")
    assert board.looks == 0
    with meters.training():
        package.write_text("9500000")
    package.write_text("20000000")
    looks = board.looks
    use = meters.stop()
    assert (board.looks, use.gpu.samples) == (looks, 2)
    assert use.cpu_energy_joules == 0.5


def test_a_run_that_ends_before_its_training_used_no_gpu_that_can_be_told(board, package):  # noqa: ARG001
    meters = Telemetry(GPU)
    meters.start()
    use = meters.stop()
    assert use.gpu is use.cpu_energy_joules is None
    assert use.figures("gpu")["energy_source"] is None
    assert use.cpu.cores == (0,)
    assert board.closed


def test_a_training_that_fails_is_metered_up_to_there(board):
    meters = Telemetry(GPU)
    meters.start()
    with pytest.raises(RuntimeError, match="no memory"), meters.training():
        raise RuntimeError("no memory")
    assert watching() == set()
    assert meters.stop().figures("gpu")["energy_joules"] == 100.0
    assert board.closed


def test_counters_that_only_root_may_read_leave_the_energy_empty(package):
    package.unlink()
    assert metered(CPU).figures("cpu")["energy_joules"] is None


@pytest.mark.usefixtures("board", "package")
def test_the_threads_run_from_the_start_to_the_stop():
    seen = []
    metered(GPU, lambda: seen.append(watching()))
    assert seen == [{"gpu-sampler", "rapl-sampler"}]
    assert watching() == set()


class Broken:
    """A meter that fails in the call `at`."""

    def __init__(self, at):
        self._at = at
        self._called("made")

    def _called(self, call):
        if self._at == call:
            raise OSError(f"failed when {call}")

    def start(self):
        self._called("started")

    def stop(self):
        self._called("stopped")
        raise ValueError(f"stopped though it failed when {self._at}")


FAILURES = ["made", "started", "stopped"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("at", FAILURES)
def test_a_failing_cpu_meter_leaves_its_figures_empty_and_no_other(monkeypatch, at):
    monkeypatch.setattr(telemetry, "CpuMeter", lambda _: Broken(at))
    use = metered(CPU)
    assert use.cpu is None
    assert use.cpu_energy_joules == 0.0
    assert use.flags == ()
    assert "load_average" not in use.figures("cpu")


@pytest.mark.parametrize("at", FAILURES)
def test_a_failing_energy_meter_leaves_its_figures_empty_and_no_other(monkeypatch, at):
    monkeypatch.setattr(telemetry, "RaplSampler", lambda: Broken(at))
    use = metered(CPU)
    assert use.cpu_energy_joules is None
    assert use.cpu.cores == (0,)
    assert use.figures("cpu")["load_average"] >= 0


@pytest.mark.parametrize("call", ["device_of", "sample", "other_processes", "close"])
def test_a_failing_nvml_leaves_the_gpus_figures_empty_and_no_other(board, monkeypatch, call):
    def fail(*_):
        raise OSError("the driver is gone")

    monkeypatch.setattr(board, call, fail)
    use = metered(GPU)
    assert use.gpu is None
    assert use.cpu.cores == (0,)
    assert use.figures("gpu")["energy_joules"] is None
    assert watching() == set()


def test_a_gpu_that_fails_at_the_end_is_let_go(board):
    def fail(_):
        raise OSError("the driver is gone")

    use = metered(GPU, lambda: setattr(board, "sample", fail))
    assert use.gpu is None
    assert board.closed
    assert watching() == set()


def test_without_meters_nothing_is_told():
    assert Use().flags == ()
    assert Use().figures("gpu") == {"energy_joules": None, "energy_source": None, "cpu_energy_joules": None}
