"""What a journal holds: its lines as rows of the three tables, some hundred runs at a time."""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from bench.errors import StoreError, reason
from bench.records.lines import Damage, Line
from bench.records.tables import TABLE_NAMES, Row, TableName, to_table

RUNS_OF_A_BLOCK = 256
_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass
class JournalContent:
    """What a journal holds, or a part of it: the session's header, and rows of the tables.

    `entries` has the number of the entry of each of the `runs`, for those of a file, and `last` is that of
    the last entry of any kind.
    """

    header: Row = field(default_factory=dict)
    runs: list[Row] = field(default_factory=list)
    epochs: list[Row] = field(default_factory=list)
    machines: list[Row] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    last: int = 0

    def add_run(self, row: Row, epochs: list[Row]) -> None:
        """A run that has ended."""
        self.runs.append(row)
        self.epochs += epochs


def blocks(
    lines: Iterable[Line], damage: Damage, latest: Mapping[str, int] = _NOTHING
) -> Iterator[JournalContent]:
    """The content of a journal's lines, a part after the other, of which each is in memory alone.

    A session that was resumed has a run twice that was tried again: `latest` has the entry that counts by the
    names of runs, and others of a run that it knows are left out. What is no entry is `damage`.
    """
    block = JournalContent()
    for line in lines:
        try:
            _take(block, json.loads(line.data.decode()), line.entry, latest)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            damage.line(line.number, line.data)
        block.last = line.entry
        if len(block.runs) >= RUNS_OF_A_BLOCK:
            yield block
            block = JournalContent(last=line.entry)
    yield block


def header_of(entry: Row) -> Row:
    """What a session's first entry says of it, less what says of the entry itself."""
    return {name: value for name, value in entry.items() if name not in ("crc32", "entry", "kind")}


def tables_of(content: JournalContent, where: str) -> dict[TableName, pa.Table]:
    """The rows as tables; StoreError, naming it as `where`, for rows of another schema."""
    try:
        return {name: to_table(name, getattr(content, name)) for name in TABLE_NAMES}
    except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise StoreError(f"{where}: rows of another bench: {reason(error)}; upgrade bench") from error


def _take(content: JournalContent, entry: Row, number: int, latest: Mapping[str, int]) -> None:
    kind = entry.pop("kind")
    if kind == "session":
        content.header = header_of(entry)
    elif kind == "machine":
        content.machines.append(_row(entry["row"]))
    elif kind == "run":
        row, epochs = _row(entry["row"]), [_row(epoch) for epoch in entry["epochs"]]
        if latest.get(row["run_id"], number) != number:
            return
        if row["started_at"] is not None:
            row["started_at"] = _time(row["started_at"])
        content.add_run(row, epochs)
        content.entries.append(number)


def _row(value: Any) -> Row:  # noqa: ANN401 -- whatever a line holds
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} in place of a row")
    return value


def _time(text: str) -> datetime.datetime:
    """As it was written; one without a time zone is in UTC."""
    time = datetime.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
