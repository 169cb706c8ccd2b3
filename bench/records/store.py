"""Sessions on disk: the tables written atomically, and read as the union of any number of folders."""

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from bench.errors import StoreError
from bench.paths import located
from bench.records.journal import FILE_NAME, TAIL_BYTES, JournalContent, closed_runs, parse_journal
from bench.records.measurement import UNFINISHED
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
    tables = _tables_of(content)
    try:
        for name in reversed(TABLE_NAMES):  # runs last: a reader that finds it finds the others
            _replace(folder / f"{name}.parquet", getattr(tables, name))
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written: {error.strerror or _first_line(error)}; "
            "make room there, the journal beside the tables is complete"
        ) from error


def read_sessions(paths: Sequence[str]) -> Tables:
    """The union of all sessions at or below `paths`: their own folders, or folders of them.

    A session that lies in several places counts once. Raises StoreError where a path holds no session, or a
    table is not this program's.
    """
    folders = list(dict.fromkeys(folder for path in paths for folder in _session_folders(path)))
    parts = _distinct(_read_session(folder) for folder in folders)
    return Tables(*(_union(name, [getattr(part, name) for part in parts]) for name in TABLE_NAMES))


@dataclass(frozen=True)
class _Folder:
    """A session's folder on some file system."""

    filesystem: pa.fs.FileSystem
    path: str

    def __hash__(self) -> int:
        return hash(self.path)

    def file(self, name: str) -> str:
        return posixpath.join(self.path, name)

    def has(self, name: str) -> bool:
        return bool(self.filesystem.get_file_info(self.file(name)).type == pa.fs.FileType.File)

    def read(self, name: str, last: int | None = None) -> bytes:
        """The file's bytes, or the `last` of them."""
        with _readable(self.file(name)), self.filesystem.open_input_file(self.file(name)) as file:
            if last is not None:
                file.seek(max(file.size() - last, 0))
            return bytes(file.read())


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{where}: missing; copy the session's folder whole") from error
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{where}: cannot be read: {_first_line(error)}; copy it again") from error


def _session_folders(path: str) -> list[_Folder]:
    """The session at `path`, or those up to two levels below it, sorted by name."""
    filesystem, root = _resolve(path)
    with _readable(path):
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
        return pa.fs.LocalFileSystem(), str(located(Path(path)))
    try:
        filesystem, root = pa.fs.FileSystem.from_uri(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(
            f"{path}: not a place that pyarrow can read: {_first_line(error)}; give a folder, or an s3:// URI"
        ) from error
    return filesystem, root


def _is_session(folder: _Folder) -> bool:
    return folder.has("runs.parquet") or folder.has(FILE_NAME)


def _read_session(folder: _Folder) -> Tables:
    """From the tables where they hold all that the journal holds, else from the journal."""
    runs = _read_table(folder, "runs") if folder.has("runs.parquet") else None
    written = -1 if runs is None else runs.num_rows
    if folder.has(FILE_NAME):
        closed = closed_runs(folder.read(FILE_NAME, last=TAIL_BYTES))
        if closed is None or closed > written:  # the session is going on, or was killed
            content = _read_journal(folder)
            with _of_this_version(folder.file(FILE_NAME)):
                if runs is None or _told(row["status"] for row in content.runs) > _told(_statuses(runs)):
                    return _tables_of(content)
    return Tables(runs, _read_table(folder, "epochs"), _read_table(folder, "machines"))


def _read_journal(folder: _Folder) -> JournalContent:
    content = parse_journal(folder.read(FILE_NAME), folder.file(FILE_NAME))
    _check_version(content.header.get("schema_version", SCHEMA_VERSION), folder.file(FILE_NAME))
    return content


def _read_table(folder: _Folder, name: TableName) -> pa.Table:
    path = folder.file(f"{name}.parquet")
    # Not `read_table`: it imports pandas, which takes longer than reading the table.
    with _readable(path), folder.filesystem.open_input_file(path) as file:
        table = pq.ParquetFile(file).read()
    version = version_of(table.schema)
    if version is None:
        raise StoreError(f"{path}: a Parquet file, but not a table of bench; give a folder that bench wrote")
    _check_version(version, path)
    return table


def _check_version(version: int, path: str) -> None:
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: schema version {version}, this bench reads up to {SCHEMA_VERSION}; upgrade bench"
        )


@contextmanager
def _of_this_version(where: str) -> Iterator[None]:
    """For rows that no schema has held to account yet."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise StoreError(f"{where}: rows of another bench: {_first_line(error)}; upgrade bench") from error


def _tables_of(content: JournalContent) -> Tables:
    return Tables(
        to_table("runs", content.runs),
        to_table("epochs", content.epochs),
        to_table("machines", content.machines),
    )


def _distinct(parts: Iterable[Tables]) -> list[Tables]:
    """Each session once: of its copies, the one that holds the most runs, of those the most that told."""
    kept: dict[object, Tables] = {}
    for part in parts:
        session = frozenset(part.runs.column("session_id").to_pylist()) or id(part)
        if session not in kept or _told(_statuses(part.runs)) > _told(_statuses(kept[session].runs)):
            kept[session] = part
    return list(kept.values())


def _statuses(runs: pa.Table) -> list[str]:
    return list(runs.column("status").to_pylist())


def _told(statuses: Iterable[str]) -> tuple[int, int]:
    """How many runs there are, and how many of them a resumed session would not try again."""
    statuses = list(statuses)
    return len(statuses), sum(status not in UNFINISHED for status in statuses)


def _union(name: TableName, tables: Iterable[pa.Table]) -> pa.Table:
    """Rows of all, with today's columns first; a column that an older table lacks is null there."""
    every = [table.replace_schema_metadata(None) for table in (to_table(name, []), *tables)]
    try:
        return pa.concat_tables(every, promote_options="permissive")
    except pa.ArrowException as error:
        raise StoreError(
            f"{name}: these tables do not fit together: {_first_line(error)}; upgrade bench"
        ) from error


def _replace(path: Path, table: pa.Table) -> None:
    """Write beside `path`, flush to the disk, then take its place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
