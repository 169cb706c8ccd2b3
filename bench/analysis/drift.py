"""Whether a machine itself changed, within a session or between two sides of a comparison: by its probes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.analysis.statistics import median
from bench.records.probe import bandwidths_of
from bench.records.tables import Row

DRIFT = 0.03
RATES = (
    "probe_float32_flops_per_second",
    "probe_tf32_flops_per_second",
    "probe_mixed_bfloat16_flops_per_second",
    "probe_mixed_float16_flops_per_second",
    "probe_all_reduce_bytes_per_second",
)
"""A drift of the bandwidth is that of the largest working set, the machine's memory, where both have it."""
_PROCESS = ("probe_device_kind", "probe_cores", "probe_strategy", "probe_workers")
MACHINE_COLUMNS = (
    *("session_id", "node", "probe_moment", "probe_working_set_bytes", "probe_bytes_per_second"),
    *("probe_deterministic", *_PROCESS, *RATES),
)
"""Of `machines`, all that `drifts` reads."""


@dataclass(frozen=True)
class Change:
    """A figure of one machine's probes that is more than `DRIFT` apart at two times; rates per second."""

    node: str
    figure: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """After over before, less 1."""
        return self.after / self.before - 1


@dataclass(frozen=True)
class Drift(Change):
    """A change while a session ran, of its processes of one kind of device with so many cores."""

    session_id: str
    device_kind: str
    cores: int


def changes(machines_a: Iterable[Row], machines_b: Iterable[Row]) -> list[Change]:
    """What the same machine, by its `machine_id`, did faster or slower when B ran than when A did: medians.

    Takes rows of the `machines` table. Only like processes are held against each other, of the same kind of
    device and as many cores.
    """
    a, b = _by_machine(machines_a), _by_machine(machines_b)
    found = (
        Change(b[key].node, *apart)
        for key in a.keys() & b.keys()
        for apart in _apart(a[key].rates, b[key].rates)
    )
    return sorted(found, key=lambda change: (change.node, change.figure))


@dataclass(frozen=True)
class _Side:
    node: str
    rates: dict[str, float]


def _by_machine(machines: Iterable[Row]) -> dict[tuple[Any, ...], _Side]:
    """By machine, kind of device and cores: the node, and the median of each figure."""
    probed: dict[tuple[Any, ...], list[Row]] = {}
    for row in machines:
        if row.get("probe_moment"):
            key = row["machine_id"], *_process(row)
            probed.setdefault(key, []).append(row)
    return {key: _Side(rows[0]["node"] or "unknown", _medians(rows)) for key, rows in probed.items()}


def _medians(rows: list[Row]) -> dict[str, float]:
    taken: dict[str, list[float]] = {}
    for row in rows:
        for name, rate in _figures(row).items():
            taken.setdefault(name, []).append(rate)
    return {name: median(rates) for name, rates in taken.items()}


def drifts(machines: Iterable[Row]) -> list[Drift]:
    """Every figure that drifted, of each process that was probed both times; rows of the `machines` table.

    A session that was resumed has several ends: the one farthest from its first start is told.
    """
    starts: dict[tuple[Any, ...], Row] = {}
    found: dict[tuple[Any, ...], Drift] = {}
    for row in machines:
        key = row["node"], row["session_id"], *_process(row)
        if row.get("probe_moment") == "start":
            starts.setdefault(key, row)
        elif row.get("probe_moment") == "end" and key in starts:
            where = row["session_id"], row["probe_device_kind"], row["probe_cores"]
            for apart in _apart(_figures(starts[key]), _figures(row)):
                drift, name = Drift(row["node"] or "unknown", *apart, *where), (*key, apart[0])
                found[name] = max(found.get(name, drift), drift, key=lambda one: abs(one.change))
    return list(found.values())


def _process(row: Row) -> tuple[Any, ...]:
    """What sets processes apart whose figures say nothing of each other; older tables know less of it."""
    return *(row.get(name) for name in _PROCESS), bool(row.get("probe_deterministic"))


def _apart(before: dict[str, float], after: dict[str, float]) -> list[tuple[str, float, float]]:
    """The figures that both have and that are more than `DRIFT` apart, with what they were and are."""
    both = ((name, rate, after[name]) for name, rate in before.items() if name in after)
    return [(name.partition("@")[0], old, new) for name, old, new in both if abs(new / old - 1) > DRIFT]


def _figures(row: Row) -> dict[str, float]:
    """The figures that a drift shows in, by the names that people know them by, and what they are at."""
    rates = {name: row.get(name) for name in RATES}
    named = {name.removeprefix("probe_").split("_per_")[0]: rate for name, rate in rates.items() if rate}
    if bandwidths := bandwidths_of(row):
        largest, rate = max(bandwidths)
        named[f"memory_bytes@{largest}"] = rate
    return named
