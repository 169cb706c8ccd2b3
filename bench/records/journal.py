"""The journal of a session: one JSON line per finished run, on the disk before the run counts as done."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.errors import StoreError, reason
from bench.files import NOT_KNOWN, flush
from bench.records.tables import Row

FILE_NAME = "journal.jsonl"
TAIL_BYTES = 256  # more than the entry that closes a session takes


class Journal:
    """An append-only file; `append` returns once the line is on the disk. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Opens `folder`/journal.jsonl for appending, without the line that a kill cut short.

        Raises StoreError where it cannot be written, or where another process writes it.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as opened:
                self._file = opened.enter_context((folder / FILE_NAME).open("a+b", buffering=0))
                self._lock()
                self._end_at_a_line()
                opened.pop_all()
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, kind: str, **content: Any) -> None:  # noqa: ANN401 -- anything JSON has, and datetimes
        """Write one entry, whole or not at all, and wait until it is on the disk.

        Raises StoreError where there is no room for it.
        """
        self.extend([{"kind": kind, **content}])

    def extend(self, entries: Iterable[Row]) -> None:
        """The same for several entries, all of them or none."""
        lines = "".join(json.dumps(entry, default=_encode) + "\n" for entry in entries).encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flush(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise self._unwritable(error) from error

    def is_there(self) -> bool:
        """Whether the file can still be found: a folder that was deleted or moved takes it along."""
        try:
            (self._folder / FILE_NAME).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # nobody knows; writing tells
            return True
        return True

    def _lock(self) -> None:
        """Until the file is closed, if only by the death of this process."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"{self._folder}: this session is still going on; wait for it, or run without --resume"
            raise StoreError(message) from error
        except OSError as error:
            if error.errno not in NOT_KNOWN | {errno.ENOLCK}:  # not every file system can
                raise

    def _end_at_a_line(self) -> None:
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(0)
            self._file.truncate(self._file.readall().rfind(b"\n") + 1)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self._folder}: cannot be written: {reason(error)}; pass --results with a folder of your own"
        )


@dataclass
class JournalContent:
    """What a journal holds: the session's header, and the rows of its tables."""

    header: Row = field(default_factory=dict)
    runs: list[Row] = field(default_factory=list)
    epochs: list[Row] = field(default_factory=list)
    machines: list[Row] = field(default_factory=list)
    _run_ids: set[str] = field(default_factory=set)

    def add_run(self, row: Row, epochs: list[Row]) -> None:
        """A run that has ended, in place of one of the same name from before the session was resumed."""
        run_id = row["run_id"]
        if run_id in self._run_ids:
            self.runs = [other for other in self.runs if other["run_id"] != run_id]
            self.epochs = [epoch for epoch in self.epochs if epoch["run_id"] != run_id]
        self._run_ids.add(run_id)
        self.runs.append(row)
        self.epochs += epochs

    def entries(self) -> Iterator[Row]:
        """The entries of a journal that holds all this."""
        yield {"kind": "session", **self.header}
        yield from ({"kind": "machine", "row": row} for row in self.machines)
        epochs: dict[str, list[Row]] = {}
        for epoch in self.epochs:
            epochs.setdefault(epoch["run_id"], []).append(epoch)
        for row in self.runs:
            yield {"kind": "run", "row": row, "epochs": epochs.get(row["run_id"], [])}


def parse_journal(text: bytes, where: str) -> JournalContent:
    """The content of a journal. A last line without its end, cut short by a kill, is left out.

    Raises StoreError, naming the file as `where`, if any other line is not an entry of a journal.
    """
    content = JournalContent()
    *lines, _ = text.split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            _take(content, json.loads(line.decode()))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{where}:{number}: not an entry of a journal; remove the line") from error
    return content


def closed_runs(tail: bytes) -> int | None:
    """How many runs a journal holds, told by its last `TAIL_BYTES`; None where its session did not end."""
    *lines, _ = tail.split(b"\n")
    try:
        entry = json.loads(lines[-1])
        return int(entry["runs"]) if entry["kind"] == "closed" else None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _take(content: JournalContent, entry: Row) -> None:
    kind = entry.pop("kind")
    if kind == "session":
        content.header = entry
    elif kind == "machine":
        content.machines.append(_row(entry["row"]))
    elif kind == "run":
        row, epochs = _row(entry["row"]), [_row(epoch) for epoch in entry["epochs"]]
        if row["started_at"] is not None:
            row["started_at"] = _time(row["started_at"])
        content.add_run(row, epochs)


def _row(value: object) -> Row:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} in place of a row")
    return value


def _time(text: str) -> datetime.datetime:
    """As it was written; one without a time zone is in UTC."""
    time = datetime.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _encode(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")
