"""A thin seam over NVIDIA's management library (NVML), through nvidia-ml-py's module `pynvml`.

Names of the calls are in the NVML API reference. What a device does not support is None. NVML numbers the
devices by PCI bus; CUDA does so only under CUDA_DEVICE_ORDER=PCI_BUS_ID, and numbers anew what
CUDA_VISIBLE_DEVICES leaves: `Nvml.index_of` translates one of that variable's entries.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.machine.files import ROOT

# nvmlClocksEventReasons: the bits are fixed by the ABI, their names in pynvml changed with CUDA 12.
_GPU_IDLE = 0x1
_REASONS = {
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
    0x200: "board_limit",
    0x400: "reliability",
}
_NOT_THROTTLING = _GPU_IDLE | 0x2  # applications_clocks_setting: the clock that the owner asked for

_CPU_SET_WORDS = 64  # of 64 bits: 4,096 cores

# Inode of the first PID namespace: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h.
_INIT_PID_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True)
class Gpu:
    """One device as it is built and set, not as it is loaded."""

    index: int
    name: str | None = None
    uuid: str | None = None
    memory_bytes: int | None = None
    compute_capability: str | None = None
    driver_version: str | None = None
    power_limit_watts: float | None = None
    sm_clock_max_hertz: float | None = None
    memory_clock_max_hertz: float | None = None
    memory_bus_bits: int | None = None
    pcie_generation_max: int | None = None
    pcie_width_max: int | None = None
    ecc: bool | None = None
    mig: bool | None = None


@dataclass(frozen=True)
class GpuSample:
    """One device at one moment."""

    energy_joules: float | None = None
    """Since the driver was loaded (nvmlDeviceGetTotalEnergyConsumption; Volta and later)."""
    power_watts: float | None = None
    sm_clock_hertz: float | None = None
    memory_clock_hertz: float | None = None
    temperature_celsius: float | None = None
    throttle_reasons: tuple[str, ...] | None = None
    """What holds the clocks down; idleness and clocks set on purpose do not count."""
    idle: bool | None = None
    """Whether the clocks are down because nothing runs."""
    memory_used_bytes: int | None = None
    """Of the whole device, all processes together."""
    utilization_fraction: float | None = None


class NvmlModule(Protocol):
    """What `pynvml` and its stand-in in tests have; the other calls are looked up by name."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None:  # noqa: N802
        """Load the driver's library; raises NVMLError where there is none."""


class Nvml:
    """An open NVML; `close()` it. Calls never raise for what the driver refuses: they give None."""

    def __init__(self, module: NvmlModule, root: Path = ROOT) -> None:
        self._module = module
        self._root = root

    def close(self) -> None:
        """Give this handle of the library back (NVML counts its users)."""
        self._ask("nvmlShutdown")

    @property
    def count(self) -> int:
        """Number of devices that this process may see."""
        return int(self._ask("nvmlDeviceGetCount") or 0)

    @property
    def driver_version(self) -> str | None:
        """Version of the NVIDIA driver, such as "550.54.15"."""
        return _text(self._ask("nvmlSystemGetDriverVersion"))

    @property
    def cuda_version(self) -> str | None:
        """Highest CUDA version that the driver serves, such as "12.4"."""
        version = self._ask("nvmlSystemGetCudaDriverVersion_v2")
        return None if version is None else f"{version // 1000}.{version % 1000 // 10}"

    def index_of(self, entry: str) -> int | None:
        """NVML index of one entry of CUDA_VISIBLE_DEVICES (a number, or the start of a UUID), or None."""
        if entry.strip().isdigit():
            index = int(entry)
            return index if index < self.count else None
        for index in range(self.count):
            uuid = _text(self._of("nvmlDeviceGetUUID", index))
            if uuid is not None and entry.strip() and uuid.startswith(entry.strip()):
                return index
        return None

    def gpu(self, index: int) -> Gpu:
        """What device `index` is."""
        memory = self._of("nvmlDeviceGetMemoryInfo", index)
        capability = self._of("nvmlDeviceGetCudaComputeCapability", index)
        limit = self._of("nvmlDeviceGetPowerManagementLimit", index)
        return Gpu(
            index=index,
            name=_text(self._of("nvmlDeviceGetName", index)),
            uuid=_text(self._of("nvmlDeviceGetUUID", index)),
            memory_bytes=None if memory is None else int(memory.total),
            compute_capability=None if capability is None else "{}.{}".format(*capability),
            driver_version=self.driver_version,
            power_limit_watts=_scaled(limit, 1e-3),
            sm_clock_max_hertz=self._clock("nvmlDeviceGetMaxClockInfo", index, "NVML_CLOCK_SM"),
            memory_clock_max_hertz=self._clock("nvmlDeviceGetMaxClockInfo", index, "NVML_CLOCK_MEM"),
            memory_bus_bits=self._of("nvmlDeviceGetMemoryBusWidth", index),
            pcie_generation_max=self._of("nvmlDeviceGetMaxPcieLinkGeneration", index),
            pcie_width_max=self._of("nvmlDeviceGetMaxPcieLinkWidth", index),
            ecc=self._current_mode("nvmlDeviceGetEccMode", index),
            mig=self._current_mode("nvmlDeviceGetMigMode", index),
        )

    def sample(self, index: int) -> GpuSample:
        """How device `index` is doing now."""
        memory = self._of("nvmlDeviceGetMemoryInfo", index)
        utilization = self._of("nvmlDeviceGetUtilizationRates", index)
        sensor = getattr(self._module, "NVML_TEMPERATURE_GPU", 0)
        temperature = self._of("nvmlDeviceGetTemperature", index, sensor)
        mask = self._throttle_mask(index)
        return GpuSample(
            energy_joules=_scaled(self._of("nvmlDeviceGetTotalEnergyConsumption", index), 1e-3),
            power_watts=_scaled(self._of("nvmlDeviceGetPowerUsage", index), 1e-3),
            sm_clock_hertz=self._clock("nvmlDeviceGetClockInfo", index, "NVML_CLOCK_SM"),
            memory_clock_hertz=self._clock("nvmlDeviceGetClockInfo", index, "NVML_CLOCK_MEM"),
            temperature_celsius=_scaled(temperature, 1.0),
            throttle_reasons=None if mask is None else throttle_reasons(mask),
            idle=None if mask is None else bool(mask & _GPU_IDLE),
            memory_used_bytes=None if memory is None else int(memory.used),
            utilization_fraction=None if utilization is None else utilization.gpu / 100,
        )

    def other_processes(self, index: int, own_pid: int) -> tuple[int, ...] | None:
        """PIDs with a compute context on device `index` that are not `own_pid`; None where it cannot be told.

        NVML gives the host's PIDs. In a container with PIDs of its own a single unknown one may be this
        very process, hence None; of several unknown ones at least one is somebody else.
        """
        processes = self._of("nvmlDeviceGetComputeRunningProcesses", index)
        if processes is None:
            return None
        pids = {int(process.pid) for process in processes}
        if len(pids) == 1 and own_pid not in pids and not self._sees_host_pids():
            return None
        return tuple(sorted(pids - {own_pid}))

    def cores_near(self, index: int) -> tuple[int, ...] | None:
        """Cores of the NUMA node that device `index` hangs on (nvmlDeviceGetCpuAffinity)."""
        words = self._of("nvmlDeviceGetCpuAffinity", index, _CPU_SET_WORDS)
        if words is None:
            return None
        cores = (64 * place + bit for place, word in enumerate(words) for bit in range(64) if word >> bit & 1)
        return tuple(cores) or None

    def _ask(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401
        # AttributeError: this pynvml is older than the call.
        try:
            return getattr(self._module, name)(*arguments)
        except (self._module.NVMLError, AttributeError):
            return None

    def _of(self, name: str, index: int, *arguments: Any) -> Any:  # noqa: ANN401
        handle = self._ask("nvmlDeviceGetHandleByIndex", index)
        return None if handle is None else self._ask(name, handle, *arguments)

    def _clock(self, name: str, index: int, domain: str) -> float | None:
        return _scaled(self._of(name, index, getattr(self._module, domain, None)), 1e6)

    def _current_mode(self, name: str, index: int) -> bool | None:
        modes = self._of(name, index)
        return None if modes is None else bool(modes[0])

    def _throttle_mask(self, index: int) -> int | None:
        for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
            mask = self._of(name, index)
            if mask is not None:
                return int(mask)
        return None

    def _sees_host_pids(self) -> bool:
        try:
            return str((self._root / "proc/self/ns/pid").readlink()) == _INIT_PID_NAMESPACE
        except OSError:
            return True


def open_nvml(module: NvmlModule | None = None) -> Nvml | None:
    """NVML, ready to ask; None where there is no NVIDIA driver. `module` stands in for `pynvml` in tests.

    NVML does not survive a fork: open it in the process that asks.
    """
    if module is None:
        import pynvml

        module = pynvml
    try:
        module.nvmlInit()
    except module.NVMLError:
        return None
    return Nvml(module)


def throttle_reasons(mask: int) -> tuple[str, ...]:
    """Names of the bits of nvmlClocksEventReasons that mean throttling, a name for unknown bits included."""
    left = mask & ~_NOT_THROTTLING
    named = tuple(name for bit, name in _REASONS.items() if left & bit)
    unknown = left & ~sum(_REASONS)
    return (*named, f"unknown_{unknown:#x}") if unknown else named


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _text(value: str | bytes | None) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
