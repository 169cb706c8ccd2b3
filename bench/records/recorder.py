"""A session being written: every finished run into the journal at once, the tables from it at intervals."""

import contextlib
import datetime
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from bench.errors import StoreError, reason
from bench.records.journal import Journal, JournalContent
from bench.records.resume import Earlier, read_journal
from bench.records.store import write_tables
from bench.records.tables import SCHEMA_VERSION, Row

TABLES_EVERY_SECONDS = 60.0


def new_session_id(now: datetime.datetime) -> str:
    """A name that sorts by time and that no other machine picks, such as 20260131-142530-9f3a."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Recorder:
    """Writes one session into a folder. Use as a context manager: the tables are written when it ends."""

    def __init__(self, folder: Path, journal: Journal, content: JournalContent) -> None:
        """Of `journal`, which lies in `folder` and holds `content`."""
        self.session_id: str = content.header["session_id"]
        self.folder = folder
        self._journal, self._content = journal, content
        self._written = time.monotonic()
        self.earlier = {
            row["run_id"]: Earlier(row["status"], row["attempt"], row["step_seconds"], row["machine"])
            for row in content.runs
        }

    @classmethod
    def begin(cls, folder: Path, session_id: str, header: Row) -> Self:
        """A new session in `folder`, and what it is. Raises StoreError where the folder cannot be written."""
        content = JournalContent({"session_id": session_id, "schema_version": SCHEMA_VERSION, **header})
        journal = Journal(folder)
        journal.append("session", **content.header)
        return cls(folder, journal, content)

    @classmethod
    def resume(cls, folder: Path, header: Row) -> Self:
        """The session in `folder` once more, with what it is from now on.

        Raises StoreError where the folder cannot be written, where another process writes it, and where it
        holds no journal.
        """
        with contextlib.ExitStack() as opened:
            journal = opened.enter_context(Journal(folder))
            content = read_journal(folder)
            journal.append("resumed", **header)
            opened.pop_all()
        return cls(folder, journal, content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write()
            self._append("closed", runs=len(self._content.runs))
        finally:
            self._journal.__exit__()

    @property
    def runs(self) -> list[Row]:
        """The rows of `runs` recorded so far."""
        return self._content.runs

    @property
    def machines(self) -> list[Row]:
        """The rows of `machines` recorded so far."""
        return self._content.machines

    def add_machine(self, row: Row) -> None:
        """Record a node's fingerprint, or its probe."""
        self._append("machine", row=row)
        self._content.machines.append(row)

    def add_run(self, row: Row, epochs: list[Row]) -> None:
        """Record a run that has ended; returns once it is on the disk."""
        self._append("run", row=row, epochs=epochs)
        self._content.add_run(row, epochs)
        if time.monotonic() - self._written > TABLES_EVERY_SECONDS:
            self._write()

    def add_runs(self, runs: Sequence[tuple[Row, list[Row]]]) -> None:
        """Record runs that have ended."""
        for row, epochs in runs:
            self.add_run(row, epochs)

    def _append(self, kind: str, **content: Any) -> None:  # noqa: ANN401 -- what a journal takes
        self._find_again()
        self._journal.append(kind, **content)

    def _find_again(self) -> None:
        """Where the folder was deleted or moved meanwhile, all that was recorded goes into a new one."""
        if not self._journal.is_there():
            self._journal.__exit__()
            self._journal = Journal(self.folder)
            self._journal.extend(self._content.entries())

    def _write(self) -> None:
        self._find_again()
        write_tables(self.folder, self._content)
        self._written = time.monotonic()


def check_writable(results: Path) -> None:
    """Makes the folder `results`. Raises StoreError where no session could be written below it."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
    except OSError as error:
        message = f"{results}: cannot be written: {reason(error)}; pass --results with a folder of your own"
        raise StoreError(message) from error
