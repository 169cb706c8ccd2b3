"""The sides of `bench compare`, as they are named on the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.recorded import Columns, chosen, warn
from bench.errors import BenchError
from bench.uri import scheme_of, shown

if TYPE_CHECKING:
    from bench.analysis.sides import Side
    from bench.records.prices import Prices
    from bench.records.store import Tables

RESULTS = "results"
_FEWEST_DIGITS = 4


@dataclass(frozen=True)
class Asked:
    """What was asked for: places or machines as sides, or conditions or a column on the runs of places."""

    names: Sequence[str]
    a: str | None = None
    b: Sequence[str] = ()
    by: str | None = None
    where: str | None = None
    reference: str | None = None
    prices: "Prices | None" = None

    def check(self) -> None:
        """BenchError where that makes no two sides."""
        if self.by is not None and (self.a is not None or self.b):
            raise BenchError("--by: makes sides of its own; leave out --a and --b, or --by")
        if (self.a is None) != (not self.b):
            raise BenchError("--a and --b: each is one side; give both, --b as often as there are others")
        if not all(map(str.strip, self.names)):
            raise BenchError("a side without a name: name a session, a folder or a machine, or leave it out")
        if self.by is None and self.a is None and len(self.names) < 2:
            raise BenchError(
                "compare: two sides at least, such as `bench compare results/A results/B`; or one of "
                "`--by loop`, `--a EXPR --b EXPR` for sides within what is there"
            )


def sides_of(asked: Asked, columns: Columns, for_people: bool) -> "list[Side]":
    """The sides, the reference first; what is shown to people has no control characters."""
    from bench.analysis.choosing import with_reference

    asked.check()
    if asked.by is None and asked.a is None:
        found = _of_names(asked, columns, for_people)
    else:
        found = _within(asked, columns, for_people)
    return with_reference(found, asked.reference)


def _within(asked: Asked, columns: Columns, for_people: bool) -> "list[Side]":
    """Conditions, or a column's values, on the runs of all places together."""
    from bench.analysis.choosing import by_column, by_conditions, column_named, without_value
    from bench.analysis.machines import told_apart
    from bench.records.run_table import RunTable
    from bench.views.format import several

    conditions = [("--a", asked.a or ""), *(("--b", expression) for expression in asked.b)]
    named = [column_named(asked.by)] if asked.by else _columns_of(conditions)
    wanted = {**columns, "runs": (*columns["runs"], *named)}
    (tables,) = told_apart([chosen(asked.names or [RESULTS], asked.where, wanted)])
    (tables,) = _priced(_visible([tables], for_people), asked.prices)
    machines = tables.machines.to_pylist()
    if asked.by:
        runs = RunTable(tables.runs)
        found = by_column(runs, machines, asked.by)
        if number := without_value(runs, asked.by):
            warn([f"--by {asked.by}: {several(number, 'run')} without a value left out"])
        return found
    return by_conditions(tables.runs, machines, conditions)


def _columns_of(conditions: Sequence[tuple[str, str]]) -> list[str]:
    from bench.analysis.condition import Condition
    from bench.analysis.frame import told
    from bench.records.tables import schema_of

    found: set[str] = set()
    for option, expression in conditions:
        with told(expression, option):
            found |= Condition(expression).names
    return sorted(found & set(schema_of("runs").names))


def _of_names(asked: Asked, columns: Columns, for_people: bool) -> "list[Side]":
    """Each a place, a session of `results`, or a machine in it."""
    from bench.analysis.choosing import side_of
    from bench.analysis.machines import told_apart
    from bench.records.run_table import RunTable

    places = {name: place for name in asked.names if (place := _place(name))}
    read_of = {name: chosen([place], asked.where, columns) for name, place in places.items()}
    if machines := [name for name in asked.names if name not in places]:
        everything = _results(machines[0], columns, asked.where)
        read_of |= {name: _of_machine(name, everything) for name in machines}
    apart = told_apart([read_of[name] for name in asked.names])
    tables = _priced(_visible(apart, for_people), asked.prices)
    return [
        side_of(_shown(name, for_people), RunTable(of.runs), of.machines.to_pylist())
        for name, of in zip(asked.names, tables, strict=True)
    ]


def _place(name: str) -> str | None:
    """Where the sessions of that name are; None where it is no place."""
    if scheme_of(name) or Path(name).exists() or "/" in name:
        return name
    below = Path(RESULTS) / name
    return str(below) if below.exists() else None


def _results(name: str, columns: Columns, where: str | None) -> "Tables":
    if not Path(RESULTS).is_dir():
        raise BenchError(
            f"{name}: no folder, and no results here that it could be a machine of; name a folder"
        )
    return chosen([RESULTS], where, columns)


def _of_machine(name: str, tables: "Tables") -> "Tables":
    """The runs on the one machine, or node, that goes by that name, a part of it, or its id."""
    from dataclasses import replace

    import pyarrow as pa

    from bench.analysis.machines import told_apart
    from bench.records.arrow_columns import codes

    (apart,) = told_apart([tables])
    of = {column: codes(apart.runs.column(column)) for column in ("machine", "node", "machine_id")}
    for column, fits in _WAYS:
        found = sorted(
            value for value in of[column].values if value and fits(name.casefold(), value.casefold())
        )
        if len(found) > 1:
            raise BenchError(f"{name}: {', '.join(found)} fit; write out the one that is meant")
        if found:
            return replace(apart, runs=apart.runs.filter(pa.array(of[column].among(found))))
    there = ", ".join(sorted(value for value in of["machine"].values if value)) or "none"
    raise BenchError(f"{name}: no folder, no session of {RESULTS} and no machine in it; there are {there}")


_WAYS: Sequence[tuple[str, Callable[[str, str], bool]]] = (
    ("machine", str.__eq__),
    ("node", str.__eq__),
    ("machine", lambda name, value: name in value),
    ("machine_id", lambda name, value: len(name) >= _FEWEST_DIGITS and value.startswith(name)),
)
"""How a machine may be named, the plainest way first."""


def _visible(tables: "Sequence[Tables]", for_people: bool) -> "list[Tables]":
    """The tables without control characters, where they are shown on a terminal or in Markdown."""
    from dataclasses import replace

    from bench.views.visible import visible_table

    if not for_people:
        return list(tables)
    return [replace(of, runs=visible_table(of.runs), machines=visible_table(of.machines)) for of in tables]


def _priced(tables: "Sequence[Tables]", prices: "Prices | None") -> "Sequence[Tables]":
    from bench.analysis.paid import with_cost

    return tables if prices is None else with_cost(tables, prices)


def _shown(name: str, for_people: bool) -> str:
    from bench.views.visible import visible

    return visible(shown(name)) if for_people else shown(name)
