"""Rows of several sessions as one table."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from bench.records.asked import Asked, nothing
from bench.records.cast import union
from bench.records.constants import repeated
from bench.records.rows import Rows, plain
from bench.records.tables import TABLE_NAMES, TableName

_DIFFERENT = frozenset({"run_id"})
"""Texts that are different in each row: a dictionary of them takes more than they do."""


def unite(parts: Sequence[Mapping[TableName, Rows]], asked: Asked) -> dict[TableName, pa.Table]:
    """All rows of each table, in the order of `parts`.

    Where columns are asked for, their texts are dictionaries: a million names take a tenth of the memory.
    """
    found: dict[TableName, pa.Table] = {}
    for name in TABLE_NAMES:
        some = [part[name] for part in parts if name in part and part[name].number]
        if asked.columns is None:
            found[name] = union(name, [rows.table() for rows in some])
        else:
            found[name] = _united(some, nothing(name, asked.of(name)))
    return found


def _united(parts: Sequence[Rows], empty: pa.Table) -> pa.Table:
    parts = parts or [Rows.of(empty)]
    names = empty.schema.names
    return pa.Table.from_arrays([_column(parts, name) for name in names], names=names)


def _column(parts: Sequence[Rows], name: str) -> pa.ChunkedArray:
    """That of `parts` behind each other, as one chunk."""
    values = {part.constants.get(name) for part in parts}
    if len(values) == 1 and (same := values.pop()) is not None:
        whole = repeated(same[0], sum(part.number for part in parts), same[1])
        return _of_text([pa.chunked_array([whole])], name)
    return _of_text([part.column(name) for part in parts], name)


def _of_text(parts: Sequence[pa.ChunkedArray], name: str) -> pa.ChunkedArray:
    """`parts` behind each other; texts as a dictionary, but for those that all differ."""
    if name in _DIFFERENT:
        parts = [plain(part) for part in parts]
    elif len({part.type for part in parts}) > 1:
        parts = [part if pa.types.is_dictionary(part.type) else part.dictionary_encode() for part in parts]
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)
    if pa.types.is_string(whole.type) and name not in _DIFFERENT:
        whole = whole.dictionary_encode()
    return pa.chunked_array([whole.combine_chunks()], whole.type)
