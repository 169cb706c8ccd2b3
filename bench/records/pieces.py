"""A session from its pieces: the segments that its manifest names, and the journal of what is in none yet."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import DamagedError, StoreError
from bench.records.columns import Part, journal_parts
from bench.records.folders import Folder, by_lines, unreadable
from bench.records.journal import FILE_NAME
from bench.records.lines import Lines
from bench.records.manifest import MANIFEST_FILE, Manifest, Segment
from bench.records.segments import found_segments
from bench.records.stored import place_of, table_in, verified
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, Row, TableName, check_version, schema_of

Columns = Mapping[TableName, Sequence[str]]
_TRIES = 8
RUN_ID = "run_id"
_AGAIN = "left out; `bench run --resume` runs again what was in it"


@dataclass(frozen=True)
class Content:
    """What a session's segments and journal hold, each run once: its last entry.

    `tables` has each table in parts, which may lack columns that a younger bench has. `notes` are lines on
    what is damaged and left out.
    """

    header: Row
    tables: Mapping[TableName, list[pa.Table]]
    notes: tuple[str, ...] = ()


def read_pieces(folder: Folder, columns: Columns | None = None) -> Content:
    """The content of the session in `folder`, of its tables the `columns` asked for, or all.

    A table that is not asked for has no parts. Raises StoreError where neither segments nor journal can be
    read, and where they are a newer bench's.
    """
    with Pieces(folder) as pieces:
        segments, journal = list(pieces.segments(_needed(columns))), list(pieces.journal())
        if latest := _latest_of([*segments, *journal]):
            segments = [without_others(part, latest) for part in segments]
            journal = list(pieces.journal(latest))
        parts = [_chosen(part.tables, columns) for part in (*segments, *journal)]
        tables = {name: [part[name] for part in parts if name in part] for name in TABLE_NAMES}
        return Content(pieces.header, tables, tuple(pieces.notes))


class Pieces:
    """The segments and the journal of the session in `folder`, as they are at this moment.

    Use as a context manager. `manifest` is the session's, None where there is none yet. `header`, `damaged`,
    segments that have lost runs, `damaged_lines`, how many the journal has, and `notes`, lines on all that is
    damaged, are complete once both were read.

    Raises StoreError where they cannot be read, and where they are a newer bench's.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.manifest: Manifest | None = None
        self.notes: list[str] = []
        self.damaged: list[Segment] = []
        self.damaged_lines = 0
        self._journal: IO[bytes] | None = None
        self._opened = contextlib.ExitStack()
        self._open()
        self.header: Row = dict(self.manifest.session) if self.manifest else {}
        check_version(self.header.get("schema_version", 1), self._where(MANIFEST_FILE), JOURNAL_VERSION)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def segments(self, columns: Columns | None = None) -> Iterator[Part]:
        """Each segment, of its tables the `columns` asked for, or all; each run's entry is the last one."""
        for segment in self.manifest.segments if self.manifest else ():
            tables = {name: self._segment_table(segment, name, columns) for name in TABLE_NAMES}
            runs = tables["runs"].num_rows
            if not runs:
                tables["epochs"] = _empty("epochs")
            yield Part(tables, [segment.last] * runs, segment.first, segment.last, {})

    def journal(self, latest: Mapping[str, int] | None = None) -> Iterator[Part]:
        """The entries that are in no segment; see `journal_parts`, also for `latest`."""
        if self._journal is None:
            return
        where = self._where(FILE_NAME)
        lines = Lines(self._lines(), where, self.manifest.next_entry if self.manifest else 1)
        something = False
        try:
            for part in journal_parts(lines, latest or {}):
                something = something or bool(part.header or part.entries or part.tables["machines"].num_rows)
                if part.header:
                    check_version(part.header.get("schema_version", 1), where, JOURNAL_VERSION)
                    self.header = part.header
                yield part
        except (pa.ArrowException, OSError) as error:
            raise unreadable(where, error) from error
        if lines.damage.lines and not something and not self.manifest:
            raise StoreError(f"{where}:{lines.damage.lines[0]}: not an entry of a journal; copy it again")
        self.damaged_lines = len(lines.damage.lines)
        self.notes = list(dict.fromkeys([*self.notes, *lines.damage.notes()]))

    def _lines(self) -> Any:  # noqa: ANN401 -- a binary file
        assert self._journal is not None
        self._journal.seek(0)
        return self._journal

    def _segment_table(self, segment: Segment, name: TableName, columns: Columns | None) -> pa.Table:
        stored = segment.files.get(name)
        wanted = None if columns is None else columns.get(name, ())
        if stored is None or wanted == ():
            return _empty(name)
        try:
            return table_in(verified(self.folder, stored), self._where(stored.name), wanted)
        except DamagedError as error:
            note = f"{error}; {_AGAIN}" if name == "runs" else f"{error}; left out"
            self.notes += [note] if note not in self.notes else []
            self.damaged += [segment] if name == "runs" and segment not in self.damaged else []
            return _empty(name)

    def _open(self) -> None:
        """Manifest and journal, which belong together: while a segment is closed, one may be the older."""
        before: Manifest | None = None
        for attempt in itertools.count():
            damage = self._read_manifest()
            self._opened.close()
            self._journal = self._open_journal()
            first = self._first_entry()
            known = self.manifest.next_entry if self.manifest else 1
            settled = attempt and (self.manifest == before or attempt == _TRIES)
            if first is None or first <= known or settled:
                break
            before = self.manifest
        if damage or (self.manifest is None and (first is None or first > 1)):
            self._do_without_manifest(first, damage)
        elif self.manifest and first is not None and first > known:
            self._go_on_behind(self.manifest, first)

    def _do_without_manifest(self, first: int | None, damage: DamagedError | None) -> None:
        segments, unknown = found_segments(self.folder, first)
        self.notes += [f"{note}; left out" for note in unknown]
        if segments or damage:
            self.manifest = Manifest({}, tuple(segments))
            lost = damage or f"{self._where(MANIFEST_FILE)}: missing; `bench check --repair` makes it anew"
            self.notes.append(f"{lost}; its segments were read without it")
        elif self._journal is None:
            raise StoreError(f"{self._where(FILE_NAME)}: missing; copy the session's folder whole")

    def _go_on_behind(self, manifest: Manifest, first: int) -> None:
        """An older manifest, as from a backup: the segments up to the journal tell themselves."""
        segments, unknown = found_segments(self.folder, first, manifest)
        self.manifest = without_gap(manifest, segments)
        self.notes += [f"{note}; left out" for note in unknown]
        self.notes.append(f"{older_note(self.folder)}; `bench check --repair` makes it anew")

    def _read_manifest(self) -> DamagedError | None:
        try:
            self.manifest = read_manifest(self.folder)
        except DamagedError as error:
            self.manifest = None
            return error
        return None

    def _open_journal(self) -> IO[bytes] | None:
        try:
            file = self._opened.enter_context(self.folder.open(FILE_NAME))
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self._where(FILE_NAME), error) from error
        return by_lines(file)

    def _first_entry(self) -> int | None:
        if self._journal is None:
            return None
        lines = Lines(self._lines(), "")
        try:
            next(iter(lines), None)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self._where(FILE_NAME), error) from error
        return lines.first

    def _where(self, name: str) -> str:
        return place_of(self.folder, name)


def read_manifest(folder: Folder) -> Manifest | None:
    """That of the session in `folder`; None where it has none.

    Raises DamagedError where it is damaged, another StoreError where it cannot be read or is a newer bench's.
    """
    where = place_of(folder, MANIFEST_FILE)
    try:
        with folder.open(MANIFEST_FILE) as file:
            content = bytes(file.read())
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        raise unreadable(where, error) from error
    return Manifest.parse(content, where)


def without_gap(manifest: Manifest, segments: Sequence[Segment]) -> Manifest:
    """An older `manifest` with the `segments` that have been closed since; its tables are no longer all."""
    return replace(manifest, segments=(*manifest.segments, *segments), tables={})


def older_note(folder: Folder) -> str:
    """What there is to say of such a manifest of the session in `folder`."""
    return f"{place_of(folder, MANIFEST_FILE)}: older than its journal"


def names_in(part: Part) -> list[str]:
    """The names of its runs."""
    return list(part.tables["runs"].column(RUN_ID).to_pylist())


def without_others(part: Part, latest: Mapping[str, int]) -> Part:
    """A segment less the runs of which an entry counts that is in none or another, and less their epochs."""
    names = names_in(part)
    counts = [part.first <= latest.get(name, part.last) <= part.last for name in names]
    if all(counts):
        return part
    others = pa.array([name for name, it in zip(names, counts, strict=True) if not it], pa.string())
    epochs = part.tables["epochs"]
    if epochs.num_rows:
        epochs = epochs.filter(pc.invert(pc.is_in(epochs.column(RUN_ID), value_set=others)))
    runs = part.tables["runs"].filter(pa.array(counts))
    return replace(
        part, tables={**part.tables, "runs": runs, "epochs": epochs}, entries=part.entries[: len(runs)]
    )


def _latest_of(parts: Sequence[Part]) -> dict[str, int] | None:
    """Which entry of each run counts; None where there is no run twice."""
    latest: dict[str, int] = {}
    rows = 0
    for part in parts:
        names = names_in(part)
        latest |= zip(names, part.entries, strict=True)
        rows += len(names)
    return latest if len(latest) < rows else None


def _needed(columns: Columns | None) -> Columns | None:
    """What has to be read to give `columns`: to tell of which runs another entry counts takes their names."""
    if columns is None:
        return None
    asked = {name: tuple(columns.get(name, ())) for name in TABLE_NAMES}
    return {
        "runs": tuple(dict.fromkeys((*asked["runs"], RUN_ID))),
        "epochs": tuple(dict.fromkeys((*asked["epochs"], RUN_ID))) if asked["epochs"] else (),
        "machines": asked["machines"],
    }


def _chosen(tables: Mapping[TableName, pa.Table], columns: Columns | None) -> Mapping[TableName, pa.Table]:
    if columns is None:
        return tables
    return {
        name: tables[name].select([column for column in wanted if column in tables[name].schema.names])
        for name, wanted in columns.items()
        if wanted
    }


def _empty(name: TableName) -> pa.Table:
    return pa.Table.from_batches([], schema=schema_of(name))
