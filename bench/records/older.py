"""A session that no manifest tells the tables of: it goes on, was killed, or is an older bench's."""

import os
from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError
from bench.records.asked import Tables, nothing
from bench.records.cast import cast, impossible_note, union
from bench.records.find import RUNS_FILE, SessionFolder
from bench.records.folders import Folder, unreadable
from bench.records.journal import FILE_NAME, TAIL_BYTES, closed_runs
from bench.records.measurement import UNFINISHED
from bench.records.pieces import read_pieces
from bench.records.stored import content_of, place_of, table_in
from bench.records.tables import TABLE_NAMES, TableName

REPAIR = "`bench check --repair` makes it anew"


def tables_of(session: SessionFolder, names: Iterable[TableName] = TABLE_NAMES) -> Tables:
    """From the tables where they hold all that the journal holds, else from the journal and its segments.

    Where one of the two cannot be read, from the other. A table that `names` leaves out may be empty.
    """
    if FILE_NAME not in session.files and RUNS_FILE in session.files:
        return _from_tables(session.folder, names)
    try:
        tables = _from_tables(session.folder, names) if RUNS_FILE in session.files else None
    except StoreError as error:
        return in_place(session.folder, error)
    try:
        whole = from_pieces(session.folder) if tables is None or _is_behind(session.folder, tables) else None
    except StoreError as error:
        if tables is None:
            raise
        return _instead(error, tables)
    if tables is None or whole is None:
        return tables or whole  # type: ignore[return-value]  # one of the two there is
    if whole.notes:
        return _together(whole, tables)
    return whole if how_much(whole.runs) > how_much(tables.runs) else tables


def going_on(session: SessionFolder, names: Iterable[TableName] = TABLE_NAMES) -> Tables:
    """From the journal and its segments, since the manifest names no tables; else from those there are."""
    try:
        return from_pieces(session.folder)
    except StoreError as error:
        if RUNS_FILE not in session.files:
            raise
        return _instead(error, _from_tables(session.folder, names))


def _together(damaged: Tables, tables: Tables) -> Tables:
    """What is left of a damaged journal, and of the tables the runs that it lacks, or has no end of."""
    known, told = _ranks(damaged.runs), _ranks(tables.runs)
    better = [name for name, rank in told.items() if name not in known or rank > known[name]]
    taken = pa.array(better, pa.string())
    parts: dict[TableName, list[pa.Table]] = {"runs": [], "epochs": []}
    for name, part in parts.items():
        left, rows = getattr(damaged, name), getattr(tables, name)
        part.append(left.filter(pc.invert(pc.is_in(left.column("run_id"), value_set=taken))))
        part.append(rows.filter(pc.is_in(rows.column("run_id"), value_set=taken)))
    machines = max(damaged.machines, tables.machines, key=len)
    notes = tuple(dict.fromkeys((*damaged.notes, *tables.notes)))
    return Tables(union("runs", parts["runs"]), union("epochs", parts["epochs"]), machines, notes)


def _ranks(runs: pa.Table) -> dict[str, tuple[bool, int]]:
    """Of each run how much its row counts: one that is over more than one that is not, then by attempts."""
    names, statuses, attempts = (runs.column(name).to_pylist() for name in ("run_id", "status", "attempt"))
    return {
        name: (status not in UNFINISHED, attempt or 0)
        for name, status, attempt in zip(names, statuses, attempts, strict=True)
    }


def _instead(damage: StoreError, tables: Tables) -> Tables:
    note = f"{damage}; its tables were read in its place, which may lack the last runs"
    return replace(tables, notes=(*tables.notes, note))


def in_place(folder: Folder, damage: StoreError, runs: int = 0) -> Tables:
    """From the journal and its segments, since of the tables one is damaged; else that is the error.

    It is, too, where there were so many `runs` and none of them is left.
    """
    try:
        whole = from_pieces(folder)
    except StoreError:
        raise damage from None
    found = whole.runs.num_rows
    if runs and not found:
        raise damage
    lost = f", which lacks {runs - found} of {runs} runs" if found < runs else ""
    note = f"{damage}; the journal was read in its place{lost}, {REPAIR}"
    return replace(whole, notes=(note, *whole.notes))


def from_pieces(folder: Folder) -> Tables:
    """From the journal and its segments."""
    content = read_pieces(folder)
    tables = {
        name: pa.concat_tables([nothing(name), *parts], promote_options="default")
        for name, parts in content.tables.items()
    }
    made = as_read(tables, dict.fromkeys(TABLE_NAMES, place_of(folder, FILE_NAME)))
    return replace(made, notes=(*content.notes, *made.notes))


def as_read(tables: dict[TableName, pa.Table], where: dict[TableName, str]) -> Tables:
    """Tables that anybody may have written, of which each is named as `where` says; see `cast`."""
    made = {name: cast(name, table, where[name]) for name, table in tables.items()}
    notes = tuple(filter(None, (impossible_note(where[name], one.impossible) for name, one in made.items())))
    cast_ones = {name: made[name].table if name in made else nothing(name) for name in TABLE_NAMES}
    return Tables(cast_ones["runs"], cast_ones["epochs"], cast_ones["machines"], notes)


def how_much(runs: pa.Table) -> tuple[int, int]:
    """How many runs there are, and how many of them a resumed session would not try again."""
    statuses = runs.column("status").to_pylist()
    return len(statuses), sum(status not in UNFINISHED for status in statuses)


def _from_tables(folder: Folder, names: Iterable[TableName]) -> Tables:
    where = {name: place_of(folder, f"{name}.parquet") for name in names}
    return as_read(
        {name: table_in(content_of(folder, f"{name}.parquet"), where[name]) for name in where}, where
    )


def _is_behind(folder: Folder, tables: Tables) -> bool:
    """Whether the journal may hold more than the tables: the session is going on, or was killed."""
    closed = closed_runs(_last_bytes(folder, FILE_NAME, TAIL_BYTES))
    return closed is None or closed > tables.runs.num_rows


def _last_bytes(folder: Folder, name: str, count: int) -> bytes:
    try:
        with folder.open(name) as file:
            file.seek(max(file.seek(0, os.SEEK_END) - count, 0))
            return bytes(file.read())
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place_of(folder, name), error) from error
