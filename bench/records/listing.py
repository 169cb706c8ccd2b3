"""What sessions there are: of each its size, its state and how many runs, without reading their rows.

A session that has ended is told by its manifest, the footers of its tables and one small column. What is
damaged is looked for by `checking`.
"""

import contextlib
import datetime
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.errors import StoreError
from bench.records.cast import NEEDED, cast
from bench.records.find import RUNS_FILE, SessionFolder, find_sessions
from bench.records.folders import Folder, Local, folder_of, unreadable
from bench.records.going_on import is_going_on
from bench.records.journal import FILE_NAME, TAIL_BYTES, closed_runs
from bench.records.manifest import MANIFEST_FILE, Manifest
from bench.records.pieces import read_manifest, read_pieces
from bench.records.plausible import can_be_time
from bench.records.segments import SEGMENTS
from bench.records.side_by_side import ELSEWHERE, side_by_side
from bench.records.stored import place_of
from bench.records.tables import EPOCH, schema_of
from bench.uri import shown

State = Literal["ended", "going on", "interrupted", "not ended", "damaged"]
"""That a session is "not ended" where nobody can tell whether it goes on."""
_TOLD_BY = (*NEEDED["runs"], "machine", "started_at")


@dataclass(frozen=True)
class Listed:
    """A session: where it is, its size with all that belongs to it, and what is known of it.

    `runs` counts each run once, `ok` those that ended so; `began` is when its first run did. Of a damaged one
    `problem` says what stands in the way of telling more.
    """

    path: str
    bytes: int
    state: State
    session_id: str | None = None
    suite: str | None = None
    machines: tuple[str, ...] = ()
    began: datetime.datetime | None = None
    runs: int | None = None
    ok: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """The sessions below some paths, sorted by their paths, and lines on folders that were left out."""

    sessions: tuple[Listed, ...]
    notes: tuple[str, ...]


@dataclass
class Told:
    """What the columns of a session's runs tell, gathered part by part."""

    session_id: str | None = None
    suite: str | None = None
    began: int | None = None  # microseconds from 1970
    runs: int = 0
    ok: int = 0
    machines: dict[str, None] = field(default_factory=dict)

    def named(self, session_id: object, suite: object) -> None:
        """What the header or a row says."""
        self.session_id = self.session_id or (session_id if isinstance(session_id, str) else None)
        self.suite = self.suite or (suite if isinstance(suite, str) else None)

    def add(self, runs: pa.Table) -> None:
        """Rows of runs; `machine` and `started_at` may be missing."""
        # Not compared with a scalar: to make one imports pandas.
        counts = {it["values"]: it["counts"] for it in runs.column("status").value_counts().to_pylist()}
        self.ok += int(counts.get("ok", 0))
        if "machine" in runs.schema.names:
            machines = runs.column("machine").unique().to_pylist()
            self.machines |= dict.fromkeys(name for name in machines if name)
        if "started_at" in runs.schema.names:
            began = pc.min(runs.column("started_at").cast(pa.int64())).as_py()
            self.began = min((it for it in (self.began, began) if it is not None), default=None)


def list_sessions(paths: Sequence[str]) -> Listing:
    """All sessions at or below `paths`, however deep, each where it lies, copies included.

    Raises StoreError where a path leads nowhere or holds no session.
    """
    found, notes = sessions_below(paths)
    elsewhere = any(not isinstance(session.folder, Local) for session in found)
    # Those that read files of this machine would wait for each other.
    return Listing(tuple(side_by_side(listed, found, ELSEWHERE if elsewhere else 1)), notes)


def sessions_below(paths: Iterable[str]) -> tuple[list[SessionFolder], tuple[str, ...]]:
    """Their folders, each once, and lines on what could not be looked into; see `list_sessions`."""
    sessions: dict[str, SessionFolder] = {}
    notes: dict[str, None] = {}
    for path in paths:
        found = find_sessions(folder_of(path), math.inf)
        if not found.sessions and not found.left_out:
            raise StoreError(f"{shown(path)}: holds no session; `bench run SUITE` makes one")
        sessions |= {session.folder.path: session for session in found.sessions}
        notes |= dict.fromkeys(f"left out: {error}" for error in found.left_out)
    return sorted(sessions.values(), key=lambda session: session.folder.path), tuple(notes)


def size_of(session: SessionFolder) -> int:
    """How many bytes the files of a session take: those in its folder, and its segments."""
    folder = session.folder
    places = [folder, *([folder.below(SEGMENTS)] if MANIFEST_FILE in session.files else [])]
    total = 0
    for place in places:
        try:
            total += sum(place.sizes().values())
        except FileNotFoundError:
            continue
        except (pa.ArrowException, OSError) as error:
            raise unreadable(place.path, error) from error
    return total


def listed(session: SessionFolder) -> Listed:
    """What is known of one session, whatever is wrong with it."""
    size, state = 0, None
    try:
        size = size_of(session)
        manifest = read_manifest(session.folder)
        state = state_of(session, manifest)
        told = from_tables(session, manifest) if state == "ended" else from_pieces(session.folder)
    except StoreError as error:
        damaged: State = state if state in ("going on", "not ended") else "damaged"
        return Listed(session.folder.path, size, damaged, problem=str(error))
    began = None if told.began is None else EPOCH + datetime.timedelta(microseconds=told.began)
    about = told.session_id, told.suite, tuple(told.machines), began, told.runs, told.ok
    return Listed(session.folder.path, size, state, *about)


def state_of(session: SessionFolder, manifest: Manifest | None) -> State:
    """How far a session is; its manifest, the last entry of its journal, its lock and its claim tell.

    One that has lost its journal has ended where it has tables, which are written at the end.
    """
    if has_ended(session, manifest):
        return "ended"
    going_on = is_going_on(session.folder)
    return "not ended" if going_on is None else "going on" if going_on else "interrupted"


def has_ended(session: SessionFolder, manifest: Manifest | None) -> bool:
    """Whether all that there will be of it is there, as far as its files tell."""
    if manifest and manifest.tables:
        return True
    tail = _tail(session.folder) if FILE_NAME in session.files else b""
    return closed_runs(tail) is not None or (not tail and RUNS_FILE in session.files)


def _tail(folder: Folder) -> bytes:
    try:
        with folder.open(FILE_NAME) as file:
            file.seek(max(file.seek(0, 2) - TAIL_BYTES, 0))
            return bytes(file.read())
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place_of(folder, FILE_NAME), error) from error


def from_tables(session: SessionFolder, manifest: Manifest | None) -> Told:
    """What the table of its runs tells of a session that has ended. Raises StoreError where it is damaged."""
    told, where = Told(), place_of(session.folder, RUNS_FILE)
    if manifest:
        told.named(manifest.session.get("session_id"), manifest.session.get("suite"))
    with opened_runs(session, where) as file:
        told.runs = file.metadata.num_rows
        _add_runs(told, file, where)
    return told


@contextlib.contextmanager
def opened_runs(session: SessionFolder, where: str) -> Iterator[pq.ParquetFile]:
    """The table of a session's runs. What is wrong while it is read is a StoreError that names it."""
    try:
        with (
            session.folder.open(RUNS_FILE) as opened,
            pq.ParquetFile(opened, page_checksum_verification=True) as file,
        ):
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(where, error) from error


def _add_runs(told: Told, file: pq.ParquetFile, where: str) -> None:
    schema = file.schema_arrow
    names = schema.names
    began = least(file.metadata, "started_at")
    is_clear = can_be_time(began) if began is not None else not told.runs or "started_at" not in names
    if not is_usual(schema) or not is_clear:
        found = file.read([name for name in _TOLD_BY if name in names], use_threads=False)
        runs = cast("runs", found, where).table
        told.add(runs)
        _name(told, runs)
        return
    told.began = began
    told.add(file.read([name for name in ("status", "machine") if name in names], use_threads=False))
    if told.runs and not (told.session_id and told.suite):
        _name(told, _first_rows(file))


def is_usual(schema: pa.Schema) -> bool:
    """Whether all is there that bench writes in every row, and what tells of a session as bench writes it."""
    names, kinds = schema.names, schema_of("runs")
    return (
        all(names.count(name) == 1 for name in NEEDED["runs"])
        and all(names.count(name) <= 1 for name in _TOLD_BY)
        and all(schema.field(name).type == kinds.field(name).type for name in _TOLD_BY if name in names)
    )


def _first_rows(file: pq.ParquetFile) -> pa.Table:
    """Those of its first row group that has any, as far as they tell what a session is called."""
    numbers = range(file.metadata.num_row_groups)
    first = next(number for number in numbers if file.metadata.row_group(number).num_rows)
    return file.read_row_group(first, ["session_id", "suite"], use_threads=False)


def _name(told: Told, runs: pa.Table) -> None:
    if runs.num_rows:
        told.named(*(runs.column(name)[0].as_py() for name in ("session_id", "suite")))


def least(metadata: pq.FileMetaData, name: str) -> int | None:
    """The smallest time in a column, in its unit from 1970, as the statistics of its row groups say.

    None where they do not say it of all of them.
    """
    schema = metadata.schema
    place = next((at for at in range(len(schema)) if schema.column(at).path == name), None)
    least: list[int] = []
    for row_group in map(metadata.row_group, range(metadata.num_row_groups)):
        statistics = None if place is None else row_group.column(place).statistics
        if statistics is not None and statistics.has_min_max and isinstance(statistics.min_raw, int):
            least.append(statistics.min_raw)
        elif row_group.num_rows:
            return None
    return min(least, default=None)


def from_pieces(folder: Folder) -> Told:
    """What the segments and the journal of one tell that has not. Raises StoreError as they do."""
    told = Told()
    content = read_pieces(folder, {"runs": _TOLD_BY})
    told.named(content.header.get("session_id"), content.header.get("suite"))
    if parts := content.tables["runs"]:
        found = pa.concat_tables(parts, promote_options="default")
        runs = cast("runs", found, place_of(folder, FILE_NAME)).table
        told.runs = runs.num_rows
        told.add(runs)
        _name(told, runs)
    return told
