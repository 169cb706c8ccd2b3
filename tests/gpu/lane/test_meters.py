"""What bench reads of the GPU is what nvidia-smi prints, and a run is the same without it."""

import subprocess

import pytest

from bench.machine.nvml import open_nvml
from tests.machine.conftest import FakeNvml, gpu_answers

FIGURES = {
    "name": lambda gpu: gpu.name,
    "uuid": lambda gpu: gpu.uuid,
    "driver_version": lambda gpu: gpu.driver_version,
    "compute_cap": lambda gpu: gpu.compute_capability,
    "memory.total": lambda gpu: gpu.memory_bytes / 2**20,
    "power.limit": lambda gpu: gpu.power_limit_watts,
    "clocks.max.sm": lambda gpu: gpu.sm_clock_max_hertz / 1e6,
    "clocks.max.memory": lambda gpu: gpu.memory_clock_max_hertz / 1e6,
    "ecc.mode.current": lambda gpu: {True: "Enabled", False: "Disabled", None: "[N/A]"}[gpu.ecc],
    "mig.mode.current": lambda gpu: {True: "Enabled", False: "Disabled", None: "[N/A]"}[gpu.mig],
}
GPU_COLUMNS = ("gpu_power_watts", "gpu_temperature_max_celsius", "gpu_sm_clock_hertz")
CANNED = {
    "name": "NVIDIA H100 80GB HBM3",
    "uuid": "GPU-1a2b3c",
    "driver_version": "550.54.15",
    "compute_cap": "9.0",
    "memory.total": "81920",
    "power.limit": "700.00",
    "clocks.max.sm": "1980",
    "clocks.max.memory": "2619",
    "ecc.mode.current": "Enabled",
    "mig.mode.current": "Disabled",
    "temperature.gpu": "61",
}
"""What nvidia-smi would print of the stand-in for a device that a rehearsal reads."""


@pytest.fixture
def nvml(kind):
    opened = open_nvml(FakeNvml(gpu_answers()) if kind == "cpu" else None)
    yield opened
    opened.close()


@pytest.fixture
def smi(kind):
    """Call with a name of nvidia-smi's; gives what it prints of the first device."""

    def smi(name):
        command = ["nvidia-smi", f"--query-gpu={name}", "--format=csv,noheader,nounits", "--id=0"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        return told.strip()

    return CANNED.get if kind == "cpu" else smi


@pytest.mark.parametrize("name", FIGURES)
def test_a_device_is_as_nvidia_smi_prints_it(name, nvml, smi):
    ours, theirs = FIGURES[name](nvml.gpu(0)), smi(name)
    if isinstance(ours, str):
        assert ours == theirs
    else:
        assert float(theirs) == pytest.approx(ours, rel=0.001)


def test_a_sample_is_as_nvidia_smi_prints_it(nvml, smi):
    sample = nvml.sample(0)
    assert sample.temperature_celsius == pytest.approx(float(smi("temperature.gpu")), abs=8)
    assert 0 < sample.power_watts < 1_500
    assert sample.energy_joules > 0


def test_the_process_that_trains_is_no_other_one(nvml, ok, small):
    own = ok(small())["process_id"]
    assert own not in (nvml.other_processes(0, own) or ())


def test_a_run_on_a_gpu_has_its_figures(ok, small, only_gpu):
    only_gpu("a CPU has none of them")
    measured = ok(small(batch_size=1))  # some seconds, so that a sample falls among its steps
    assert {name for name in (*GPU_COLUMNS, "energy_joules", "energy_source") if not measured[name]} == set()
    assert measured["gpu_samples"] >= 2


def test_a_run_without_meters_is_the_same_without_their_figures(ok, small):
    metered, bare = ok(small()), ok(small(), metered=False)
    assert bare["losses"] == [pytest.approx(pair, rel=1e-5) for pair in metered["losses"]]
    assert {name: bare[name] for name in GPU_COLUMNS} == dict.fromkeys(GPU_COLUMNS)


def test_every_time_of_a_run_is_there(ok, small):
    measured = ok(small(batch_size=1_000))
    for name in ("build", "stage", "compile", "warmup", "train", "eval", "wall", "step", "empty_window"):
        assert measured[f"{name}_seconds"] > 0, name
    assert measured["flags"] == [flag for flag in measured["flags"] if flag != "retraced"]
