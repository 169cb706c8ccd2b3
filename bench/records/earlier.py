"""What a session that goes on has to know of what it did before: of each run a few numbers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

import pyarrow as pa

from bench.errors import StoreError
from bench.records.cast import cast, impossible_note
from bench.records.entries import JournalContent, blocks, tables_of
from bench.records.folders import unreadable
from bench.records.journal import FILE_NAME
from bench.records.measurement import Status
from bench.records.tables import Row, TableName

ANEW = "leave out --resume for a new session"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that had ended before its session was resumed; see the columns of `runs`."""

    status: Status
    attempt: int
    step_seconds: float | None = None
    machine: str | None = None
    node: str | None = None
    occupied_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class EarlierMachine:
    """A node that a session had before it was resumed, told by its ids; see the columns of `machines`."""

    node: str | None
    machine_id: str | None
    software_id: str | None
    machine: str | None = field(compare=False)

    @classmethod
    def of(cls, row: Row) -> Self:
        """That of a row of `machines`, which may lack columns."""
        return cls(*(row.get(field.name) for field in fields(cls)))


_KNOWN = tuple(field.name for field in fields(Earlier))


@dataclass
class EarlierSession:
    """A session as its journal has it.

    `runs` has what became of each run by its name, and `places` at which byte of the journal that stands.
    `datasets` has the names and hashes of the data that they saw, `machines` each machine once.
    """

    header: Row
    runs: dict[str, Earlier] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    datasets: dict[tuple[str, str], None] = field(default_factory=dict)
    machines: dict[EarlierMachine, None] = field(default_factory=dict)


def read_earlier(folder: Path) -> EarlierSession:
    """The session in `folder`, from its journal, of which a part at a time is in memory.

    Raises StoreError where there is none, where it cannot be read, where it does not tell its session, and
    where a row of it could not be written again as it is.
    """
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            session = _read(blocks(file, str(path)), str(path))
    except OSError as error:
        raise unreadable(str(path), error) from error
    if not isinstance(session.header.get("session_id"), str):
        raise StoreError(f"{path}: does not begin with its session; it cannot be gone on with")
    return session


def _read(parts: Iterable[JournalContent], where: str) -> EarlierSession:
    session, impossible = EarlierSession({}), dict[TableName, Counter[str]]()
    for part in parts:
        session.header = part.header or session.header
        for name, table in tables_of(part, where).items():
            made = cast(name, table, where)
            impossible.setdefault(name, Counter()).update(made.impossible)
            if name == "runs":
                _add_runs(session, made.table, part.places)
        session.machines |= dict.fromkeys(map(EarlierMachine.of, part.machines))
    for counts in impossible.values():
        if note := impossible_note(where, counts):
            raise StoreError(f"{note}; it cannot be gone on with, {ANEW}")
    return session


def _add_runs(session: EarlierSession, runs: pa.Table, places: Iterable[int]) -> None:
    rows = runs.select(["run_id", "dataset", "dataset_sha256", *_KNOWN]).to_pylist()
    for place, row in zip(places, rows, strict=True):
        known = {name: row[name] for name in _KNOWN}
        session.runs[row["run_id"]] = Earlier(**known | {"attempt": row["attempt"] or 1})
        session.places[row["run_id"]] = place
        if row["dataset_sha256"] is not None:
            session.datasets[row["dataset"], row["dataset_sha256"]] = None
