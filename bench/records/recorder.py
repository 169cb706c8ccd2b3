"""A session being written: every finished run into the journal at once, from there into tables."""

import contextlib
import datetime
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from bench.errors import StoreError, reason
from bench.records.columns import journal_parts
from bench.records.earlier import Earlier, EarlierSession, read_earlier
from bench.records.folders import Local
from bench.records.journal import FILE_NAME, Journal
from bench.records.lines import Lines
from bench.records.manifest import MANIFEST_FILE, Manifest, Segment, write_manifest
from bench.records.pieces import read_manifest
from bench.records.rebuild import write_session_tables
from bench.records.rescue import rescue
from bench.records.seal import BEGINNING
from bench.records.segments import Held, full, lost_with, remove_left, write_segments
from bench.records.tables import JOURNAL_VERSION, Row


def new_session_id(now: datetime.datetime) -> str:
    """A name that sorts by time and that no other machine picks, such as 20260131-142530-9f3a."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Recorder:
    """Writes one session into a folder. Use as a context manager: the tables are written when it ends.

    What is on the disk is not kept in memory: of each run its name stays, and which entry of the journal it
    is. Once the journal holds some thousand runs, they become a segment, which takes as long however many
    there were before. `notes` are lines on what of a session that was resumed is damaged.
    """

    def __init__(self, folder: Path, journal: Journal, session: EarlierSession, head: Sequence[Row]) -> None:
        """Of `journal`, which lies in `folder`, holds `session`, and begins anew with `head`."""
        self.session_id: str = session.header["session_id"]
        self.folder = folder
        self.earlier: Mapping[str, Earlier] = session.runs
        self.earlier_machines = session.machines
        self._journal, self._entries, self._head = journal, session.entries, head
        self._header = {name: value for name, value in head[0].items() if name != "kind"}
        self._not_ok = {run_id for run_id, run in session.runs.items() if run.status != "ok"}
        self._manifest = session.manifest or Manifest(self._header)
        self._held, self._damaged, self._lost = Held(), session.damaged, list[Segment]()
        self._held.keep(folder, self._manifest.segments)
        told = "\n".join(session.notes)
        absent = [str(folder / name) for name in sorted(self._held.absent)]
        self.notes = session.notes + tuple(f"{it}: missing; left out" for it in absent if it not in told)
        self._tried = 0, 0
        """Of the journal, when it was last tried to close a segment: its runs, and its size."""

    @classmethod
    def begin(cls, folder: Path, session_id: str, header: Row) -> Self:
        """A new session in `folder`, and what it is. Raises StoreError where the folder cannot be written."""
        session = EarlierSession({"session_id": session_id, "schema_version": JOURNAL_VERSION, **header})
        head = [{"kind": "session", **session.header}]
        journal = Journal(folder)
        journal.extend(head)
        return cls(folder, journal, session, head)

    @classmethod
    def resume(cls, folder: Path, header: Row) -> Self:
        """The session in `folder` once more, with what it is from now on.

        Raises StoreError where the folder cannot be written, where another process writes it, and where it
        holds no journal.
        """
        with contextlib.ExitStack() as opened:
            journal = opened.enter_context(Journal(folder))
            remove_left(folder)
            rescue(folder, journal, keep=True)
            session = read_earlier(folder)
            if session.manifest:
                session.manifest = replace(session.manifest, session=session.header, tables={})
                write_manifest(folder, session.manifest)
                journal.continue_at(session.manifest.next_entry)
            resumed = {"kind": "resumed", **header}
            head = [{"kind": "session", **session.header, "schema_version": JOURNAL_VERSION}, resumed]
            unsealed = journal.size and not _is_sealed(journal)
            journal.extend([resumed] if journal.size else head)
            opened.pop_all()
        recorder = cls(folder, journal, session, head)
        if unsealed:  # an older bench would take it for its own, and add lines without seals
            with contextlib.suppress(StoreError):  # the journal has all; it is tried again once it has grown
                recorder._close_segment()
        return recorder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.closing(self._held), self._journal:
            self._write()

    @property
    def runs(self) -> int:
        """How many runs the session holds, each counted once."""
        return len(self._entries)

    @property
    def not_ok(self) -> int:
        """How many of them did not end ok."""
        return len(self._not_ok)

    def add_machines(self, rows: Iterable[Row]) -> None:
        """Record fingerprints of nodes, or probes, with one wait for the disk: all of them, or none."""
        self._extend([{"kind": "machine", "row": row} for row in rows])

    def add_run(self, row: Row, epochs: list[Row]) -> None:
        """Record a run that has ended; returns once it is on the disk."""
        self.add_runs([(row, epochs)])

    def add_runs(self, ended: Sequence[tuple[Row, list[Row]]]) -> None:
        """The same for several runs, with one wait for the disk: all of them are recorded, or none."""
        numbers = self._extend([{"kind": "run", "row": row, "epochs": epochs} for row, epochs in ended])
        for (row, _), number in zip(ended, numbers, strict=True):
            self._entries[row["run_id"]] = number
            self._not_ok.discard(row["run_id"])
            if row["status"] != "ok":
                self._not_ok.add(row["run_id"])
        if full(self._journal.runs - self._tried[0], self._journal.size - self._tried[1]):
            with contextlib.suppress(StoreError):  # the journal has all, and grows; it is tried again
                self._close_segment()

    def _extend(self, entries: list[Row]) -> range:
        self._journal.stay(self._put_back)
        return self._journal.extend(entries)

    def _close_segment(self) -> None:
        """What the journal holds becomes a segment; killed at any point of it, the session has all."""
        try:
            self._stay()
            manifest = self._manifest
            known = manifest.next_entry
            with self._journal.read() as file:
                lines = Lines(file, str(self.folder / FILE_NAME), known)
                made = write_segments(self.folder, manifest.taken, known, journal_parts(lines, self._entries))
            if made:
                made[-1] = replace(made[-1], last=self._journal.next_entry - 1)
                self._set(replace(manifest, segments=(*manifest.segments, *made)))
            self._journal.renew(self._head, lines.damage.raw)
        finally:
            self._tried = self._journal.runs, self._journal.size

    def _stay(self) -> None:
        """The session is where it was, and its manifest the one that is there."""
        self._journal.stay(self._put_back)
        self._put_back()
        with contextlib.suppress(StoreError):  # of one that is damaged, the one here is the better
            there = read_manifest(Local(str(self.folder)))
            if there and there.next_entry > self._manifest.next_entry:  # written, but not waited for
                self._manifest = there
                self._held.keep(self.folder, there.segments)

    def _put_back(self) -> None:
        """The segments, and then the manifest, where they are gone with the folder."""
        try:
            self._put_files_back()
        except OSError as error:
            what = f"{self.folder}: cannot be written: {reason(error)}"
            raise StoreError(f"{what}; its journal is complete, go on with --resume") from error

    def _put_files_back(self) -> None:
        whole = [it for it in self._manifest.segments if it not in self._damaged and it not in self._lost]
        self._lost += self._held.put_back(self.folder, whole)
        if self._manifest.segments and not (self.folder / MANIFEST_FILE).exists():
            write_manifest(self.folder, self._manifest)

    def _set(self, manifest: Manifest) -> None:
        write_manifest(self.folder, manifest)
        self._manifest = manifest
        self._held.keep(self.folder, manifest.segments)

    def _write(self) -> None:
        """The tables, and what says that they are all there is."""
        if full(self._journal.runs, self._journal.size):
            with contextlib.suppress(StoreError):
                self._close_segment()
        self._stay()
        tables, notes = write_session_tables(self.folder, self._entries)
        runs = tables["runs"].rows
        self._extend([{"kind": "closed", "runs": runs}])
        self._set(replace(self._manifest, session=self._header, tables=tables))
        if self._lost:
            raise lost_with(self.folder, self._lost)
        if runs < len(self._entries):
            told = "; ".join(notes) or f"{self.folder}: some of its files were changed while it went on"
            raise StoreError(f"{told}; {_runs(len(self._entries) - runs)} not in the tables")


def _is_sealed(journal: Journal) -> bool:
    """Whether it begins with a line that has a checksum."""
    with journal.read() as file:
        return file.read(len(BEGINNING)) == BEGINNING


def _runs(count: int) -> str:
    return "1 run that had ended is" if count == 1 else f"{count} runs that had ended are"
