"""What the processes of one run measured, as one measurement. No Ray here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from bench.records.measurement import Measurement

_SUMMED = (
    "process_cpu_seconds",
    "steal_seconds",
    "major_faults",
    "involuntary_switches",
    "gpu_samples",
    "gpu_power_watts",
)
_LARGEST = (
    "peak_host_bytes",
    "peak_device_bytes",
    "others_cpu_fraction",
    "node_others_cpu_fraction",
    "cgroup_throttled_seconds",
    "load_average",
    "gpu_temperature_max_celsius",
    "gpu_shared",
)
_LOWEST = ("gpu_sm_clock_hertz", "gpu_sm_clock_min_hertz")

_T = TypeVar("_T")


def together(measured: Sequence[Measurement], nodes: Sequence[str]) -> Measurement:
    """The measurement of a run from those of its processes, of which the first reports, and of their nodes.

    Times and scores are the first one's: the others waited for it, and it for them. What they used is summed
    up, energy of processors once per node; memory, clocks and disturbances are those of the worst of them,
    and a flag of any of them makes the run doubtful.
    """
    first = measured[0]
    if len(measured) == 1:
        return first
    largest = max(measured, key=lambda one: one.peak_host_bytes or 0)
    of_processors = _sum(_of_nodes([one.cpu_energy_joules for one in measured], nodes))
    of_boards = _sum(one.energy_joules for one in measured)
    on_processors = first.gpu_samples is None and first.energy_joules is not None
    figures: dict[str, Any] = {
        "flags": tuple(dict.fromkeys(flag for one in measured for flag in one.flags)),
        "peak_host_of_run": largest.peak_host_of_run,
        "gpu_throttle_reasons": _union(one.gpu_throttle_reasons for one in measured),
        "cpu_energy_joules": of_processors,
        "energy_joules": of_processors if on_processors else of_boards,
    }
    for names, combine in ((_SUMMED, _sum), (_LARGEST, _max), (_LOWEST, _min)):
        figures |= {name: combine(getattr(one, name) for one in measured) for name in names}
    return replace(first, **figures)


def _of_nodes(values: Sequence[float | None], nodes: Sequence[str]) -> list[float | None]:
    """One value for each node, of which every process on it read the same meter."""
    found: dict[str, list[float | None]] = {}
    for node, value in zip(nodes, values, strict=True):
        found.setdefault(node, []).append(value)
    return [_max(read) for read in found.values()]


def _sum(values: Iterable[float | None]) -> float | None:
    """None where one of them is: the sum of the rest would be wrong."""
    values = list(values)
    told = _told(values)
    return sum(told) if len(told) == len(values) else None


def _max(values: Iterable[float | None]) -> float | None:
    return max(_told(values), default=None)


def _min(values: Iterable[float | None]) -> float | None:
    return min(_told(values), default=None)


def _union(values: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    told = _told(values)
    return tuple(sorted(set().union(*told))) if told else None


def _told(values: Iterable[_T | None]) -> list[_T]:
    return [value for value in values if value is not None]
