"""Tables written as Parquet files: each whole or not at all, in constant memory, hashed on their way."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import StoreError, reason
from bench.files import replacing
from bench.records.constants import Look
from bench.records.entries import JournalContent, tables_of
from bench.records.manifest import StoredFile
from bench.records.tables import TABLE_NAMES, TableName, schema_of

ROWS_OF_A_GROUP = 16_384
_WORTH_COMPRESSING = frozenset({"run_id", "error", "fingerprint"})
"""Texts that are long, or others in each row, and so not as good as compressed by Parquet's dictionaries."""
Parts = Iterable[Mapping[TableName, pa.Table]]


def write_parts(folder: Path, parts: Parts) -> dict[TableName, StoredFile]:
    """Write the three Parquet tables of a session into `folder`, each whole or not at all.

    `parts` are its content, of which one at a time is in memory. Raises StoreError where the folder cannot be
    written, and what `parts` raises; then the tables there are as they were.
    """
    return write_files(folder, {name: f"{name}.parquet" for name in TABLE_NAMES}, parts, look=True)


def write_tables(folder: Path, parts: Iterable[JournalContent]) -> None:
    """As `write_parts`, of rows; raises StoreError also where one is none of its table's."""
    write_parts(folder, (tables_of(part, str(folder)) for part in parts))


def write_files(
    folder: Path,
    names: Mapping[TableName, str],
    parts: Parts,
    metadata: Mapping[bytes, bytes] | None = None,
    look: bool = False,
) -> dict[TableName, StoredFile]:
    """The same as files of these `names`; `metadata` is added to what tells their schema.

    With a `look` at them it is told what their readers need not look for; see `StoredFile`. Gives what was
    written: the hash is of the bytes that were handed to the system.
    """
    try:
        with contextlib.ExitStack() as opened:
            # Closed in reverse, runs last: a reader that finds it finds the others.
            writers = {
                name: opened.enter_context(
                    _writer(folder / names[name], name, metadata or {}, Look(name) if look else None)
                )
                for name in TABLE_NAMES
            }
            for part in parts:
                for name, table in part.items():
                    writers[name].add(table)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written: {reason(error)}; "
            "make room there, the journal and the segments of its session are complete"
        ) from error
    return {name: writer.stored(names[name]) for name, writer in writers.items()}


class _Hashed:
    """A file that hashes what is written to it, for pyarrow to write to."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256, self.bytes = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()


class _TableWriter:
    """Writes a table in parts, as row groups that are worth a reader's while."""

    def __init__(self, writer: pq.ParquetWriter, file: _Hashed, look: Look | None) -> None:
        self._writer, self._file, self._look = writer, file, look
        self._parts: list[pa.Table] = []
        self._rows = 0

    def add(self, part: pa.Table) -> None:
        """Rows to follow those before."""
        self._parts.append(part)
        if sum(part.num_rows for part in self._parts) >= ROWS_OF_A_GROUP:
            self._write()

    def close(self) -> None:
        """The rest, and what makes a file of it."""
        self._write()
        self._writer.close()

    def stored(self, name: str) -> StoredFile:
        """The whole file, of that name."""
        stored = StoredFile(name, self._rows, self._file.bytes, self._file.sha256.hexdigest())
        if self._look is None:
            return stored
        look = self._look
        return replace(stored, clean=look.clean, constants=look.constants, told=look.told)

    def _write(self) -> None:
        if rows := sum(part.num_rows for part in self._parts):
            table = pa.concat_tables(self._parts).replace_schema_metadata(self._writer.schema.metadata)
            self._writer.write_table(table, row_group_size=ROWS_OF_A_GROUP)
            self._rows += rows
            if self._look:
                self._look.add(table)
        self._parts = []


def _codecs(schema: pa.Schema) -> dict[str, str]:
    """The columns to compress, by their paths in the file; the others are not.

    Measured times have nothing in common, and dictionaries leave nothing to compress: of those, zstd takes
    off a tenth, and to read them then takes twice as long. Much of that is the start of a decompressor for
    each page, which asks for the processor's features; in a virtual machine, that leaves it.
    """
    lists = [f"{field.name}.list.element" for field in schema if pa.types.is_list(field.type)]
    return dict.fromkeys([*lists, *_WORTH_COMPRESSING.intersection(schema.names)], "zstd")


@contextlib.contextmanager
def _writer(
    path: Path, name: TableName, metadata: Mapping[bytes, bytes], look: Look | None
) -> Iterator[_TableWriter]:
    schema = schema_of(name)
    schema = schema.with_metadata({**schema.metadata, **metadata})
    with replacing(path, durable=True) as file:
        hashed = _Hashed(file)
        parquet = pq.ParquetWriter(hashed, schema, compression=_codecs(schema), write_page_checksum=True)
        try:
            table = _TableWriter(parquet, hashed, look)
            yield table
            table.close()
        finally:
            parquet.is_open = False  # else it would try once more to end its file when it is collected
