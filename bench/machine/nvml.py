"""A thin seam over NVIDIA's management library (NVML), through nvidia-ml-py's module `pynvml`.

Names of the calls are in the NVML API reference. What a device does not support is None. NVML numbers the
boards by PCI bus; CUDA does so only under CUDA_DEVICE_ORDER=PCI_BUS_ID, and numbers anew what
CUDA_VISIBLE_DEVICES leaves: `Nvml.device_of` translates one of that variable's entries.

A board in MIG mode (multi-instance GPU) is cut into slices, and CUDA computes on these alone, one to a
process. A slice is known by its UUID. Energy, power, clocks and temperature are measured for the whole board,
whoever uses it: of a slice they are None.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
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

_SLICE = "MIG-"  # how the UUID of a slice begins

_CPU_SET_WORDS = 64  # of 64 bits: 4,096 cores

# Inode of the first PID namespace: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h.
_INIT_PID_NAMESPACE = "pid:[4026531836]"


Device = int | str
"""A board, by NVML's number for it, or a slice of one, by its UUID ("MIG-…")."""


@dataclass(frozen=True)
class Gpu:
    """One device as it is built and set, not as it is loaded. Of a slice, `index` is its board's."""

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
    """Whether it is a slice, or a board in MIG mode of which no slice is seen."""
    persistence: bool | None = None
    """Whether the driver keeps the board ready while nobody uses it."""
    application_sm_clock_hertz: float | None = None
    """What the owner has set; None where the driver no longer tells (deprecated with CUDA 13)."""
    application_memory_clock_hertz: float | None = None


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
        self._handles: dict[Device, Any] = {}
        # The last two: the driver is older than this pynvml, or this pynvml is older than the call.
        mismatch = getattr(module, "NVMLLibraryMismatchError", module.NVMLError)
        self._refusals = (module.NVMLError, mismatch, AttributeError)

    def close(self) -> None:
        """Give this handle of the library back (NVML counts its users)."""
        self._handles.clear()
        self._ask("nvmlShutdown")

    @property
    def count(self) -> int:
        """Number of boards that this process may see."""
        return int(self._ask("nvmlDeviceGetCount") or 0)

    @property
    def devices(self) -> tuple[Device, ...]:
        """What there is to compute on: every board, or in place of one in MIG mode its slices."""
        return tuple(device for index in range(self.count) for device in self.slices(index) or (index,))

    @property
    def slice_names(self) -> tuple[str, ...]:
        """The names of all slices, such as "NVIDIA H100 80GB HBM3 MIG 3g.40gb"."""
        slices = (uuid for index in range(self.count) for uuid in self.slices(index))
        return tuple(_text(self._of("nvmlDeviceGetName", uuid)) or "MIG slice" for uuid in slices)

    def slices(self, index: int) -> tuple[str, ...]:
        """UUIDs of the slices of board `index` that this process may see; empty outside MIG mode."""
        return tuple(self._slices(index)) if self._current_mode("nvmlDeviceGetMigMode", index) else ()

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

    def device_of(self, entry: str) -> Device | None:
        """What one entry of CUDA_VISIBLE_DEVICES stands for, or None.

        A board in MIG mode stands for its slice where there is one alone: of several, CUDA does not say which
        it takes.
        """
        if entry.strip().startswith(_SLICE):
            uuid = entry.strip()
            return None if self._handle(uuid) is None else uuid
        index = self.index_of(entry)
        if index is None or not self._current_mode("nvmlDeviceGetMigMode", index):
            return index
        slices = self.slices(index)
        return slices[0] if len(slices) == 1 else None

    def gpu(self, device: Device) -> Gpu:
        """What `device` is."""
        memory = self._of("nvmlDeviceGetMemoryInfo", device)
        board = self._board(device)
        capability = self._of("nvmlDeviceGetCudaComputeCapability", board)
        either = Gpu(
            index=-1 if board is None else board,
            name=_text(self._of("nvmlDeviceGetName", device)),
            uuid=_text(self._of("nvmlDeviceGetUUID", device)),
            memory_bytes=None if memory is None else int(memory.total),
            compute_capability=None if capability is None else "{}.{}".format(*capability),
            driver_version=self.driver_version,
            ecc=self._current_mode("nvmlDeviceGetEccMode", board),
            persistence=_flag(self._of("nvmlDeviceGetPersistenceMode", board)),
        )
        if isinstance(device, str):
            return replace(either, mig=True)
        limit = self._of("nvmlDeviceGetPowerManagementLimit", device)
        return replace(
            either,
            power_limit_watts=_scaled(limit, 1e-3),
            sm_clock_max_hertz=self._clock("nvmlDeviceGetMaxClockInfo", device, "NVML_CLOCK_SM"),
            memory_clock_max_hertz=self._clock("nvmlDeviceGetMaxClockInfo", device, "NVML_CLOCK_MEM"),
            memory_bus_bits=self._of("nvmlDeviceGetMemoryBusWidth", device),
            pcie_generation_max=self._of("nvmlDeviceGetMaxPcieLinkGeneration", device),
            pcie_width_max=self._of("nvmlDeviceGetMaxPcieLinkWidth", device),
            mig=self._current_mode("nvmlDeviceGetMigMode", device),
            application_sm_clock_hertz=self._clock("nvmlDeviceGetApplicationsClock", device, "NVML_CLOCK_SM"),
            application_memory_clock_hertz=self._clock(
                "nvmlDeviceGetApplicationsClock", device, "NVML_CLOCK_MEM"
            ),
        )

    def sample(self, device: Device) -> GpuSample:
        """How `device` is doing now; of a slice that is its memory alone."""
        memory = self._of("nvmlDeviceGetMemoryInfo", device)
        used = None if memory is None else int(memory.used)
        if isinstance(device, str):
            return GpuSample(memory_used_bytes=used)
        utilization = self._of("nvmlDeviceGetUtilizationRates", device)
        sensor = getattr(self._module, "NVML_TEMPERATURE_GPU", 0)
        temperature = self._of("nvmlDeviceGetTemperature", device, sensor)
        mask = self._throttle_mask(device)
        return GpuSample(
            energy_joules=_scaled(self._of("nvmlDeviceGetTotalEnergyConsumption", device), 1e-3),
            power_watts=_scaled(self._of("nvmlDeviceGetPowerUsage", device), 1e-3),
            sm_clock_hertz=self._clock("nvmlDeviceGetClockInfo", device, "NVML_CLOCK_SM"),
            memory_clock_hertz=self._clock("nvmlDeviceGetClockInfo", device, "NVML_CLOCK_MEM"),
            temperature_celsius=_scaled(temperature, 1.0),
            throttle_reasons=None if mask is None else throttle_reasons(mask),
            idle=None if mask is None else bool(mask & _GPU_IDLE),
            memory_used_bytes=used,
            utilization_fraction=None if utilization is None else utilization.gpu / 100,
        )

    def other_processes(self, device: Device, own_pid: int) -> tuple[int, ...] | None:
        """PIDs with a compute context on `device` that are not `own_pid`; None where it cannot be told.

        A process that trains is on the list itself. Where it is not, NVML does not see into this container,
        or gives the host's PIDs, of which one may be this very process; of several, at least one is somebody
        else. One that has no context yet is told of others only where it sees the host's processes.
        """
        processes = self._of("nvmlDeviceGetComputeRunningProcesses", device)
        if processes is None:
            return None
        pids = {int(process.pid) for process in processes}
        if own_pid not in pids and (not pids or (len(pids) == 1 and not self._sees(pids))):
            return None
        return tuple(sorted(pids - {own_pid}))

    def cores_near(self, device: Device) -> tuple[int, ...] | None:
        """Cores of the NUMA node that `device` hangs on (nvmlDeviceGetCpuAffinity)."""
        words = self._of("nvmlDeviceGetCpuAffinity", self._board(device), _CPU_SET_WORDS)
        if words is None:
            return None
        cores = (64 * place + bit for place, word in enumerate(words) for bit in range(64) if word >> bit & 1)
        return tuple(cores) or None

    def _ask(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401
        try:
            return getattr(self._module, name)(*arguments)
        except self._refusals:
            return None

    def _of(self, name: str, device: Device | None, *arguments: Any) -> Any:  # noqa: ANN401
        handle = None if device is None else self._handle(device)
        return None if handle is None else self._ask(name, handle, *arguments)

    def _handle(self, device: Device) -> Any:  # noqa: ANN401
        """NVML's handle, which is good until the library is closed; None for what is not there."""
        if device not in self._handles:
            call = "nvmlDeviceGetHandleByUUID" if isinstance(device, str) else "nvmlDeviceGetHandleByIndex"
            handle = self._ask(call, device)
            if handle is None:
                return None
            self._handles[device] = handle
        return self._handles[device]

    def _board(self, device: Device) -> int | None:
        """The board that `device` is, or is a slice of."""
        if isinstance(device, int):
            return device
        return next((index for index in range(self.count) if device in self._slices(index)), None)

    def _slices(self, index: int) -> Iterator[str]:
        # Numbers of slices have gaps: what is not there is refused.
        for number in range(self._of("nvmlDeviceGetMaxMigDeviceCount", index) or 0):
            handle = self._of("nvmlDeviceGetMigDeviceHandleByIndex", index, number)
            uuid = None if handle is None else _text(self._ask("nvmlDeviceGetUUID", handle))
            if uuid is not None:
                yield uuid

    def _clock(self, name: str, device: Device, domain: str) -> float | None:
        return _scaled(self._of(name, device, getattr(self._module, domain, None)), 1e6)

    def _current_mode(self, name: str, device: Device | None) -> bool | None:
        modes = self._of(name, device)
        return None if modes is None else bool(modes[0])

    def _throttle_mask(self, device: Device) -> int | None:
        for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
            mask = self._of(name, device)
            if mask is not None:
                return int(mask)
        return None

    def _sees(self, pids: set[int]) -> bool:
        """Whether `pids` are PIDs of this process's own namespace, which then is the host's."""
        with contextlib.suppress(OSError):
            first = str((self._root / "proc/self/ns/pid").readlink()) == _INIT_PID_NAMESPACE
            return first and all((self._root / "proc" / str(pid)).exists() for pid in pids)
        return False


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


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _text(value: str | bytes | None) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
