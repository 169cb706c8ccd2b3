"""Files that a manifest names: their bytes are compared with what was written before they are believed."""

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import DamagedError, StoreError
from bench.records.folders import Folder, unreadable
from bench.records.manifest import StoredFile
from bench.records.tables import check_version, version_of


def verified(folder: Folder, file: StoredFile) -> pa.Buffer:
    """The whole content of a file of a session's `folder`.

    Raises DamagedError where its bytes are not those that were written, or where it is gone, and another
    StoreError where it cannot be read.
    """
    content = content_of(folder, file.name)
    if content.size != file.bytes or hashlib.sha256(content).hexdigest() != file.sha256:
        where = place_of(folder, file.name)
        raise DamagedError(f"{where}: damaged: not the bytes that were written")
    return content


def content_of(folder: Folder, name: str) -> pa.Buffer:
    """The same of a file that nobody knows the hash of."""
    where = place_of(folder, name)
    try:
        with folder.open(name) as file:
            return pa.py_buffer(file.read())
    except FileNotFoundError as error:
        raise DamagedError(str(unreadable(where, error))) from error
    except (pa.ArrowException, OSError) as error:
        raise unreadable(where, error) from error


def table_in(content: pa.Buffer, where: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table that the bytes of a Parquet file hold, of its columns those asked for that it has.

    Raises StoreError, naming it as `where`, where they are none of bench's that this bench can read.
    """
    try:
        # Not `read_table`: it imports pandas, which takes longer than reading the table.
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        known = file.schema_arrow.names
        # Not in threads of pyarrow's: one may let go of the bytes last, after Python's end, and abort.
        wanted = None if columns is None else [name for name in columns if name in known]
        table = file.read(wanted, use_threads=False)
        version = version_of(table.schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(where, error) from error
    if version is None:
        raise StoreError(f"{where}: a Parquet file, but not a table of bench; give a folder that bench wrote")
    check_version(version, where)
    return table


def place_of(folder: Folder, name: str) -> str:
    """A file in `folder`, for people."""
    return f"{folder.path.rstrip('/')}/{name}"
