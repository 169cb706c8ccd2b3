"""One session as it lies in its folder: what of it is asked for, from the files that hold it.

A manifest tells which tables belong to a session that has ended, and their hashes: their bytes are compared
before they are believed, and of columns and rows only those are decoded that are asked for. A session
without one is as an older bench left it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import DamagedError, StoreError
from bench.records.asked import Asked, Condition, Known, Tables, nothing
from bench.records.find import SessionFolder
from bench.records.manifest import MANIFEST_FILE, Manifest, StoredFile
from bench.records.named import named_table
from bench.records.older import going_on, in_place, tables_of
from bench.records.pieces import read_manifest
from bench.records.stored import place_of
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, TableName, check_version


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
    """What is asked for of one session; `names` has its id, or those of the sessions in it."""

    tables: Tables
    names: frozenset[str]


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


def read_part(opened: Opened, asked: Asked) -> Part:
    """What is asked for of a session; where a condition leaves no run of it, neither epochs nor machines.

    Raises StoreError where it cannot be read, neither from its tables nor from what they were made of.
    """
    if opened.session_id is None:
        read = tables_of if opened.manifest is None else going_on
        whole = read(opened.at, asked.tables)
        return _of_whole(replace(whole, notes=(*opened.notes, *whole.notes)), asked)
    try:
        return _of_named(opened, opened.session_id, asked)
    except StoreError as damage:
        return _of_whole(in_place(opened.at.folder, damage), asked)


def _of_named(opened: Opened, session_id: str, asked: Asked) -> Part:
    """From the tables that the manifest names."""
    assert opened.manifest is not None
    folder, files = opened.at.folder, opened.manifest.tables
    names, recorded = frozenset({session_id}), files["runs"].rows
    if not _may_hold(session_id, files["runs"], asked.condition):
        return Part(_none_of(asked, recorded), names)
    columns = {name: asked.columns_of(name) for name in asked.tables}
    runs, *notes = named_table(folder, "runs", files["runs"], columns.pop("runs"), asked.condition)
    tables: dict[TableName, pa.Table] = {
        "runs": runs if asked.condition is None else runs.filter(asked.condition.rows_held(runs))
    }
    if asked.condition is not None and not tables["runs"].num_rows:
        return Part(_none_of(asked, recorded, notes), names)
    for name, of in columns.items():
        tables[name], *more = named_table(folder, name, files[name], of)
        notes += more
    return Part(_chosen(tables, asked, recorded, notes), names)


def _may_hold(session_id: str, runs: StoredFile, condition: Condition | None) -> bool:
    """Whether it may for any of its runs, of which the manifest tells something."""
    known = {column: Known.always(value) for column, value in runs.constants.items()}
    return condition is None or condition.may_hold({"session_id": Known.always(session_id), **known})


def _held(runs: pa.Table, condition: Condition | None) -> pa.Table:
    return runs if condition is None else runs.filter(condition.rows_held(runs))


def _of_whole(whole: Tables, asked: Asked) -> Part:
    """From tables of all columns."""
    names = frozenset(pc.unique(whole.runs.column("session_id")).to_pylist())
    return Part(chosen(whole, asked), names)


def chosen(whole: Tables, asked: Asked) -> Tables:
    """What is asked for of tables that have all of it."""
    runs, recorded = _held(whole.runs, asked.condition), whole.runs.num_rows
    if asked.condition is not None and not runs.num_rows:
        return _none_of(asked, recorded, whole.notes)
    found: dict[TableName, pa.Table] = {"runs": runs, "epochs": whole.epochs, "machines": whole.machines}
    return _chosen(found, asked, recorded, whole.notes)


def _chosen(
    tables: Mapping[TableName, pa.Table], asked: Asked, recorded: int, notes: Sequence[str]
) -> Tables:
    found = {name: nothing(name, asked.of(name)) for name in TABLE_NAMES}
    for name in (name for name in asked.tables if name in tables):
        columns = asked.of(name)
        found[name] = tables[name] if columns is None else tables[name].select(columns)
    return Tables(found["runs"], found["epochs"], found["machines"], tuple(notes), recorded)


def _none_of(asked: Asked, recorded: int, notes: Sequence[str] = ()) -> Tables:
    return _chosen({}, asked, recorded, notes)
