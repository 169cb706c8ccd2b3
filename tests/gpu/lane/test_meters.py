"""What bench reads of the GPU is what nvidia-smi prints, and a run is the same without it."""

import subprocess

import pytest

from bench.machine.nvml import open_nvml

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
GPU_COLUMNS = ("gpu_power_watts", "gpu_temperature_max_celsius", "gpu_sm_clock_min_hertz", "energy_joules")


@pytest.fixture
def nvml(only_gpu):
    only_gpu("NVML is NVIDIA's")
    opened = open_nvml()
    yield opened
    opened.close()


def smi(*names):
    """nvidia-smi's figures of the first device."""
    command = ["nvidia-smi", f"--query-gpu={','.join(names)}", "--format=csv,noheader,nounits", "--id=0"]
    line = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True
    ).stdout.splitlines()[0]
    return dict(zip(names, (cell.strip() for cell in line.split(", ")), strict=True))


@pytest.mark.parametrize("name", FIGURES)
def test_a_device_is_as_nvidia_smi_prints_it(name, nvml):
    ours, theirs = FIGURES[name](nvml.gpu(0)), smi(name)[name]
    if isinstance(ours, str):
        assert ours == theirs
    else:
        assert float(theirs) == pytest.approx(ours, rel=0.001)


def test_samples_are_as_nvidia_smi_prints_them(nvml):
    sample, told = nvml.sample(0), smi("temperature.gpu", "power.draw")
    assert sample.temperature_celsius == pytest.approx(float(told["temperature.gpu"]), abs=8)
    assert 0 < sample.power_watts < 1_500
    assert sample.energy_joules > 0


def test_the_process_that_trains_is_no_other_one(nvml, ok, small):
    own = ok(small())["process_id"]
    assert own not in (nvml.other_processes(0, own) or ())


def test_a_run_on_a_gpu_has_its_figures(ok, small, only_gpu):
    only_gpu("NVML is NVIDIA's")
    measured = ok(small())
    assert {name for name in GPU_COLUMNS if not measured[name]} == set()
    assert measured["gpu_samples"] >= 2


def test_a_run_without_meters_is_the_same_without_their_figures(ok, small):
    metered, bare = ok(small()), ok(small(), metered=False)
    assert bare["losses"] == [pytest.approx(pair, rel=1e-5) for pair in metered["losses"]]
    assert {name: bare[name] for name in GPU_COLUMNS if name != "energy_joules"} == dict.fromkeys(
        (name for name in GPU_COLUMNS if name != "energy_joules"), None
    )


def test_every_time_of_a_run_is_there(ok, small):
    measured = ok(small(batch_size=100))
    for name in ("build", "stage", "compile", "warmup", "train", "eval", "wall", "step", "empty_window"):
        assert measured[f"{name}_seconds"] > 0, name
    assert measured["flags"] == [flag for flag in measured["flags"] if flag != "retraced"]
