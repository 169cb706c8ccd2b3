"""The journal of a session: one JSON line per finished run, on the disk before the run counts as done."""

import datetime
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.errors import StoreError
from bench.records.tables import Row

FILE_NAME = "journal.jsonl"


class Journal:
    """An append-only file; `append` returns once the line is on the disk. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Opens `folder`/journal.jsonl for appending; raises StoreError where it cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / FILE_NAME).open("a", encoding="utf-8")
        except OSError as error:
            message = f"{folder}: cannot be written: {error.strerror}; pass --results with a folder of your own"
            raise StoreError(message) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, kind: str, **content: Any) -> None:  # noqa: ANN401 -- anything JSON has, and datetimes
        """Write one entry and wait until it is on the disk."""
        self._file.write(json.dumps({"kind": kind, **content}, default=_encode) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass
class JournalContent:
    """What a journal holds: the session's header, and the rows of its tables."""

    header: Row = field(default_factory=dict)
    runs: list[Row] = field(default_factory=list)
    epochs: list[Row] = field(default_factory=list)
    machines: list[Row] = field(default_factory=list)


def read_journal(path: Path) -> JournalContent:
    """The content of the journal at `path`. A last line cut short by a kill is left out.

    Raises StoreError where any other line is not an entry of a journal.
    """
    content = JournalContent()
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            _take(content, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break
            raise StoreError(f"{path}:{number}: not an entry of a journal; remove the line") from error
    return content


def _take(content: JournalContent, entry: Row) -> None:
    kind = entry.pop("kind")
    if kind == "session":
        content.header = entry
    elif kind == "machine":
        content.machines.append(entry["row"])
    elif kind == "run":
        row = entry["row"]
        row["started_at"] = datetime.datetime.fromisoformat(row["started_at"])
        content.runs.append(row)
        content.epochs += entry["epochs"]


def _encode(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")
