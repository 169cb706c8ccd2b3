"""A session being written: every finished run into the journal at once, the tables from it at intervals."""

import contextlib
import datetime
import secrets
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from bench.errors import StoreError, reason
from bench.records.columns import journal_tables
from bench.records.earlier import Earlier, EarlierSession, read_earlier
from bench.records.journal import FILE_NAME, Journal
from bench.records.tables import SCHEMA_VERSION, Row
from bench.records.writing import write_parts

TABLES_EVERY_SECONDS = 60.0
MOST_OF_THE_TIME = 0.02
"""Of a session's time, spent on tables that are written anew while it goes on."""


def new_session_id(now: datetime.datetime) -> str:
    """A name that sorts by time and that no other machine picks, such as 20260131-142530-9f3a."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Recorder:
    """Writes one session into a folder. Use as a context manager: the tables are written when it ends.

    What is on the disk is not kept in memory: the journal is where the tables are made from. Of each run its
    name stays, and where in the journal it stands.
    """

    def __init__(self, folder: Path, journal: Journal, session: EarlierSession) -> None:
        """Of `journal`, which lies in `folder` and holds `session`."""
        self.session_id: str = session.header["session_id"]
        self.folder = folder
        self.earlier: Mapping[str, Earlier] = session.runs
        self.earlier_machines = session.machines
        self._journal, self._places = journal, session.places
        self._not_ok = {run_id for run_id, run in session.runs.items() if run.status != "ok"}
        self._write_after = time.monotonic() + TABLES_EVERY_SECONDS

    @classmethod
    def begin(cls, folder: Path, session_id: str, header: Row) -> Self:
        """A new session in `folder`, and what it is. Raises StoreError where the folder cannot be written."""
        session = EarlierSession({"session_id": session_id, "schema_version": SCHEMA_VERSION, **header})
        journal = Journal(folder)
        journal.append("session", **session.header)
        return cls(folder, journal, session)

    @classmethod
    def resume(cls, folder: Path, header: Row) -> Self:
        """The session in `folder` once more, with what it is from now on.

        Raises StoreError where the folder cannot be written, where another process writes it, and where it
        holds no journal.
        """
        with contextlib.ExitStack() as opened:
            journal = opened.enter_context(Journal(folder))
            session = read_earlier(folder)
            journal.append("resumed", **header)
            opened.pop_all()
        return cls(folder, journal, session)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write()
            self._extend([{"kind": "closed", "runs": self.runs}])
        finally:
            self._journal.__exit__()

    @property
    def runs(self) -> int:
        """How many runs the session holds, each counted once."""
        return len(self._places)

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
        places = self._extend([{"kind": "run", "row": row, "epochs": epochs} for row, epochs in ended])
        for (row, _), place in zip(ended, places, strict=True):
            self._places[row["run_id"]] = place
            self._not_ok.discard(row["run_id"])
            if row["status"] != "ok":
                self._not_ok.add(row["run_id"])
        if time.monotonic() > self._write_after:
            with contextlib.suppress(StoreError):  # the journal has all; at the end it is told
                self._write()

    def _extend(self, entries: list[Row]) -> list[int]:
        self._journal.stay()
        return self._journal.extend(entries)

    def _write(self) -> None:
        """The tables anew; not again before fifty times as long has passed as it takes, or as it tries."""
        began = time.monotonic()
        try:
            self._journal.stay()
            with self._journal.read() as file:
                write_parts(self.folder, journal_tables(file, str(self.folder / FILE_NAME), self._places))
        finally:
            now = time.monotonic()
            self._write_after = now + max(TABLES_EVERY_SECONDS, (now - began) / MOST_OF_THE_TIME)


def check_writable(results: Path) -> None:
    """Makes the folder `results`. Raises StoreError where no session could be written below it."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
    except OSError as error:
        message = f"{results}: cannot be written: {reason(error)}; pass --results with a folder of your own"
        raise StoreError(message) from error
