"""What a session that goes on has to know of what it did before: of each run a few numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

import pyarrow as pa

from bench.errors import StoreError
from bench.records.cast import cast, impossible_note
from bench.records.columns import Part
from bench.records.folders import Local
from bench.records.journal import FILE_NAME
from bench.records.manifest import Manifest, Segment
from bench.records.measurement import Status
from bench.records.pieces import Pieces
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
_OF_RUNS = ("run_id", "dataset", "dataset_sha256", *_KNOWN)
_OF_MACHINES = tuple(field.name for field in fields(EarlierMachine))


@dataclass
class EarlierSession:
    """A session as its segments and its journal have it.

    `runs` has what became of each run by its name, and `entries` which entry of the journal that was, or the
    last one of its segment. `datasets` has the names and hashes of the data that they saw, `machines` each
    machine once. `manifest` is None where the session has none, `damaged` are segments whose runs cannot be
    read, and `notes` lines on all that is damaged.
    """

    header: Row
    runs: dict[str, Earlier] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    datasets: dict[tuple[str, str], None] = field(default_factory=dict)
    machines: dict[EarlierMachine, None] = field(default_factory=dict)
    manifest: Manifest | None = None
    damaged: Sequence[Segment] = ()
    notes: tuple[str, ...] = ()


def read_earlier(folder: Path) -> EarlierSession:
    """The session in `folder`, of which a part at a time is in memory.

    Raises StoreError where there is none, where it cannot be read, where it does not tell its session, and
    where a row of its journal could not be written again as it is.
    """
    path = folder / FILE_NAME
    with Pieces(Local(str(folder))) as pieces:
        session = EarlierSession({}, manifest=pieces.manifest)
        for part in pieces.segments({"runs": _OF_RUNS, "machines": _OF_MACHINES}):
            _add(session, part.tables["runs"], part)
        _add_journal(session, pieces.journal(), str(path))
        session.header, session.notes = pieces.header, tuple(pieces.notes)
        session.damaged = pieces.damaged
    if not isinstance(session.header.get("session_id"), str):
        raise StoreError(f"{path}: does not begin with its session; it cannot be gone on with")
    return session


def _add_journal(session: EarlierSession, parts: Iterable[Part], where: str) -> None:
    impossible = dict[TableName, Counter[str]]()
    for part in parts:
        for name, table in part.tables.items():
            made = cast(name, table, where)
            impossible.setdefault(name, Counter()).update(made.impossible)
            if name == "runs":
                _add(session, made.table, part)
    for counts in impossible.values():
        if note := impossible_note(where, counts):
            raise StoreError(f"{note}; it cannot be gone on with, {ANEW}")


def _add(session: EarlierSession, runs: pa.Table, part: Part) -> None:
    rows = runs.select(_OF_RUNS).to_pylist()
    for entry, row in zip(part.entries, rows, strict=True):
        known = {name: row[name] for name in _KNOWN}
        session.runs[row["run_id"]] = Earlier(**known | {"attempt": row["attempt"] or 1})
        session.entries[row["run_id"]] = entry
        if row["dataset_sha256"] is not None:
            session.datasets[row["dataset"], row["dataset_sha256"]] = None
    machines = part.tables["machines"]
    known_columns = [name for name in _OF_MACHINES if name in machines.schema.names]
    session.machines |= dict.fromkeys(map(EarlierMachine.of, machines.select(known_columns).to_pylist()))
