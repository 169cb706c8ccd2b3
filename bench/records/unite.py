"""Rows of several sessions as one table."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from bench.records.asked import Asked, nothing
from bench.records.cast import union
from bench.records.rows import Rows, plain
from bench.records.tables import TABLE_NAMES, TableName

_DIFFERENT = frozenset({"run_id"})
"""Texts that are different in each row: a dictionary of them takes more than they do."""
_SMALL = 65_536  # rows


def united(parts: Sequence[Mapping[TableName, Rows]]) -> dict[TableName, Rows]:
    """All rows of each table, in the order of `parts`, which have the same columns.

    Their texts are dictionaries: a million names take a tenth of the memory.
    """
    found = {name: [part[name] for part in parts if name in part] for name in TABLE_NAMES}
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
    rows = Rows.of(empty) if rows is None or not rows.number else rows
    columns = [plain(rows.column(name)) if name in _DIFFERENT else rows.column(name) for name in names]
    return pa.Table.from_arrays([_one_dictionary(column) for column in columns], names=names)


def _united(parts: Sequence[Rows]) -> Rows:
    parts = [part for part in parts if part.number] or parts[:1]
    names = [*parts[0].columns, *parts[0].constants]
    values = {name: {part.constants.get(name) for part in parts} for name in names}
    same = {name: it for name, (it, *others) in values.items() if it is not None and not others}
    kept = _kept(parts)
    columns = {}
    for name in names:
        if name not in same:
            column = _behind([part.whole_column(name) for part in parts], name)
            columns[name] = _as_one(column if kept is None else column.filter(kept))
    return Rows(sum(part.number for part in parts), columns, same)


def _kept(parts: Sequence[Rows]) -> pa.ChunkedArray | None:
    """Which of the rows are; None where all are."""
    if all(part.number == part.length for part in parts):
        return None
    return pa.chunked_array([chunk for part in parts for chunk in part.mask.chunks], pa.bool_())


def _behind(parts: Sequence[pa.ChunkedArray], name: str) -> pa.ChunkedArray:
    """`parts` behind each other."""
    if name in _DIFFERENT:
        parts = [plain(part) for part in parts]
    elif any(pa.types.is_string(part.type) for part in parts):
        parts = _dictionaries(parts)
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)


def _as_one(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same, as one chunk where it is small."""
    many = column.num_chunks > 1 and len(column) < _SMALL
    return pa.chunked_array([column.combine_chunks()], column.type) if many else column


def _dictionaries(parts: Sequence[pa.ChunkedArray]) -> Sequence[pa.ChunkedArray]:
    """Texts of which some are dictionaries, at most."""
    if any(pa.types.is_dictionary(part.type) for part in parts):
        return [part if pa.types.is_dictionary(part.type) else part.dictionary_encode() for part in parts]
    texts = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
    return [texts.dictionary_encode()]


def _one_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of a dictionary for each chunk one for all."""
    is_one = column.num_chunks <= 1 or not pa.types.is_dictionary(column.type)
    return column if is_one else pa.chunked_array([column.combine_chunks()], column.type)
