"""Sessions on disk: the tables written atomically, and read as the union of any number of folders."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from bench.errors import StoreError
from bench.records import journal
from bench.records.journal import JournalContent, read_journal
from bench.records.tables import SCHEMA_VERSION, TABLE_NAMES, TableName, to_table, version_of



@dataclass(frozen=True)
class Tables:
    """The three tables of one or more sessions."""

    runs: pa.Table
    epochs: pa.Table
    machines: pa.Table


def write_tables(folder: Path, content: JournalContent) -> None:
    """Write the three Parquet tables of a session (zstd) into `folder`, each whole or not at all.

    Raises StoreError where the folder cannot be written.
    """
    rows = {"runs": content.runs, "epochs": content.epochs, "machines": content.machines}
    try:
        for name in reversed(TABLE_NAMES):  # runs last: a reader that finds it finds the others
            _replace(folder / f"{name}.parquet", to_table(name, rows[name]))
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}; the journal there is complete") from error


def read_sessions(paths: Sequence[str]) -> Tables:
    """The union of all sessions at or below `paths`: session folders, folders of them, or `s3://` and the like.

    Raises StoreError where a path holds no session, or a table is not this program's.
    """
    folders = list(dict.fromkeys(folder for path in paths for folder in _session_folders(path)))
    parts = [_read_session(folder) for folder in folders]
    return Tables(*(_union(getattr(part, name) for part in parts) for name in TABLE_NAMES))


@dataclass(frozen=True)
class _Folder:
    """A session's folder on some file system."""

    filesystem: pa.fs.FileSystem
    path: str

    def __hash__(self) -> int:
        return hash(self.path)

    def has(self, name: str) -> bool:
        info = self.filesystem.get_file_info(posixpath.join(self.path, name))
        return bool(info.type == pa.fs.FileType.File)


def _session_folders(path: str) -> list[_Folder]:
    """The session at `path`, or those up to two levels below it, sorted by name."""
    filesystem, root = _resolve(path)
    if filesystem.get_file_info(root).type != pa.fs.FileType.Directory:
        raise StoreError(f"{path}: no such folder; give a session's folder, or one that holds sessions")
    level = [root]
    for _ in range(3):
        found = [f for f in (_Folder(filesystem, p) for p in sorted(level)) if _is_session(f)]
        if found:
            return found
        level = [
            info.path
            for p in level
            for info in filesystem.get_file_info(pa.fs.FileSelector(p, recursive=False))
            if info.type == pa.fs.FileType.Directory
        ]
    raise StoreError(f"{path}: holds no session; `bench run SUITE` makes one")


def _resolve(path: str) -> tuple[pa.fs.FileSystem, str]:
    if "://" not in path:
        return pa.fs.LocalFileSystem(), str(Path(path).absolute())
    try:
        filesystem, root = pa.fs.FileSystem.from_uri(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path}: not a place that pyarrow can read: {_first_line(error)}") from error
    return filesystem, root


def _is_session(folder: _Folder) -> bool:
    return folder.has("runs.parquet") or folder.has(journal.FILE_NAME)


def _read_session(folder: _Folder) -> Tables:
    """From the tables where they hold all that the journal holds, else from the journal."""
    newer = _newer_journal(folder)
    if newer is not None:
        return Tables(*(to_table(n, getattr(newer, n)) for n in TABLE_NAMES))
    return Tables(*(_read_table(folder, name) for name in TABLE_NAMES))


def _newer_journal(folder: _Folder) -> JournalContent | None:
    """The journal's content, where the tables lack some of its runs: the session is going on, or was killed."""
    if not isinstance(folder.filesystem, pa.fs.LocalFileSystem) or not folder.has(journal.FILE_NAME):
        return None
    path = Path(folder.path)
    if folder.has("runs.parquet"):
        written = (path / "runs.parquet").stat().st_mtime_ns
        if written >= (path / journal.FILE_NAME).stat().st_mtime_ns:
            return None
    return read_journal(path / journal.FILE_NAME)


def _read_table(folder: _Folder, name: TableName) -> pa.Table:
    path = posixpath.join(folder.path, f"{name}.parquet")
    try:
        table = pq.read_table(path, filesystem=folder.filesystem, partitioning=None)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; copy the session's folder whole") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(f"{path}: not a readable Parquet file: {_first_line(error)}; copy it again") from error
    version = version_of(table.schema)
    if version is None:
        raise StoreError(f"{path}: a Parquet file, but not a table of bench; give a folder that bench wrote")
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path}: schema version {version}, this bench reads up to {SCHEMA_VERSION}; upgrade bench")
    return table


def _union(tables: Iterable[pa.Table]) -> pa.Table:
    """Rows of all; a column that an older table lacks is null there."""
    return pa.concat_tables([t.replace_schema_metadata(None) for t in tables], promote_options="permissive")


def _replace(path: Path, table: pa.Table) -> None:
    """Write beside `path`, flush to the disk, then take its place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
