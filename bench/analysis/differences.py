"""What differs between the two sides of a comparison, besides the times."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.analysis.pairing import MANNER, Scenario, plain
from bench.records.run_table import RunTable
from bench.records.tables import Row

Kind = Literal["hardware", "software", "settings"]

UNKNOWN_MACHINE = "unknown"
PLACES = ("node", "device_name")
READ_BACK = ("threads", "dataset_sha256")
READ_BACK_BY_BOTH = ("all_reduce_implementation",)
"""Not told of one replica, nor by older tables. Flags of XLA are in the machines' environment."""

# Facts of the machines table are sorted by their names, so that a new fact needs no entry here.
IDENTITY = re.compile(r"_id$|uuid|serial|json|schema|^(machine|node|fingerprint|session)$")
PASSING = re.compile(
    r"probe|per_second|bandwidth|latency|gemm|reduce|load|free|available|uptime|persistence|_path$|_at$|_seconds$"
)
SOFTWARE = re.compile(
    r"version|driver|kernel|libc|operating_system|compiler|container|governor|boost|smt_|hugepages|environment"
    r"|_ecc$|application_"
)
# Of these long lists only what the other side lacks is worth a reader's time.
SETS = re.compile(r"flags$|^environment$")


@dataclass(frozen=True)
class Difference:
    """One fact or setting that is not the same on both sides; a side that tells none has an empty tuple."""

    kind: Kind
    name: str
    values_a: tuple[Any, ...]
    values_b: tuple[Any, ...]


def side_differences(
    side_a: Sequence[Scenario],
    machines_a: Sequence[Row],
    side_b: Sequence[Scenario],
    machines_b: Sequence[Row],
) -> tuple[Difference, ...]:
    """What differs in hardware, software and settings between the runs of the two sides, in this order.

    A side's values are those of its machines and runs, each named once. A machine that the tables do not
    describe (published figures) is one entry, not one per fact.
    """
    runs_a = [scenario.runs for scenario in side_a]
    runs_b = [scenario.runs for scenario in side_b]
    if not runs_a or not runs_b:
        return ()
    known_a, known_b = _machines_of(runs_a, machines_a), _machines_of(runs_b, machines_b)
    found = [
        *_named("hardware", "machine", _machine_names(runs_a, known_a), _machine_names(runs_b, known_b)),
        *_fact_differences(known_a, known_b),
    ]
    for name in MANNER:
        found.extend(_named("settings", name, _settings(name, side_a), _settings(name, side_b)))
    for name in (*PLACES, *READ_BACK, *READ_BACK_BY_BOTH):
        a, b = _values(name, runs_a), _values(name, runs_b)
        if name in READ_BACK or (a and b):
            found.extend(_named("hardware" if name in PLACES else "settings", name, a, b))
    order = ("hardware", "software", "settings")
    return tuple(sorted(found, key=lambda difference: order.index(difference.kind)))


def setting_differences(a: Scenario, b: Scenario) -> tuple[Difference, ...]:
    """The settings in which two paired scenarios differ."""
    found = (
        Difference("settings", name, _one(a.settings[name]), _one(b.settings[name]))
        for name in MANNER
        if a.settings[name] != b.settings[name]
    )
    return tuple(found)


def _one(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 -- a setting of any type
    return () if value is None else (value,)


def _named(kind: Kind, name: str, a: tuple[Any, ...], b: tuple[Any, ...]) -> Iterator[Difference]:
    if SETS.search(name):
        a, b = tuple(item for item in a if item not in b), tuple(item for item in b if item not in a)
    if _seen(name, a) != _seen(name, b):
        yield Difference(kind, name, a, b)


def _seen(name: str, values: tuple[Any, ...]) -> set[Any]:
    """Values as far as they matter: a kernel keeps a little memory for itself, by turns more and less."""
    if not name.endswith("_bytes"):
        return set(values)
    return {f"{value:.2g}" if isinstance(value, int | float) else value for value in values}


def _fact_differences(known_a: Sequence[Row], known_b: Sequence[Row]) -> Iterator[Difference]:
    """Facts that both tables have a column for: a column that one lacks says nothing about its machine."""
    if not known_a or not known_b:
        return
    for name in known_a[0]:
        if name in known_b[0] and not IDENTITY.search(name) and not PASSING.search(name):
            kind: Kind = "software" if SOFTWARE.search(name) else "hardware"
            yield from _named(kind, name, _facts(name, known_a), _facts(name, known_b))


def _machines_of(runs: Sequence[RunTable], machines: Sequence[Row]) -> list[Row]:
    """The rows of `machines` on which `runs` ran, without those that stand for an unknown machine."""
    for name in ("machine_id", "software_id"):
        if ids := set(_values(name, runs)):
            machines = [row for row in machines if row.get(name) in ids]
    return [row for row in machines if row.get("machine") != UNKNOWN_MACHINE]


def _machine_names(runs: Sequence[RunTable], known: Sequence[Row]) -> tuple[Any, ...]:
    for names in (_values("machine", runs), _facts("machine", known), _values("machine_id", runs)):
        told = tuple(name for name in names if name != UNKNOWN_MACHINE)
        if told:
            return told
    return ()


def _values(name: str, runs: Iterable[RunTable]) -> tuple[Any, ...]:
    """The distinct known values of a column, lists by their items: numbers by size, then texts in order."""
    return _distinct(plain(value) for table in runs for value in table.codes(name).distinct())


def _facts(name: str, machines: Iterable[Row]) -> tuple[Any, ...]:
    """The same of a column of machines."""
    return _distinct(plain(row.get(name)) for row in machines)


def _settings(name: str, side: Iterable[Scenario]) -> tuple[Any, ...]:
    """The same of a setting, which a table that is older than it has at its neutral value."""
    return _distinct(scenario.settings[name] for scenario in side)


def _distinct(cells: Iterable[Any]) -> tuple[Any, ...]:
    items = (item for cell in cells for item in (cell if isinstance(cell, tuple) else (cell,)))
    found = {item for item in items if item is not None}
    numbers = sorted(value for value in found if isinstance(value, int | float))
    return (*numbers, *sorted((value for value in found if not isinstance(value, int | float)), key=str))
