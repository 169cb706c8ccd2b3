"""A table that a manifest names, decoded no further than is asked for."""

import functools
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from bench.records.asked import Condition, Known
from bench.records.cast import cast, impossible_note
from bench.records.constants import Value
from bench.records.folders import Folder, unreadable
from bench.records.manifest import StoredFile
from bench.records.rows import Rows
from bench.records.stored import place_of, table_in, verified
from bench.records.tables import TableName, check_version, schema_of


def named_table(
    folder: Folder,
    name: TableName,
    stored: StoredFile,
    columns: Sequence[str] | None,
    condition: Condition | None = None,
) -> tuple[Rows, *tuple[str, ...]]:
    """The `columns` of a table, or all, of rows among which are those for which `condition` holds.

    What follows are lines on what cannot be in it as it stands; see `cast`. Raises StoreError where it cannot
    be read, and where its bytes are not those that were written.
    """
    content, where = verified(folder, stored), place_of(folder, stored.name)
    found = _clean(content, where, name, stored, columns, condition) if stored.clean else None
    if found is not None:
        return (found,)
    made = cast(name, table_in(content, where), where)
    rows = Rows.of(made.table).select(columns)
    note = impossible_note(where, made.impossible)
    return (rows, note) if note else (rows,)


def _clean(
    content: pa.Buffer,
    where: str,
    name: TableName,
    stored: StoredFile,
    columns: Sequence[str] | None,
    condition: Condition | None,
) -> Rows | None:
    """Those of a table that was looked at as it was written; None where its columns are not the schema's."""
    wanted = schema_of(name).names if columns is None else columns
    read = [column for column in wanted if column not in stored.constants]
    try:
        # Not `read_table`: it imports pandas, which takes longer than reading the table.
        file = pq.ParquetFile(pa.BufferReader(content))
        if columns is None and set(file.schema_arrow.names) != set(wanted):
            return None
        check_version(_version(file.metadata), where)
        groups = list(_groups(file.metadata, condition))
        found = file.read_row_groups(groups, read, use_threads=False) if read else None
        rows = sum(file.metadata.row_group(group).num_rows for group in groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(where, error) from error
    return _whole(name, wanted, found, rows, stored.constants)


def _version(metadata: pq.FileMetaData) -> int | None:
    text = (metadata.metadata or {}).get(b"bench_schema_version", b"")
    return int(text) if text.isdigit() else None


def _whole(
    name: TableName,
    wanted: Sequence[str],
    found: pa.Table | None,
    number: int,
    constants: Mapping[str, Value],
) -> Rows | None:
    """The columns `wanted`: those `found`, those that are constant, and of nulls what the file lacks."""
    kinds = _kinds(name)
    columns = {} if found is None else dict(zip(found.schema.names, found.columns, strict=True))
    if any(column.type != kinds[its] for its, column in columns.items()):
        return None
    others = [column for column in wanted if column not in columns]
    return Rows(number, columns, {column: (constants.get(column), kinds[column]) for column in others})


@functools.cache
def _kinds(name: TableName) -> Mapping[str, pa.DataType]:
    return {field.name: field.type for field in schema_of(name)}


def _groups(metadata: pq.FileMetaData, condition: Condition | None) -> Iterator[int]:
    """The row groups that may hold a row for which `condition` holds; of a single one nobody asks."""
    numbers = range(metadata.num_row_groups)
    if condition is None or len(numbers) <= 1:
        yield from numbers
        return
    places = {
        metadata.schema.column(place).path: place
        for place in range(metadata.num_columns)
        if metadata.schema.column(place).path in condition.names
    }
    for number in numbers:
        group = metadata.row_group(number)
        known = {name: _known(group.column(place)) for name, place in places.items()}
        if condition.may_hold({name: of for name, of in known.items() if of is not None}):
            yield number


def _known(column: pq.ColumnChunkMetaData) -> Known | None:
    """From the statistics of a column's row group, which say nothing of what is not a number."""
    found = column.statistics
    if found is None or not found.has_null_count:
        return None
    if found.null_count == column.num_values:
        return Known.always(None)
    if not found.has_min_max or not isinstance(found.min, str | bool | int | float):
        return None
    null = found.null_count > 0 or isinstance(found.min, float)
    return Known(found.min, found.max, null=null)
