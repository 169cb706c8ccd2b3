"""A stand-in for the module `pynvml`: devices are mappings from NVML call to answer."""

from types import SimpleNamespace

import pytest


class RefusedError(Exception):
    pass


class FakeNvml:
    """Answers `nvmlX(handle, ...)` from the device's mapping and raises for what is not in it."""

    NVMLError = RefusedError
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *devices, driver=True):
        self.devices = devices
        self.driver = driver
        self.users = 0
        self._library = {
            "nvmlInit": self._init,
            "nvmlShutdown": self._shutdown,
            "nvmlDeviceGetCount": lambda: len(devices),
            "nvmlSystemGetDriverVersion": lambda: "550.54.15",
            "nvmlSystemGetCudaDriverVersion_v2": lambda: 12040,
            "nvmlDeviceGetHandleByIndex": self._handle,
        }

    def __getattr__(self, name):
        if name in self._library:
            return self._library[name]
        if name.startswith("nvmlDevice"):
            return lambda handle, *arguments: self._answer(name, handle, *arguments)
        raise AttributeError(name)

    def _init(self):
        if not self.driver:
            raise RefusedError("NVML Shared Library Not Found")
        self.users += 1

    def _shutdown(self):
        self.users -= 1

    def _handle(self, index):
        if not 0 <= index < len(self.devices):
            raise RefusedError("Invalid Argument")
        return index

    def _answer(self, name, handle, *arguments):
        answers = self.devices[handle]
        if name not in answers:
            raise RefusedError("Not Supported")
        answer = answers[name]
        return answer(*arguments) if callable(answer) else answer


def gpu_answers(**changes):
    """What an H100 answers; a change of None takes the answer away."""
    answers = {
        "Name": "NVIDIA H100 80GB HBM3",
        "UUID": "GPU-1a2b3c",
        "MemoryInfo": SimpleNamespace(total=80 * 2**30, used=3 * 2**30),
        "CudaComputeCapability": (9, 0),
        "PowerManagementLimit": 700_000,
        "MaxClockInfo": lambda domain: {1: 1980, 2: 2619}[domain],
        "ClockInfo": lambda domain: {1: 1755, 2: 2619}[domain],
        "MemoryBusWidth": 5120,
        "MaxPcieLinkGeneration": 5,
        "MaxPcieLinkWidth": 16,
        "EccMode": [1, 1],
        "MigMode": [0, 0],
        "UtilizationRates": SimpleNamespace(gpu=87, memory=20),
        "Temperature": lambda sensor: 61 + sensor,
        "CurrentClocksEventReasons": 0,
        "TotalEnergyConsumption": 5_000_000,
        "PowerUsage": 412_500,
        "ComputeRunningProcesses": [],
        "CpuAffinity": lambda words: [0b1011, 0b1] + [0] * (words - 2),
    }
    answers.update(changes)
    return {f"nvmlDeviceGet{name}": answer for name, answer in answers.items() if answer is not None}


@pytest.fixture
def fake_nvml():
    """Call with devices' answers (and driver=False for a machine without one); gives the stand-in module."""
    return FakeNvml


@pytest.fixture
def h100():
    """Call with changes by NVML call, `nvmlDeviceGet` left out; gives one device's answers."""
    return gpu_answers
