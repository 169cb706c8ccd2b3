"""The tables of a session, written as Parquet files: each whole or not at all, in constant memory."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import StoreError, reason
from bench.files import replacing
from bench.records.entries import JournalContent, tables_of
from bench.records.tables import TABLE_NAMES, TableName, schema_of

ROWS_OF_A_GROUP = 16_384


def write_parts(folder: Path, parts: Iterable[Mapping[TableName, pa.Table]]) -> None:
    """Write the three Parquet tables of a session (zstd) into `folder`, each whole or not at all.

    `parts` are its content, of which one at a time is in memory. Raises StoreError where the folder cannot be
    written, and what `parts` raises; then the tables there are as they were.
    """
    try:
        with contextlib.ExitStack() as opened:
            # Closed in reverse, runs last: a reader that finds it finds the others.
            writers = {name: opened.enter_context(_writer(folder, name)) for name in TABLE_NAMES}
            for part in parts:
                for name, table in part.items():
                    writers[name].add(table)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written: {reason(error)}; "
            "make room there, the journal beside the tables is complete"
        ) from error


def write_tables(folder: Path, parts: Iterable[JournalContent]) -> None:
    """As `write_parts`, of rows; raises StoreError also where one is none of its table's."""
    write_parts(folder, (tables_of(part, str(folder)) for part in parts))


class _TableWriter:
    """Writes a table in parts, as row groups that are worth a reader's while."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._parts: list[pa.Table] = []

    def add(self, part: pa.Table) -> None:
        """Rows to follow those before."""
        self._parts.append(part)
        if sum(part.num_rows for part in self._parts) >= ROWS_OF_A_GROUP:
            self._write()

    def close(self) -> None:
        """The rest, and what makes a file of it."""
        self._write()
        self._writer.close()

    def _write(self) -> None:
        if any(part.num_rows for part in self._parts):
            self._writer.write_table(pa.concat_tables(self._parts))
        self._parts = []


@contextlib.contextmanager
def _writer(folder: Path, name: TableName) -> Iterator[_TableWriter]:
    with replacing(folder / f"{name}.parquet", durable=True) as file:
        parquet = pq.ParquetWriter(file, schema_of(name), compression="zstd")
        try:
            table = _TableWriter(parquet)
            yield table
            table.close()
        finally:
            parquet.is_open = False  # else it would try once more to end its file when it is collected
