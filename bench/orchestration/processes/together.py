"""What the processes of one run measured, as one measurement. No Ray here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.machine.figures import farthest, largest, least, total, union, worst_source
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
    "start_seconds",
    "peak_host_bytes",
    "peak_device_bytes",
    "others_cpu_fraction",
    "node_others_cpu_fraction",
    "cgroup_throttled_seconds",
    "load_average",
    "gpu_temperature_max_celsius",
    "gpu_shared",
)
_FARTHEST = ("gpu_sm_clock_moved_fraction",)
_LOWEST = ("gpu_sm_clock_hertz", "gpu_sm_clock_min_hertz")


def together(measured: Sequence[Measurement], nodes: Sequence[str]) -> Measurement:
    """The measurement of a run from those of its processes, of which the first reports, and of their nodes.

    Times and scores are the first one's: the others waited for it, and it for them; but the start took as
    long as the last of them took, and was by forking only where all were forked. What they used is summed
    up, energy of processors once per node; memory, clocks and disturbances are those of the worst of them,
    and a flag of any of them makes the run doubtful.
    """
    first = measured[0]
    if len(measured) == 1:
        return first
    biggest = max(measured, key=lambda one: one.peak_host_bytes or 0)
    of_processors = total(_of_nodes([one.cpu_energy_joules for one in measured], nodes))
    of_boards = total(one.energy_joules for one in measured)
    on_processors = first.gpu_samples is None and first.energy_joules is not None
    sources = [one.energy_source for one in measured]
    of_counters = None if of_processors is None else "counter"
    figures: dict[str, Any] = {
        "start_method": "spawn"
        if any(one.start_method == "spawn" for one in measured)
        else first.start_method,
        "flags": tuple(dict.fromkeys(flag for one in measured for flag in one.flags)),
        "peak_host_of_run": biggest.peak_host_of_run,
        "gpu_throttle_reasons": union(one.gpu_throttle_reasons for one in measured),
        "cpu_energy_joules": of_processors,
        "energy_joules": of_processors if on_processors else of_boards,
        "energy_source": of_counters if on_processors else worst_source(sources),
    }
    for names, combine in ((_SUMMED, total), (_LARGEST, largest), (_LOWEST, least), (_FARTHEST, farthest)):
        figures |= {name: combine(getattr(one, name) for one in measured) for name in names}
    return replace(first, **figures)


def _of_nodes(values: Sequence[float | None], nodes: Sequence[str]) -> list[float | None]:
    """One value for each node, of which every process on it read the same meter."""
    found: dict[str, list[float | None]] = {}
    for node, value in zip(nodes, values, strict=True):
        found.setdefault(node, []).append(value)
    return [largest(read) for read in found.values()]
