"""Whether a machine itself changed, within a session or between two sides of a comparison: by its probes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.analysis.statistics import median
from bench.records.tables import Row

DRIFT = 0.03
RATES = (
    "probe_float32_flops_per_second",
    "probe_tf32_flops_per_second",
    "probe_mixed_bfloat16_flops_per_second",
    "probe_mixed_float16_flops_per_second",
    "probe_all_reduce_bytes_per_second",
)
"""A drift of the bandwidth is that of the largest working set, the machine's memory."""


@dataclass(frozen=True)
class Process:
    """The kind of process that was probed: all of a session's on one node with these cores and device."""

    session_id: str
    node: str
    device_kind: str | None
    cores: int | None


@dataclass(frozen=True)
class Drift:
    """A figure of a probe that changed by more than `DRIFT` over a session; rates per second."""

    process: Process
    figure: str
    start: float
    end: float

    @property
    def change(self) -> float:
        """The end over the start, less 1."""
        return self.end / self.start - 1


@dataclass(frozen=True)
class Change:
    """A figure of one machine that is over `DRIFT` apart on two sides: medians of their probes' rates."""

    node: str
    figure: str
    rate_a: float
    rate_b: float

    @property
    def change(self) -> float:
        """B over A, less 1."""
        return self.rate_b / self.rate_a - 1


def changes(machines_a: Iterable[Row], machines_b: Iterable[Row]) -> list[Change]:
    """What the same machine, by its `machine_id`, did faster or slower when B ran than when A did.

    Takes rows of the `machines` table. Only like processes are held against each other, of the same kind of
    device and as many cores.
    """
    a, b = _by_machine(machines_a), _by_machine(machines_b)
    found = []
    for key, figures in a.items():
        for name in figures.keys() & b.get(key, {}).keys():
            change = Change(b[key][name][0], name, figures[name][1], b[key][name][1])
            if abs(change.change) > DRIFT:
                found.append(change)
    return sorted(found, key=lambda change: (change.node, change.figure))


def _by_machine(machines: Iterable[Row]) -> dict[tuple[Any, ...], dict[str, tuple[str, float]]]:
    """By machine, kind of device and cores: each figure's node and median."""
    probed: dict[tuple[Any, ...], list[Row]] = {}
    for row in machines:
        if row.get("probe_moment"):
            key = row["machine_id"], row["probe_device_kind"], row["probe_cores"]
            probed.setdefault(key, []).append(row)
    return {key: _medians(rows) for key, rows in probed.items()}


def _medians(rows: list[Row]) -> dict[str, tuple[str, float]]:
    taken: dict[str, list[float]] = {}
    for row in rows:
        for name, rate in _figures(row).items():
            taken.setdefault(name, []).append(rate)
    return {name: (str(rows[0]["node"]), median(rates)) for name, rates in taken.items()}


def drifts(machines: Iterable[Row]) -> list[Drift]:
    """Every figure that drifted, of each process that was probed both times; rows of the `machines` table."""
    starts: dict[Process, Row] = {}
    found = []
    for row in machines:
        key = Process(row["session_id"], row["node"], row.get("probe_device_kind"), row.get("probe_cores"))
        if row.get("probe_moment") == "start":
            starts.setdefault(key, row)
        elif row.get("probe_moment") == "end" and key in starts:
            before, after = _figures(starts[key]), _figures(row)
            pairs = [Drift(key, name, before[name], after[name]) for name in before if name in after]
            found += [drift for drift in pairs if abs(drift.change) > DRIFT]
    return found


def _figures(row: Row) -> dict[str, float]:
    """The figures that a drift shows in, by the names that people know them by."""
    rates = {name: row.get(name) for name in RATES}
    named = {name.removeprefix("probe_").split("_per_")[0]: rate for name, rate in rates.items() if rate}
    sets, bandwidths = row.get("probe_working_set_bytes"), row.get("probe_bytes_per_second")
    if sets and bandwidths:
        named["memory_bytes"] = max(zip(sets, bandwidths, strict=True))[1]
    return named
