"""Rows of several sessions as one table."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from bench.records.asked import Asked, nothing
from bench.records.cast import union
from bench.records.rows import DIFFERENT, Rows, plain
from bench.records.tables import TABLE_NAMES, TableName

_SMALL = 65_536  # rows


def united(parts: Sequence[Mapping[TableName, Rows]]) -> dict[TableName, Rows]:
    """All rows of each table that has any, in the order of `parts`, which have the same columns.

    Their texts are dictionaries: a million names take a tenth of the memory.
    """
    found = {
        name: [part[name] for part in parts if name in part and part[name].number] for name in TABLE_NAMES
    }
    return {name: _united(some) for name, some in found.items() if some}


def tables_of(parts: Sequence[Mapping[TableName, Rows]], asked: Asked) -> dict[TableName, pa.Table]:
    """As tables of the columns asked for; where all are, also of further ones, and without dictionaries."""
    if asked.columns is None:
        whole = {name: [part[name].table() for part in parts if name in part] for name in TABLE_NAMES}
        return {name: union(name, some) for name, some in whole.items()}
    rows = united(parts)
    return {name: _table(rows.get(name), nothing(name, asked.of(name))) for name in TABLE_NAMES}


def _table(rows: Rows | None, empty: pa.Table) -> pa.Table:
    names = empty.schema.names
    rows = Rows.of(empty) if rows is None else rows
    columns = [plain(rows.column(name)) if name in DIFFERENT else rows.column(name) for name in names]
    return pa.Table.from_arrays([_one_dictionary(column) for column in columns], names=names)


def _united(parts: Sequence[Rows]) -> Rows:
    always = frozenset[str].intersection(*(frozenset(part.constants) for part in parts))
    values = {name: {part.constants[name] for part in parts} for name in always}
    same = {name: it for name, (it, *others) in values.items() if not others}
    names = [name for name in parts[0].names if name not in same]
    somewhere = frozenset[str]().union(*(frozenset(part.constants) for part in parts))
    read = [name for name in names if name not in somewhere]
    table = _as_one(_concatenated([part.read.select(read) for part in parts]))
    if read and (kept := _kept(parts)) is not None:
        table = _as_one(table.filter(kept))
    mixed = [name for name in names if name in somewhere]
    columns = [_behind([part.column(name) for part in parts], name) for name in mixed]
    table = pa.Table.from_arrays([*table.columns, *columns], names=[*read, *mixed])
    return Rows(sum(part.number for part in parts), table, same)


def _as_one(table: pa.Table) -> pa.Table:
    """The same, each column as one chunk where it is small: to filter sixteen takes ten times as long."""
    return table.combine_chunks() if table.num_rows < _SMALL else table


def _kept(parts: Sequence[Rows]) -> pa.ChunkedArray | None:
    """Which of the rows are; None where all are."""
    if all(part.number == part.length for part in parts):
        return None
    mask = pa.chunked_array([chunk for part in parts for chunk in part.mask.chunks], pa.bool_())
    return pa.chunked_array([mask.combine_chunks()], pa.bool_())


def _concatenated(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of the same columns, their texts as dictionaries."""
    if any(table.schema != tables[0].schema for table in tables):
        tables = [_encoded(table) for table in tables]
    return _encoded(pa.concat_tables(tables))


def _encoded(table: pa.Table) -> pa.Table:
    """The same, its texts as dictionaries."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) and field.name not in DIFFERENT:
            table = table.set_column(place, field.name, table.column(place).dictionary_encode())
    return table


def _behind(parts: Sequence[pa.ChunkedArray], name: str) -> pa.ChunkedArray:
    """`parts` behind each other."""
    if name in DIFFERENT:
        parts = [plain(part) for part in parts]
    else:
        parts = [part.dictionary_encode() if pa.types.is_string(part.type) else part for part in parts]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)


def _one_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of a dictionary for each chunk one for all."""
    is_one = column.num_chunks <= 1 or not pa.types.is_dictionary(column.type)
    return column if is_one else pa.chunked_array([column.combine_chunks()], column.type)
