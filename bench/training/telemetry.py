"""What the machine did while a run ran: meters around it and around its training, outside the hot path."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from bench.machine.figures import EnergySource
from bench.machine.gpu_sampler import GpuSampler, GpuUse, clocks_moved, together
from bench.machine.load import CpuMeter, CpuUse, contended, throttled_cpu
from bench.machine.nvml import Nvml, open_nvml
from bench.machine.rapl import RaplSampler
from bench.records.kinds import DeviceKind
from bench.training.runtime import Runtime

_T = TypeVar("_T")
_Told = TypeVar("_Told", covariant=True)


@dataclass(frozen=True)
class Use:
    """What was used; None where a meter is not there or failed.

    `cpu` is over the whole run, the rest over its training: `gpu` the device that it trains on, or all of
    them together; `cpu_energy_joules` is that of all CPU packages.
    """

    cpu: CpuUse | None = None
    gpu: GpuUse | None = None
    cpu_energy_joules: float | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """What of it makes the run's times doubtful."""
        gpu_busy, gpu_slow = (self.gpu.others, self.gpu.throttle_reasons) if self.gpu else (False, ())
        raised = {
            "contended": (self.cpu is not None and contended(self.cpu)) or bool(gpu_busy),
            "throttled": (self.cpu is not None and throttled_cpu(self.cpu)) or bool(gpu_slow),
            "clocks-moved": self.gpu is not None and clocks_moved(self.gpu),
        }
        return tuple(flag for flag, up in raised.items() if up)

    def figures(self, kind: DeviceKind) -> dict[str, Any]:
        """The columns of a run that trained on `kind`, by the names that `Measurement` has for them."""
        energy, source = self._energy_of(kind)
        return {
            "energy_joules": energy,
            "energy_source": source,
            "cpu_energy_joules": self.cpu_energy_joules,
            **(_cpu_figures(self.cpu) if self.cpu else {}),
            **(_gpu_figures(self.gpu) if self.gpu else {}),
        }

    def _energy_of(self, kind: DeviceKind) -> tuple[float | None, EnergySource | None]:
        if kind == "cpu":
            return self.cpu_energy_joules, None if self.cpu_energy_joules is None else "counter"
        return (self.gpu.energy_joules, self.gpu.energy_source) if self.gpu else (None, None)


class Telemetry:
    """Meters for one run of this process: `start`, `training` around that, then `stop` gives the use.

    None of them raises: a meter that fails leaves its figures empty, and the run goes on.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._cpu = _Spared(lambda: CpuMeter(runtime.pinning.cores))
        self._energy = _Spared(RaplSampler)
        self._gpu = _Spared(lambda: _GpuMeter(runtime.role.devices)) if runtime.kind == "gpu" else None
        self._trained: Use | None = None

    def start(self) -> None:
        """Begin with what is metered over the whole run, and open what `training` will need."""
        if self._gpu:
            self._gpu.open()
        self._energy.open()
        self._cpu.open()
        self._cpu.start()

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Meter energy and GPUs in this block; what has to be read at intervals is read by threads."""
        if self._gpu:
            self._gpu.start()
        self._energy.start()
        try:
            yield
        finally:
            self._end_training()

    def stop(self) -> Use:
        """End, and give what was used since `start`, and in `training`."""
        cpu = self._cpu.stop()
        return replace(self._end_training(), cpu=cpu)

    def _end_training(self) -> Use:
        """Once, whether or not it came to training: NVML is let go here."""
        if self._trained is None:
            energy = self._energy.stop()
            self._trained = Use(None, self._gpu.stop() if self._gpu else None, energy)
        return self._trained


class _Meter(Protocol[_Told]):
    def start(self) -> None: ...

    def stop(self) -> _Told: ...


class _Spared(Generic[_T]):
    """A meter whose failures, from its making on, the run is spared."""

    def __init__(self, make: Callable[[], _Meter[_T]]) -> None:
        self._make = make
        self._meter: _Meter[_T] | None = None

    def open(self) -> None:
        with contextlib.suppress(Exception):
            self._meter = self._make()

    def start(self) -> None:
        with contextlib.suppress(Exception):
            if self._meter:
                self._meter.start()

    def stop(self) -> _T | None:
        # One that did not start raises here, and so tells nothing.
        with contextlib.suppress(Exception):
            if self._meter:
                return self._meter.stop()
        return None


class _GpuMeter:
    """The first `count` of the GPUs that this process sees, where NVML knows them all."""

    def __init__(self, count: int) -> None:
        self._nvml = open_nvml()
        self._samplers = list[GpuSampler]()
        with contextlib.suppress(Exception):
            self._samplers = _samplers(self._nvml, count) if self._nvml else []

    def start(self) -> None:
        for sampler in self._samplers:
            sampler.start()

    def stop(self) -> GpuUse | None:
        try:
            stopped = [_stopped(sampler) for sampler in self._samplers]
            uses = [use for use in stopped if use is not None]
            return together(uses) if uses and len(uses) == len(stopped) else None
        finally:
            if self._nvml:
                self._nvml.close()


def _stopped(sampler: GpuSampler) -> GpuUse | None:
    """What it tells; None where it fails, which must not leave another one's thread running."""
    with contextlib.suppress(Exception):
        return sampler.stop()
    return None


def _samplers(nvml: Nvml, count: int) -> list[GpuSampler]:
    default = ",".join(map(str, range(count)))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", default).split(",")[:count]
    known = [device for entry in visible if (device := nvml.device_of(entry)) is not None]
    return [GpuSampler(nvml, device) for device in known] if len(known) == count else []


def _cpu_figures(use: CpuUse) -> dict[str, Any]:
    return {
        "metered_seconds": use.seconds,
        "peak_host_bytes": use.peak_host_bytes,
        "peak_host_of_run": use.peak_is_of_run,
        "process_cpu_seconds": use.process_cpu_seconds,
        "others_cpu_fraction": use.others_fraction,
        "node_others_cpu_fraction": use.node_others_fraction,
        "steal_seconds": use.steal_seconds,
        "cgroup_throttled_seconds": use.cgroup_throttled_seconds,
        "load_average": use.load_average,
        "major_faults": use.major_faults,
        "involuntary_switches": use.involuntary_switches,
    }


def _gpu_figures(use: GpuUse) -> dict[str, Any]:
    return {
        "gpu_samples": use.samples,
        "gpu_power_watts": use.mean_power_watts,
        "gpu_sm_clock_hertz": use.median_sm_clock_hertz,
        "gpu_sm_clock_min_hertz": use.min_sm_clock_hertz,
        "gpu_sm_clock_moved_fraction": use.sm_clock_moved_fraction,
        "gpu_temperature_max_celsius": use.max_temperature_celsius,
        "gpu_throttle_reasons": use.throttle_reasons,
        "gpu_shared": use.others,
    }
