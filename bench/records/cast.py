"""Tables that anybody may have written, as tables of the schema: its columns, types and sane values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError, reason
from bench.records import plausible
from bench.records.measurement import IMPLAUSIBLE
from bench.records.tables import TableName, schema_of

NEEDED: dict[TableName, tuple[str, ...]] = {
    "runs": ("run_id", "session_id", "suite", "sweep", "scenario_id", "label", "round", "status"),
    "epochs": ("run_id", "epoch"),
    "machines": ("session_id",),
}
"""The columns that tell what a row is. bench writes them in every row; all others may be missing or null."""
_REMEDY = "give a table that bench wrote"
_MOST_NAMED = 4  # columns in a note
_FINEST = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Cast:
    """A table of the schema, and in how many rows of it each column held values that cannot be."""

    table: pa.Table
    impossible: Mapping[str, int]


def cast(name: TableName, table: pa.Table, where: str) -> Cast:
    """`table` with all columns of the schema of `name`, each of its type, and further plain columns behind.

    Other units and time zones, encodings and widths are converted; a column that is missing is null. Values
    that cannot be (a time that is not a number, infinite or not above zero, an accuracy above 1, …) become
    null, and where they are of a run, its row is flagged `implausible`.

    Raises StoreError, naming the table as `where`, for a type that cannot be converted, and for a row that
    does not tell what it is (`NEEDED`).
    """
    schema, names = schema_of(name), table.schema.names
    if twice := next((column for column in names if names.count(column) > 1), None):
        raise StoreError(f"{where}: two columns are named {twice!r}; {_REMEDY}")
    columns = {field.name: _column(table, field, where) for field in schema}
    for column in NEEDED[name]:
        if columns[column].null_count:
            raise StoreError(f"{where}: a row without {column}; {_REMEDY}")
    impossible = {
        column: bad for column, values in columns.items() if (bad := plausible.impossible(column, values))
    }
    for column, bad in impossible.items():
        columns[column] = pc.if_else(bad, pa.scalar(None, schema.field(column).type), columns[column])
    if name == "runs" and impossible:
        columns["flags"] = _flagged(columns["flags"], list(impossible.values()))
    columns |= dict(_further(table, set(schema.names)))
    return Cast(pa.table(columns), {column: pc.sum(bad).as_py() for column, bad in impossible.items()})


def union(name: TableName, tables: list[pa.Table]) -> pa.Table:
    """The rows of tables that were cast, and of their further columns those that are of one type in all."""
    types: dict[str, set[pa.DataType]] = {}
    for field in (field for table in tables for field in table.schema):
        types.setdefault(field.name, set()).add(field.type)
    unlike = {column for column, found in types.items() if len(found) > 1}
    # Not `empty_table`: it makes columns from lists, even of nothing, and that imports pandas.
    empty = pa.Table.from_batches([], schema=schema_of(name).remove_metadata())
    alike = [table.select([n for n in table.schema.names if n not in unlike]) for table in tables]
    return pa.concat_tables([empty, *alike], promote_options="default")


def _column(table: pa.Table, field: pa.Field, where: str) -> pa.ChunkedArray:
    if field.name not in table.schema.names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    column = table.column(field.name)
    try:
        converted = column if column.type == field.type else _converted(column, field.type)
        converted.validate(full=True)  # that text is UTF-8, among others
    except (pa.ArrowException, ValueError, OverflowError) as error:
        unlike = f"{field.name} cannot be read as {field.type} ({reason(error)})"
        raise StoreError(f"{where}: {unlike}; {_REMEDY}") from error
    return converted


def _converted(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(wanted) and pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    # What is finer than a microsecond is cut off, and whole numbers may be too long for a float.
    cut_off = pa.types.is_timestamp(column.type) and column.type.unit == "ns"
    return column.cast(wanted, safe=not (cut_off or pa.types.is_floating(wanted)))


def _further(table: pa.Table, known: set[str]) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The columns that the schema lacks, as numbers, text, truth values or times; others are left out."""
    is_a = pa.types
    for field in table.schema:
        column = table.column(field.name)
        if field.name in known:
            continue
        try:
            if is_a.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            wanted = {
                is_a.is_integer(column.type): pa.int64(),
                is_a.is_floating(column.type): pa.float64(),
                is_a.is_string(column.type) or is_a.is_large_string(column.type): pa.string(),
                is_a.is_boolean(column.type): pa.bool_(),
                is_a.is_timestamp(column.type): _FINEST,
            }.get(True)
            if wanted is not None:
                converted = column.cast(wanted, safe=wanted != _FINEST)
                converted.validate(full=True)
                yield field.name, converted
        except (pa.ArrowException, ValueError):
            continue


def _flagged(flags: pa.ChunkedArray, impossible: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    rows = zip(flags.to_pylist(), *(bad.to_pylist() for bad in impossible), strict=True)
    marked = [_with_flag(of) if any(bad) else of for of, *bad in rows]
    return pa.chunked_array([pa.array(marked, type=flags.type)])


def _with_flag(flags: list[str] | None) -> list[str]:
    return [*(flag for flag in flags or () if flag != IMPLAUSIBLE), IMPLAUSIBLE]


def impossible_note(where: str, impossible: Mapping[str, int]) -> str:
    """A line on values that cannot be, by column in how many rows of `where`; empty where there are none."""
    counts = [f"{column} in {_rows(number)}" for column, number in impossible.items()]
    if not counts:
        return ""
    more = f" and {len(counts) - _MOST_NAMED} more columns" if len(counts) > _MOST_NAMED else ""
    return f"{where}: values that cannot be count as missing: {', '.join(counts[:_MOST_NAMED])}{more}"


def _rows(number: int) -> str:
    return f"{number} row" if number == 1 else f"{number} rows"
