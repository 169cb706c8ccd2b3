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
            "nvmlDeviceGetHandleByUUID": self._handle_by_uuid,
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

    def _handle_by_uuid(self, uuid):
        slices = [part for device in self.devices for part in device.get("slices", {}).values()]
        for handle, answers in [*enumerate(self.devices), *((part, part) for part in slices)]:
            if answers.get("nvmlDeviceGetUUID") == uuid:
                return handle
        raise RefusedError("Not Found")

    def _answer(self, name, handle, *arguments):
        """A board's handle is its number, a slice's what it answers."""
        answers = self.devices[handle] if isinstance(handle, int) else handle
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
        "PersistenceMode": 1,
        "ApplicationsClock": lambda domain: {1: 1980, 2: 2619}[domain],
        "CpuAffinity": lambda words: [0b1011, 0b1] + [0] * (words - 2),
    }
    answers.update(changes)
    return {f"nvmlDeviceGet{name}": answer for name, answer in answers.items() if answer is not None}


def mig_answers(slices, **changes):
    """What an H100 in MIG mode answers; `slices` by their numbers, of which there may be seven."""

    def handle(number):
        if number not in slices:
            raise RefusedError("Not Found")
        return slices[number]

    board = {"MigMode": [1, 1], "MaxMigDeviceCount": 7, "MigDeviceHandleByIndex": handle, **changes}
    return {**gpu_answers(**board), "slices": slices}


def slice_answers(uuid, gibibytes=40, **changes):
    """What a slice answers: of power, clocks and energy what a careless driver might, the board's."""
    answers = {
        **gpu_answers(),
        "nvmlDeviceGetName": f"NVIDIA H100 80GB HBM3 MIG {gibibytes // 10 - 1}g.{gibibytes}gb",
        "nvmlDeviceGetUUID": uuid,
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=gibibytes * 2**30, used=2**30),
    }
    return {**answers, **{f"nvmlDeviceGet{name}": answer for name, answer in changes.items()}}


@pytest.fixture
def fake_nvml():
    """Call with devices' answers (and driver=False for a machine without one); gives the stand-in module."""
    return FakeNvml


@pytest.fixture
def h100():
    """Call with changes by NVML call, `nvmlDeviceGet` left out; gives one device's answers."""
    return gpu_answers


@pytest.fixture
def mig():
    """Call with slices by number and changes; gives the answers of an H100 that is cut into them."""
    return mig_answers


@pytest.fixture
def mig_slice():
    """Call with a UUID, memory in GiB and changes; gives one slice's answers."""
    return slice_answers
