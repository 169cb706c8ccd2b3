"""Tables of several sessions as one."""

from collections.abc import Sequence

import pyarrow as pa

from bench.records.asked import Asked, Tables, nothing
from bench.records.cast import union
from bench.records.tables import TABLE_NAMES

_DIFFERENT = frozenset({"run_id"})
"""Texts that are different in each row: a dictionary of them takes more than they do."""


def unite(parts: Sequence[Tables], asked: Asked) -> Tables:
    """All rows, in the order of `parts`, and their notes.

    Where columns are asked for, their texts are dictionaries: a million names take a tenth of the memory.
    """
    tables = {}
    for name in TABLE_NAMES:
        some = [part for part in (getattr(part, name) for part in parts) if part.num_rows]
        tables[name] = (
            union(name, some) if asked.columns is None else _united(some, nothing(name, asked.of(name)))
        )
    return Tables(
        tables["runs"],
        tables["epochs"],
        tables["machines"],
        tuple(note for part in parts for note in part.notes),
        sum(part.recorded for part in parts),
    )


def _united(parts: Sequence[pa.Table], empty: pa.Table) -> pa.Table:
    parts = parts or [empty]
    columns = [_column([part.column(name) for part in parts], name) for name in empty.schema.names]
    return pa.Table.from_arrays(columns, names=empty.schema.names)


def _column(parts: Sequence[pa.ChunkedArray], name: str) -> pa.ChunkedArray:
    """`parts` behind each other, as one chunk."""
    kinds = {part.type for part in parts}
    if name in _DIFFERENT and any(map(pa.types.is_dictionary, kinds)):
        parts = [_plain(part) for part in parts]
    elif len(kinds) > 1:
        parts = [part if pa.types.is_dictionary(part.type) else part.dictionary_encode() for part in parts]
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)
    if pa.types.is_string(whole.type) and name not in _DIFFERENT:
        whole = whole.dictionary_encode()
    return pa.chunked_array([whole.combine_chunks()], whole.type)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
