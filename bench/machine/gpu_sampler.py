"""Watches GPUs while a run trains on them: energy, clocks, throttling, memory, and who else is there.

What the meters are worth: an energy counter is brought up to date some 10 to 50 times a second, so of one
second up to a tenth is uncertain, of ten a hundredth; below one second nothing is said. Power is a mean of
the last second on most boards since Ampere (nvmlDeviceGetPowerUsage), and some look at a quarter of the time
only (Yang, Adamek and Armour, "Part-time power measurements", 2024): its integral takes ten seconds to be
worth anything.
"""

import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.errors import BenchError
from bench.machine.figures import (
    EnergySource,
    farthest,
    largest,
    least,
    told,
    total,
    union,
    worst_source,
)
from bench.machine.nvml import Device, GpuSample, Nvml
from bench.machine.ticker import Ticker

CLOCKS_MOVED_FRACTION = 0.02

_SHORTEST_INTERVAL_SECONDS = 1.0
_LEAST_SECONDS: dict[EnergySource, float] = {"counter": 1.0, "samples": 10.0}

_T = TypeVar("_T")


@dataclass(frozen=True)
class GpuUse:
    """One device, or several `together`, between start and stop; None for what NVML did not tell."""

    energy_joules: float | None
    """Of the whole board: the energy counter's difference, else the integral of the sampled power; None, too,
    where it would be worth nothing."""
    mean_power_watts: float | None
    min_sm_clock_hertz: float | None
    median_sm_clock_hertz: float | None
    throttle_reasons: tuple[str, ...] | None
    """Every reason that some sample gave, sorted."""
    peak_memory_bytes: int | None
    """Largest sampled use of the device, all processes: a lower bound, and what TensorFlow reserved."""
    max_temperature_celsius: float | None
    samples: int
    others: bool | None
    """Whether another process computed on the device; None where some sample could not tell."""
    energy_source: EnergySource | None = None
    sm_clock_moved_fraction: float | None = None
    """The last clock under load over the first, less 1."""


@dataclass(frozen=True)
class Reading:
    """One sample, when it was taken, and whether another process was on the device then."""

    seconds: float
    sample: GpuSample
    others: bool | None


class GpuSampler:
    """Samples `device` from `start()` to `stop()`: at both ends, and once a second between them.

    The samples between are taken by a `Ticker`, which `wait` is for. `interval_seconds` below 1 is taken as
    1: NVML calls take the driver's lock, and the run must not feel them. `clock` gives seconds.
    """

    def __init__(
        self,
        nvml: Nvml,
        device: Device,
        interval_seconds: float = _SHORTEST_INTERVAL_SECONDS,
        *,
        own_pid: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._nvml = nvml
        self._device = device
        self._interval = max(interval_seconds, _SHORTEST_INTERVAL_SECONDS)
        self._own_pid = os.getpid() if own_pid is None else own_pid
        self._clock = clock
        self._wait = wait
        self._readings: list[Reading] = []
        self._ticker: Ticker | None = None

    def start(self) -> None:
        """Take the first sample and begin to watch. Raises BenchError where it is watching already."""
        if self._ticker is not None:
            raise BenchError("GpuSampler.start() was called twice: stop the sampler first")
        self._readings = [self._read()]
        self._ticker = Ticker("gpu-sampler", self._sample, self._interval, self._wait)
        self._ticker.start()

    def stop(self) -> GpuUse:
        """Take the last sample and sum up.

        Raises BenchError where `start()` has not been called, and what ended the sampling early.
        """
        ticker, self._ticker = self._ticker, None
        if ticker is None:
            raise BenchError(
                "GpuSampler.stop() was called before GpuSampler.start(): start the sampler first"
            )
        try:
            last = self._read()
        finally:
            ticker.stop()
        return summarise([*self._readings, last])

    def _sample(self) -> None:
        self._readings.append(self._read())

    def _read(self) -> Reading:
        others = self._nvml.other_processes(self._device, self._own_pid)
        sample = self._nvml.sample(self._device)
        return Reading(self._clock(), sample, None if others is None else bool(others))


def summarise(readings: Sequence[Reading]) -> GpuUse:
    """One `GpuUse` from readings in the order in which they were taken; at least one."""
    readings = sorted(readings, key=lambda reading: reading.seconds)
    samples = [reading.sample for reading in readings]
    # An idle GPU lowers its clocks by itself; that says nothing about the clocks under load.
    busy = [sample for sample in samples if not sample.idle] or samples
    clocks = told(sample.sm_clock_hertz for sample in busy)
    seconds = readings[-1].seconds - readings[0].seconds
    energy, source = _energy(readings)
    return GpuUse(
        energy_joules=energy,
        mean_power_watts=energy / seconds if energy is not None and seconds > 0 else None,
        min_sm_clock_hertz=min(clocks, default=None),
        median_sm_clock_hertz=statistics.median(clocks) if clocks else None,
        throttle_reasons=union(sample.throttle_reasons for sample in samples),
        peak_memory_bytes=largest(sample.memory_used_bytes for sample in samples),
        max_temperature_celsius=largest(sample.temperature_celsius for sample in samples),
        samples=len(samples),
        others=_any({reading.others for reading in readings}),
        energy_source=source,
        sm_clock_moved_fraction=_moved(samples),
    )


def clocks_moved(use: GpuUse) -> bool:
    """Whether the clock under load changed by more than 2 %: the warm-up had ended before it settled."""
    return abs(use.sm_clock_moved_fraction or 0.0) > CLOCKS_MOVED_FRACTION


def together(uses: Sequence[GpuUse]) -> GpuUse:
    """What one process used of several devices, at least one: energy and power summed up, the rest the worst.

    Replicas wait for one another, so the device with the lowest clocks is the one that counts. A sum without
    one of the devices would be wrong: it is None where one of them did not tell.
    """
    return GpuUse(
        energy_joules=total(use.energy_joules for use in uses),
        mean_power_watts=total(use.mean_power_watts for use in uses),
        min_sm_clock_hertz=least(use.min_sm_clock_hertz for use in uses),
        median_sm_clock_hertz=least(use.median_sm_clock_hertz for use in uses),
        throttle_reasons=union(use.throttle_reasons for use in uses),
        peak_memory_bytes=largest(use.peak_memory_bytes for use in uses),
        max_temperature_celsius=largest(use.max_temperature_celsius for use in uses),
        samples=sum(use.samples for use in uses),
        others=_any({use.others for use in uses}),
        energy_source=worst_source(use.energy_source for use in uses),
        sm_clock_moved_fraction=farthest(use.sm_clock_moved_fraction for use in uses),
    )


def _energy(readings: Sequence[Reading]) -> tuple[float | None, EnergySource | None]:
    """Joules, and whence: the counter; where it is missing or was reset, the trapezoidal rule over power."""
    counted = _counted(readings)
    joules = _integral(readings) if counted is None else counted
    if joules is None:
        return None, None
    source: EnergySource = "samples" if counted is None else "counter"
    seconds = readings[-1].seconds - readings[0].seconds
    return (joules, source) if seconds >= _LEAST_SECONDS[source] else (None, "too-short")


def _counted(readings: Sequence[Reading]) -> float | None:
    first, last = readings[0].sample.energy_joules, readings[-1].sample.energy_joules
    return last - first if first is not None and last is not None and last >= first else None


def _integral(readings: Sequence[Reading]) -> float | None:
    points = [(reading.seconds, reading.sample.power_watts) for reading in readings]
    known = [(seconds, watts) for seconds, watts in points if watts is not None]
    if len(known) < 2:
        return None
    return sum((b - a) * (p + q) / 2 for (a, p), (b, q) in itertools.pairwise(known))


def _moved(samples: Sequence[GpuSample]) -> float | None:
    """By what share the clock of a GPU that was busy went up or down; None where too few found it busy.

    The samples at both ends find no program running, and a GPU between two programs may clock higher than
    within one. So they are compared with each other where there are no others; else the first tells whether
    the clock was still on its way up.
    """
    clocks = [None if sample.idle else sample.sm_clock_hertz for sample in samples]
    first, last, under_load = clocks[0], clocks[-1], told(clocks[1:-1])
    if under_load:
        began, ended = min([under_load[0], *told([first])]), under_load[-1]
    elif len(samples) > 1 and first is not None and last is not None:
        began, ended = first, last
    else:
        return None
    return ended / began - 1 if began > 0 else None


def _any(seen: set[bool | None]) -> bool | None:
    if True in seen:
        return True
    return None if None in seen else False
