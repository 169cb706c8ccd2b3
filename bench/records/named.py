"""A table that a manifest names, decoded no further than is asked for."""

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from bench.records.arrays import column_of
from bench.records.asked import Condition
from bench.records.cast import cast, impossible_note
from bench.records.clean import CleanTable, kinds_of, texts_of
from bench.records.constants import MOST_TOLD
from bench.records.folders import Folder, unreadable
from bench.records.manifest import StoredFile
from bench.records.rows import Rows
from bench.records.stored import place_of, table_in, verified
from bench.records.tables import TableName, check_version, schema_of


def named_table(
    folder: Folder,
    name: TableName,
    stored: StoredFile,
    columns: tuple[str, ...] | None,
    condition: Condition | None = None,
) -> tuple[Rows, *tuple[str, ...]]:
    """The `columns` of a table, or all, of the rows for which `condition` holds.

    Where it holds for no row, some of them may be missing. What follows are lines on what cannot be in it as
    it stands; see `cast`. Raises StoreError where it cannot be read, and where its bytes are not those that
    were written; of machines that the manifest itself tells, the file is not looked at (`bench check` does).
    """
    told = _told(stored, columns) if name == "machines" else None
    if told is not None:
        return (told,)
    content, where = verified(folder, stored), place_of(folder, stored.name)
    found = _clean(content, where, name, stored, columns, condition) if stored.clean else None
    if found is not None:
        return (found,)
    made = cast(name, table_in(content, where), where)
    rows = Rows.of(made.table).held(condition).select(columns)
    note = impossible_note(where, made.impossible)
    return (rows, note) if note else (rows,)


def _told(stored: StoredFile, columns: tuple[str, ...] | None) -> Rows | None:
    """Of `machines` what the manifest itself tells, where that is all; it has a seal of its own."""
    wanted = frozenset(columns or ())
    if not stored.clean or columns is None or not wanted <= stored.told.keys() | stored.constants.keys():
        return None
    if stored.rows > MOST_TOLD:
        return None
    kinds = kinds_of("machines")
    told = {column: stored.told[column] for column in stored.told.keys() & wanted}
    if any(len(values) != stored.rows for values in told.values()):
        return None
    if not all(_is_of(value, kinds[column]) for column, values in told.items() for value in values):
        return None
    try:
        arrays = [column_of(values, kinds[column]) for column, values in told.items()]
    except (struct.error, TypeError, ValueError, OverflowError):  # somebody else's manifest
        return None
    constants = {column: (stored.constants[column], kinds[column]) for column in wanted - told.keys()}
    return Rows(stored.rows, pa.Table.from_arrays(arrays, names=list(told)), constants)


def _is_of(value: object, kind: pa.DataType) -> bool:
    """Whether JSON that is a column's value is of its type."""
    if value is None:
        return True
    if pa.types.is_list(kind):
        return isinstance(value, list) and all(_is_of(item, kind.value_type) for item in value)
    if isinstance(value, bool):
        return bool(pa.types.is_boolean(kind))
    if isinstance(value, str):
        return bool(pa.types.is_string(kind))
    return isinstance(value, int | float) and (pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _clean(
    content: pa.Buffer,
    where: str,
    name: TableName,
    stored: StoredFile,
    columns: tuple[str, ...] | None,
    condition: Condition | None,
) -> Rows | None:
    """Those of a table that was looked at as it was written; None where its columns are not the schema's."""
    wanted = tuple(schema_of(name).names) if columns is None else columns
    read_first = wanted if condition is None else tuple(condition.names)
    with _readable(where):
        texts = () if columns is None else texts_of(name, (*wanted, *read_first))
        table = CleanTable(content, name, stored.constants, texts)
        if columns is None and table.names != frozenset(wanted):
            return None
        check_version(table.version, where)
        if condition is not None:
            table.narrow(condition)
        first = table.rows(read_first)
    if condition is None or first is None:
        return first
    held = first.held(condition)
    if not held.number:
        return held
    with _readable(where):
        rows = table.rows(wanted)
    return rows and replace(rows, kept=held.kept)


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(where, error) from error
