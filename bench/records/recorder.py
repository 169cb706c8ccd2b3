"""A session being written: every finished run into the journal at once, the tables from it at intervals."""

import datetime
import secrets
import tempfile
import time
from pathlib import Path
from typing import Self

from bench.errors import StoreError
from bench.records.journal import Journal, JournalContent
from bench.records.store import write_tables
from bench.records.tables import SCHEMA_VERSION, Row

TABLES_EVERY_SECONDS = 60.0


def new_session_id(now: datetime.datetime) -> str:
    """A name that sorts by time and that no other machine picks, such as 20260131-142530-9f3a."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Recorder:
    """Writes one session into `folder`. Use as a context manager: the tables are written when it ends.

    Raises StoreError where the folder cannot be written.
    """

    def __init__(self, folder: Path, session_id: str, header: Row) -> None:
        self.session_id, self.folder = session_id, folder
        self._content = JournalContent(
            header={"session_id": session_id, "schema_version": SCHEMA_VERSION, **header}
        )
        self._journal = Journal(folder)
        self._journal.append("session", **self._content.header)
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write()
            self._journal.append("closed", runs=len(self._content.runs))
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
        self._journal.append("machine", row=row)
        self._content.machines.append(row)

    def add_run(self, row: Row, epochs: list[Row]) -> None:
        """Record a run that has ended; returns once it is on the disk."""
        self._journal.append("run", row=row, epochs=epochs)
        self._content.runs.append(row)
        self._content.epochs += epochs
        if time.monotonic() - self._written > TABLES_EVERY_SECONDS:
            self._write()

    def _write(self) -> None:
        write_tables(self.folder, self._content)
        self._written = time.monotonic()


def check_writable(results: Path) -> None:
    """Raises StoreError where no session could be written below `results`; leaves nothing there."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"{results}: cannot be written: {reason}; pass --results with a folder of your own"
        raise StoreError(message) from error
