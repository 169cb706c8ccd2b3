"""Machines by what they are, not by what they are called."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from bench.records.arrow_columns import Codes, codes, texts
from bench.records.asked import Tables
from bench.records.tables import TableName

_FEWEST_DIGITS = 4
_NAMED = ("machine_id", "machine")
_PLACES = ("session_id", "node", *_NAMED)


def distinct_names(machines: Iterable[tuple[str | None, str | None]]) -> dict[str, str]:
    """The names of those machines, by their id, that share theirs with another one: "A CPU, 2 cores (3f9a)".

    Takes ids and names; what stands in parentheses is as much of the id as tells them apart.
    """
    of_name: dict[str, set[str]] = {}
    for machine_id, name in machines:
        if machine_id and name:
            of_name.setdefault(name, set()).add(machine_id)
    found: dict[str, str] = {}
    for name, ids in of_name.items():
        if len(ids) > 1:
            lengths = range(_FEWEST_DIGITS, max(map(len, ids)))
            digits = next((n for n in lengths if len({i[:n] for i in ids}) == len(ids)), None)
            found |= {machine_id: f"{name} ({machine_id[:digits]})" for machine_id in ids}
    return found


def with_names(columns: Mapping[TableName, Sequence[str]]) -> dict[TableName, tuple[str, ...]]:
    """The columns to read where those are asked for: machines are told apart by the others."""
    workers = ("session_id", "nodes") if "machines" in columns.get("runs", ()) else ()
    return {
        **{name: tuple(of) for name, of in columns.items()},
        "runs": (*columns.get("runs", ()), *_NAMED, *workers),
        "machines": (*columns.get("machines", ()), *_PLACES),
    }


def told_apart(sides: Sequence[Tables]) -> list[Tables]:
    """The same tables, in which machines of one name on any of the sides are called differently."""
    tables = [table for side in sides for table in (side.runs, side.machines)]
    named = {pair for side in sides for pair in side.others}
    names = distinct_names(named.union(*(_pairs(table).values for table in tables)))
    if not names:
        return list(sides)
    return [
        replace(side, runs=_workers_renamed(_renamed(side.runs, names), names, side.machines))
        for side in (replace(side, machines=_renamed(side.machines, names)) for side in sides)
    ]


def _pairs(table: pa.Table) -> Codes:
    """A machine's id and name, of each row."""
    ids, names = (codes(table.column(column)) for column in _NAMED)
    number = len(names.values) + 1
    found, of_rows = np.unique(ids.indices.astype(np.int64) * number + names.indices + 1, return_inverse=True)
    places = [divmod(pair, number) for pair in found.tolist()]
    of_ids, of_names = (*ids.values, None), (None, *names.values)
    return Codes(of_rows.astype(np.int32), [(of_ids[place], of_names[name]) for place, name in places])


def _renamed(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    pairs = _pairs(table)
    renamed = pairs.mapped([names.get(machine_id or "", name) for machine_id, name in pairs.values])
    return _with(table, "machine", texts(renamed, table.schema.field("machine").type))


def _workers_renamed(table: pa.Table, names: Mapping[str, str], machines: pa.Table) -> pa.Table:
    """The names of each worker's machine, where they are asked for."""
    if "machines" not in table.schema.names:
        return table
    where = _ids(_rows(machines, "session_id", "node", "machine_id"))
    workers = [
        None if of is None else _of_workers(session, of, nodes, names, where)
        for session, of, nodes in _rows(table, "session_id", "machines", "nodes")
    ]
    return _with(table, "machines", pa.array(workers, table.schema.field("machines").type))


def _ids(places: Iterable[Sequence[str | None]]) -> dict[tuple[str | None, str | None], str]:
    """The machine's id by session and node."""
    return {(session, node): machine_id for session, node, machine_id in places if node and machine_id}


def _of_workers(
    session: str,
    machines: Sequence[str],
    nodes: Sequence[str] | None,
    names: Mapping[str, str],
    where: Mapping[tuple[str | None, str | None], str],
) -> list[str]:
    """The names of each worker's machine, by the node that it was on."""
    if nodes is None or len(nodes) != len(machines):
        return list(machines)
    ids = (where.get((session, node), "") for node in nodes)
    return [names.get(machine_id, name) for machine_id, name in zip(ids, machines, strict=True)]


def _rows(table: pa.Table, *columns: str) -> Iterable[Any]:
    return zip(*(table.column(name).to_pylist() for name in columns), strict=True)


def _with(table: pa.Table, name: str, values: pa.ChunkedArray | pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), values)
