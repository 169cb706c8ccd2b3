"""A Parquet file that was looked at as it was written: of it no column is decoded that nobody asks for."""

import functools
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from bench.records.arrays import Value
from bench.records.asked import Condition, Known
from bench.records.rows import DIFFERENT, Rows
from bench.records.tables import TableName, schema_of

_FEWEST_TEXTS = 4
"""For which it pays: pyarrow lists all columns of a file by their names once it is asked for dictionaries."""
_NO_COLUMNS = pa.Table.from_batches([], schema=pa.schema([]))


class CleanTable:
    """One whose columns are of the schema's types; `constants` has those that hold one value in all rows.

    Where bytes are none of a Parquet file, its methods raise what pyarrow raises.
    """

    def __init__(
        self, content: pa.Buffer, name: TableName, constants: Mapping[str, Value], texts: tuple[str, ...]
    ) -> None:
        """The table called `name` in these bytes; of its columns `texts` are read as dictionaries.

        A text comes up many times, and a dictionary is how it is stored: to read it as one takes half as long
        as to write it out in each row, and finding out later that it could be one is done without.
        """
        self._name, self._kinds, self._constants, self._texts = name, kinds_of(name), constants, texts
        self._file = _opened(content, texts)
        self._groups: Sequence[int] = range(self._file.num_row_groups)

    @property
    def names(self) -> frozenset[str]:
        """Of the columns in the file."""
        return frozenset(self._file.schema_arrow.names)

    @property
    def version(self) -> int | None:
        """Of its schema."""
        text = (self._file.metadata.metadata or {}).get(b"bench_schema_version", b"")
        return int(text) if text.isdigit() else None

    def narrow(self, condition: Condition) -> None:
        """Leaves out row groups of which it can hold for no row; of a single one nobody asks."""
        if len(self._groups) > 1:
            self._groups = list(_groups(self._file.metadata, condition))

    def rows(self, names: Sequence[str]) -> Rows | None:
        """Its columns of these names, of nulls those that the file lacks; None for one of another type."""
        read = tuple(name for name in names if name not in self._constants)
        table = self._file.read_row_groups(self._groups, read, use_threads=False) if read else _NO_COLUMNS
        if not table.schema.equals(_schema(self._name, read, self._texts)) and not self._fits(table.schema):
            return None
        found = frozenset(read if table.num_columns == len(read) else table.schema.names)
        others = {name: (self._constants.get(name), self._kinds[name]) for name in names if name not in found}
        return Rows(table.num_rows if found else self._length, table, others)

    def _fits(self, schema: pa.Schema) -> bool:
        """Whether each column is of its type."""
        wanted = _schema(self._name, tuple(schema.names), self._texts)
        return all(field.equals(wanted.field(field.name)) for field in schema)

    @property
    def _length(self) -> int:
        metadata = self._file.metadata
        return sum(metadata.row_group(group).num_rows for group in self._groups)


@functools.lru_cache(maxsize=16)
def texts_of(name: TableName, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the `columns` of a table that are worth a dictionary."""
    kinds = kinds_of(name)
    texts = tuple(it for it in columns if it not in DIFFERENT and pa.types.is_string(kinds[it]))
    return texts if len(texts) >= _FEWEST_TEXTS else ()


@functools.lru_cache(maxsize=256)
def _schema(name: TableName, columns: tuple[str, ...], texts: tuple[str, ...]) -> pa.Schema:
    """Of `columns` as they are read from a table that has them all, in its order."""
    kinds = kinds_of(name) | dict.fromkeys(texts, pa.dictionary(pa.int32(), pa.string()))
    return pa.schema([(column, kinds[column]) for column in kinds if column in columns])


def _opened(content: pa.Buffer, texts: Sequence[str]) -> pq.ParquetFile:
    # Not `read_table`: it imports pandas, which takes longer than reading the table.
    try:
        return pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
    except KeyError:  # an older bench's, which lacks one of them
        file = pq.ParquetFile(pa.BufferReader(content))
        known = [text for text in texts if text in _leaves(file.metadata)]
        return pq.ParquetFile(pa.BufferReader(content), metadata=file.metadata, read_dictionary=known)


def _leaves(metadata: pq.FileMetaData) -> frozenset[str]:
    """The columns that are no lists or the like."""
    return frozenset(metadata.schema.column(place).path for place in range(metadata.num_columns))


@functools.cache
def kinds_of(name: TableName) -> dict[str, pa.DataType]:
    """The types of a table's columns."""
    return {field.name: field.type for field in schema_of(name)}


def _groups(metadata: pq.FileMetaData, condition: Condition) -> Iterator[int]:
    """The row groups that may hold a row for which `condition` holds."""
    places = {
        metadata.schema.column(place).path: place
        for place in range(metadata.num_columns)
        if metadata.schema.column(place).path in condition.names
    }
    for number in range(metadata.num_row_groups):
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
