"""One session as it lies in its folder: what of it is asked for, from the files that hold it.

A manifest tells which tables belong to a session that has ended, and their hashes: the bytes of those that
are read are compared before they are believed, and of columns and rows only those are decoded that are asked
for. Of few machines the manifest itself tells most. A session without one is as an older bench left it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow.compute as pc

from bench.errors import DamagedError, StoreError
from bench.records.arrow_columns import codes
from bench.records.asked import Asked, Condition, Known, Named, Tables
from bench.records.find import SessionFolder
from bench.records.folders import Folder
from bench.records.manifest import MANIFEST_FILE, Manifest, StoredFile
from bench.records.named import named_table
from bench.records.older import going_on, in_place, tables_of
from bench.records.pieces import read_manifest
from bench.records.rows import Rows
from bench.records.stored import place_of
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, TableName, check_version

_NAMED = ("machine_id", "machine")
_TELL: tuple[TableName, ...] = ("runs", "machines")
"""The tables that do of machines."""
_TRIES = 8


@dataclass(frozen=True)
class Opened:
    """A session of which no more than its manifest has been read, and lines on what is wrong with that."""

    at: SessionFolder
    manifest: Manifest | None = None
    notes: tuple[str, ...] = ()

    @property
    def session_id(self) -> str | None:
        """Its name where the manifest tells it, and the tables with it; else they have to be read."""
        if self.manifest is None or not self.manifest.tables:
            return None
        name = self.manifest.session.get("session_id")
        return name if isinstance(name, str) else None


@dataclass(frozen=True)
class Part:
    """What is asked for of one session, and lines on what is wrong with it.

    `names` has its id, or those of the sessions in it. `recorded` is how many runs it has in all, and
    `others` has the machines of those that a condition left out, each an id and a name.
    """

    rows: Mapping[TableName, Rows]
    names: frozenset[str]
    recorded: int
    notes: tuple[str, ...] = ()
    others: frozenset[Named] = frozenset()

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """Of whole tables."""
        names = frozenset(pc.unique(tables.runs.column("session_id")).to_pylist())
        rows = {name: Rows.of(getattr(tables, name)) for name in TABLE_NAMES}
        return cls(rows, names, tables.runs.num_rows, tables.notes)

    def chosen(self, asked: Asked) -> "Part":
        """What is asked for of it."""
        runs = self.rows["runs"].held(asked.condition)
        rows = {**self.rows, "runs": runs}
        names = asked.tables if runs.number or asked.condition is None else asked.tables[:1]
        others = frozenset[Named]()
        if asked.condition is not None:
            others = others.union(*(_machines(self.rows[name]) for name in _TELL if name in self.rows))
        chosen = {name: rows[name].select(asked.of(name)) for name in names}
        return replace(self, rows=chosen, others=others)


def _machines(rows: Rows) -> frozenset[Named]:
    """Each machine of all rows, by its id and name; of columns that nobody asked for none."""
    if not set(_NAMED) <= set(rows.names):
        return frozenset()
    columns = [codes(rows.whole_column(name)) for name in _NAMED]
    return frozenset(zip(*(column.of(np.arange(rows.length)) for column in columns), strict=True))


def open_session(at: SessionFolder) -> Opened:
    """Reads its manifest, if any. Raises StoreError where that cannot be read, or is a newer bench's."""
    if MANIFEST_FILE not in at.files:
        return Opened(at)
    try:
        manifest = read_manifest(at.folder)
    except DamagedError as error:
        return Opened(at, None, (str(error),))
    if manifest is not None:
        where = place_of(at.folder, MANIFEST_FILE)
        check_version(manifest.session.get("schema_version", 1), where, JOURNAL_VERSION)
    return Opened(at, manifest)


def read_part(opened: Opened, asked: Asked, tries: int = _TRIES) -> Part:
    """What is asked for of a session; where a condition leaves no run of it, neither epochs nor machines.

    One that was resumed or repaired since it was opened is read as it is now. Raises StoreError where it
    cannot be read, neither from its tables nor from what they were made of.
    """
    if opened.session_id is None:
        read = tables_of if opened.manifest is None else going_on
        part = Part.of(read(opened.at, asked.tables)).chosen(asked)
        return replace(part, notes=(*opened.notes, *part.notes))
    try:
        return _of_named(opened, opened.session_id, asked)
    except StoreError as error:
        damage = error
    now = open_session(opened.at)
    if tries and now != opened:
        return read_part(now, asked, tries - 1)
    recorded = opened.manifest.tables["runs"].rows if opened.manifest else 0
    return Part.of(in_place(opened.at.folder, damage, recorded)).chosen(asked)


def _of_named(opened: Opened, session_id: str, asked: Asked) -> Part:
    """From the tables that the manifest names."""
    assert opened.manifest is not None
    folder, files, condition = opened.at.folder, opened.manifest.tables, asked.condition
    part = Part({}, frozenset({session_id}), files["runs"].rows)
    if condition is not None:
        part = replace(part, others=_all_machines(folder, files))
        if not _may_hold(session_id, files["runs"], condition):
            return part
    runs, *notes = named_table(folder, "runs", files["runs"], asked.of("runs"), condition)
    rows: dict[TableName, Rows] = {"runs": runs}
    for name in asked.tables[1:] if runs.number or condition is None else ():
        rows[name], *more = named_table(folder, name, files[name], asked.of(name))
        notes += more
    return replace(part, rows=rows, notes=tuple(notes))


def _all_machines(folder: Folder, files: Mapping[TableName, StoredFile]) -> frozenset[Named]:
    """The machines of a session, from its manifest where it has but one."""
    constants = files["machines"].constants
    if constants.keys() >= set(_NAMED):
        return frozenset({tuple(constants[name] for name in _NAMED)})  # type: ignore[arg-type]  # both are texts
    try:
        return _machines(named_table(folder, "machines", files["machines"], _NAMED)[0])
    except StoreError:  # of which nothing else is asked
        return frozenset()


def _may_hold(session_id: str, runs: StoredFile, condition: Condition) -> bool:
    """Whether it may for any of its runs, of which the manifest tells something."""
    constants = {name: runs.constants[name] for name in condition.names & runs.constants.keys()}
    known = {name: Known.always(value) for name, value in constants.items()}
    return condition.may_hold({"session_id": Known.always(session_id), **known})
