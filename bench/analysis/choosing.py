"""Sides of a comparison, chosen among recorded runs: by conditions, or by the values of a column."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import pyarrow as pa

from bench.analysis.condition import Condition
from bench.analysis.frame import told
from bench.analysis.settings import setting_text
from bench.analysis.sides import Side
from bench.errors import BenchError
from bench.records.run_table import Rows, RunTable
from bench.records.scenario import SETTINGS, choices
from bench.records.tables import Row, schema_of

SHORT: Mapping[str, str] = {"session": "session_id", "software": "software_id", "scenario": "scenario_id"}
"""What columns of `runs` are called for short."""
_NEVER = ("run_id", "started_at")
"""Of each run its own."""


def side_of(name: str, runs: RunTable, machines: Iterable[Row]) -> Side:
    """These runs, with the rows of `machines` of their sessions."""
    sessions = set(runs.codes("session_id").distinct())
    return Side(name, runs, [row for row in machines if row.get("session_id") in sessions])


def by_conditions(
    runs: pa.Table, machines: Sequence[Row], conditions: Sequence[tuple[str, str]]
) -> list[Side]:
    """A side for each condition, given as the option and its text; BenchError where one holds for no run."""
    found = []
    for option, expression in conditions:
        with told(expression, option):
            held = Condition(expression).rows_held(runs)
        side = side_of(expression, RunTable(runs.filter(held)), machines)
        if not len(side.runs):
            raise BenchError(f"{option} {expression!r}: holds for no run; `bench show` lists those there are")
        found.append(side)
    return found


def column_named(name: str) -> str:
    """The column of `runs` that is meant; BenchError names the nearest where there is none.

    What was measured makes no sides: it would hold runs against each other by how they came out.
    """
    names = schema_of("runs").names
    column = SHORT.get(name, name)
    if column not in names:
        near = get_close_matches(name, [*names, *SHORT], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "name one of runs', such as loop, precision or node"
        raise BenchError(f"--by {name}: no such column; {hint}")
    if column not in SETTINGS and (
        column in _NEVER or pa.types.is_floating(schema_of("runs").field(column).type)
    ):
        raise BenchError(
            f"--by {name}: differs from run to run by itself; name what was chosen, such as loop or node"
        )
    return column


def by_column(runs: RunTable, machines: Sequence[Row], name: str) -> list[Side]:
    """A side for each value of that column, in the order in which the reference comes first.

    Numbers go upwards and names of a setting as its list has them, the default first; whatever else by when
    its first run began. Runs with no value are on no side. BenchError where there are fewer than two values.
    """
    column = column_named(name)
    values = runs.codes(column)
    of = {values[rows[0]]: rows for rows in runs.groups(column) if values[rows[0]] is not None}
    if len(of) < 2:
        only = ", ".join(map(setting_text, of)) or "none"
        raise BenchError(f"--by {name}: its runs have one value ({only}); name a column in which some differ")
    ordered = sorted(of, key=lambda value: _place(column, value, runs, of[value]))
    return [side_of(_side_name(name, value), runs.take(of[value]), machines) for value in ordered]


def without_value(runs: RunTable, name: str) -> int:
    """How many of the runs have none in that column, and so are on no side."""
    return int((runs.codes(column_named(name)).indices < 0).sum())


def _side_name(column: str, value: object) -> str:
    """The value itself, or "round=2" where that would be a mere number, "no flags" for an empty list."""
    if value == ():
        return f"no {column}"
    return f"{column}={value}" if isinstance(value, int | float) else setting_text(value)


def _place(column: str, value: object, runs: RunTable, rows: Rows) -> tuple[float, str]:
    names = choices(column)
    if isinstance(value, int | float):
        return float(value), ""
    if isinstance(value, str) and value in names:
        return float(names.index(value)), ""
    began = runs.take(rows).numbers("started_at")
    first = float(np.min(began.values[began.known])) if began.known.any() else -np.inf
    return first, str(value)


def with_reference(sides: Sequence[Side], reference: str | None) -> list[Side]:
    """The sides with the one of that name first; BenchError where none or several are called so."""
    if reference is None:
        return list(sides)
    named = [side for side in sides if side.name == reference]
    if len(named) != 1:
        there = ", ".join(side.name for side in sides)
        raise BenchError(f"--reference {reference}: not one of the sides; choose one of {there}")
    return [*named, *(side for side in sides if side is not named[0])]
