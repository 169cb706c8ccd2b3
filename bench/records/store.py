"""Sessions on disk: their tables read as the union of any number of folders."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import StoreError
from bench.records.cast import cast, impossible_note, union
from bench.records.find import RUNS_FILE, SessionFolder, find_sessions
from bench.records.folders import Folder, folder_of, unreadable
from bench.records.journal import FILE_NAME, TAIL_BYTES, closed_runs
from bench.records.manifest import MANIFEST_FILE
from bench.records.measurement import UNFINISHED
from bench.records.pieces import read_manifest, read_pieces
from bench.records.tables import TABLE_NAMES, TableName, check_version, schema_of, version_of


@dataclass(frozen=True)
class Tables:
    """The three tables of one or more sessions, and what to know of them: lines on what was left out."""

    runs: pa.Table
    epochs: pa.Table
    machines: pa.Table
    notes: tuple[str, ...] = ()


def read_sessions(paths: Sequence[str], levels: float = math.inf) -> Tables:
    """The union of all sessions at or below `paths`, however deep unless `levels` says.

    A session that lies in several places counts once. One that cannot be read, as a folder that cannot be
    looked into, is left out, which `notes` say. Raises StoreError where a path leads nowhere or holds no
    session, and where nothing is left.
    """
    sessions: dict[str, SessionFolder] = {}
    left_out: list[StoreError] = []
    for path in paths:
        found = find_sessions(folder_of(path), levels)
        if not found.sessions and not found.left_out:
            raise StoreError(f"{path}: holds no session; `bench run SUITE` makes one")
        sessions |= {session.folder.path: session for session in found.sessions}
        left_out += found.left_out
    parts: list[Tables] = []
    for session in sessions.values():
        try:
            parts.append(_read_session(session))
        except StoreError as error:
            left_out.append(error)
    if not parts:
        raise _nothing_left(left_out)
    kept = _distinct(parts)
    out = dict.fromkeys(f"left out: {error}" for error in left_out)  # paths may overlap
    notes = [*out, *(note for part in kept for note in part.notes)]
    united = {name: union(name, [getattr(part, name) for part in kept]) for name in TABLE_NAMES}
    return Tables(united["runs"], united["epochs"], united["machines"], tuple(notes))


def _nothing_left(left_out: Sequence[StoreError]) -> StoreError:
    more = f" (nor can {len(left_out) - 1} more)" if len(left_out) > 1 else ""
    return StoreError(f"{left_out[0]}{more}")


def _read_session(session: SessionFolder) -> Tables:
    """From the tables where they hold all that the journal holds, else from the journal.

    Where one of the two cannot be read, from the other.
    """
    if FILE_NAME not in session.files:
        return _read_tables(session)
    try:
        tables = _read_tables(session) if RUNS_FILE in session.files else None
    except StoreError as error:
        return _read_in_place(session, error)
    try:
        whole = _read_journal(session) if tables is None or _is_behind(session, tables) else None
    except StoreError as error:
        if tables is None:
            raise
        note = f"{error}; its tables were read in its place, which may lack the last runs"
        return Tables(tables.runs, tables.epochs, tables.machines, (*tables.notes, note))
    if tables is None or (whole and _told(_statuses(whole.runs)) > _told(_statuses(tables.runs))):
        assert whole is not None
        return whole
    return tables


def _read_in_place(session: SessionFolder, damage: StoreError) -> Tables:
    """From the journal, since of the tables one is damaged; where it does not serve, that is the error."""
    try:
        whole = _read_journal(session)
    except StoreError:
        raise damage from None
    note = f"{damage}; the journal was read in its place"
    return Tables(whole.runs, whole.epochs, whole.machines, (note, *whole.notes))


def _is_behind(session: SessionFolder, tables: Tables) -> bool:
    """Whether the journal may hold more than the tables: the session is going on, or was killed."""
    if MANIFEST_FILE in session.files:
        manifest = read_manifest(session.folder)
        return not (manifest and manifest.tables)
    closed = closed_runs(_last_bytes(session.folder, FILE_NAME, TAIL_BYTES))
    return closed is None or closed > tables.runs.num_rows


def _read_tables(session: SessionFolder) -> Tables:
    return _cast({name: _read_table(session.folder, name) for name in TABLE_NAMES}, session.folder)


def _read_journal(session: SessionFolder) -> Tables:
    content = read_pieces(session.folder)
    empty = {name: pa.Table.from_batches([], schema=schema_of(name)) for name in TABLE_NAMES}
    tables = _cast(
        {name: pa.concat_tables([empty[name], *of]) for name, of in content.tables.items()},
        session.folder,
        FILE_NAME,
    )
    return Tables(tables.runs, tables.epochs, tables.machines, (*content.notes, *tables.notes))


def _cast(tables: dict[TableName, pa.Table], folder: Folder, file: str = "") -> Tables:
    where = {name: _file(folder, file or f"{name}.parquet") for name in tables}
    made = {name: cast(name, table, where[name]) for name, table in tables.items()}
    notes = tuple(filter(None, (impossible_note(where[name], one.impossible) for name, one in made.items())))
    return Tables(made["runs"].table, made["epochs"].table, made["machines"].table, notes)


def _read_table(folder: Folder, name: TableName) -> pa.Table:
    path = _file(folder, f"{name}.parquet")
    try:
        # Not `read_table`: it imports pandas, which takes longer than reading the table.
        with folder.open(f"{name}.parquet") as file:
            table = pq.ParquetFile(file).read()
        version = version_of(table.schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if version is None:
        raise StoreError(f"{path}: a Parquet file, but not a table of bench; give a folder that bench wrote")
    check_version(version, path)
    return table


def _last_bytes(folder: Folder, name: str, count: int) -> bytes:
    try:
        with folder.open(name) as file:
            file.seek(max(file.seek(0, os.SEEK_END) - count, 0))
            return bytes(file.read())
    except (pa.ArrowException, OSError) as error:
        raise unreadable(_file(folder, name), error) from error


def _file(folder: Folder, name: str) -> str:
    return f"{folder.path.rstrip('/')}/{name}"


def _distinct(parts: Iterable[Tables]) -> list[Tables]:
    """Each session once: of its copies, the one that holds the most runs, of those the most that told.

    Of equals it is the first that there is nothing to say against.
    """
    kept: dict[object, Tables] = {}
    for part in parts:
        session = frozenset(part.runs.column("session_id").to_pylist()) or id(part)
        if session not in kept or _worth(part) > _worth(kept[session]):
            kept[session] = part
    return list(kept.values())


def _worth(part: Tables) -> tuple[int, int, bool]:
    return *_told(_statuses(part.runs)), not part.notes


def _statuses(runs: pa.Table) -> list[str]:
    return list(runs.column("status").to_pylist())


def _told(statuses: Iterable[str]) -> tuple[int, int]:
    """How many runs there are, and how many of them a resumed session would not try again."""
    statuses = list(statuses)
    return len(statuses), sum(status not in UNFINISHED for status in statuses)
