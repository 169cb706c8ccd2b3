"""What a session's tables hold and its segments and its journal have lost, put back among the segments."""

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import DamagedError, StoreError, reason
from bench.files import flush, flush_folder
from bench.records.cast import cast, impossible_note
from bench.records.columns import Part
from bench.records.folders import Folder, Local
from bench.records.journal import FILE_NAME, Journal
from bench.records.manifest import Manifest, Segment, StoredFile, write_manifest
from bench.records.measurement import UNFINISHED
from bench.records.pieces import RUN_ID, Pieces, names_in
from bench.records.rebuild import of_schema, of_schemas
from bench.records.segments import write_segments
from bench.records.stored import content_of, place_of, table_in, verified
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, Row, TableName, schema_of

OF_RANKS = (RUN_ID, "status", "attempt")
Rank = tuple[bool, int]
"""Of an entry of a run: whether it is over, and which attempt it was. Of two, the newer has the higher."""
_COLUMNS: Mapping[TableName, Sequence[str]] = {
    "runs": OF_RANKS,
    "machines": schema_of("machines").names,
}
_Tables = Mapping[TableName, pa.Table]


def restore_pieces(folder: Path) -> bool:
    """Puts what only the tables of the session in `folder` hold among its segments; whether there was any.

    Raises StoreError where the session is going on, and where there is no room.
    """
    with Journal(folder) as journal:
        return rescue(folder, journal)


def rescue(folder: Path, journal: Journal, keep: bool = False) -> bool:
    """The same for who has its `journal` open. What that held is in a segment then, too.

    Where lines of it are damaged, a copy of it is left beside it with `keep`.
    """
    with Pieces(Local(str(folder))) as pieces:
        manifest = pieces.manifest or Manifest({})
        if (tables := _whole_tables(pieces)) is None:
            return False
        kept = tuple(segment for segment in manifest.segments if _is_whole(pieces, segment))
        lost = _lost(pieces, tables, kept)
        anything = lost["runs"].num_rows or lost["machines"].num_rows or (manifest.tables and pieces.notes)
        if not anything or not _has_name(pieces):
            return False
        if keep and pieces.damaged_lines:
            keep_copy(folder / FILE_NAME)
        journal.continue_at(manifest.next_entry)
        if manifest.tables:  # they hold all that there is: of no run an older entry counts now
            kept, parts = (), iter([_part(tables, journal.next_entry)])
        else:
            parts = _and_the_journal(pieces, _part(lost, journal.next_entry))
        made = write_segments(folder, manifest.taken, manifest.next_entry, parts)
        header = {**pieces.header, "schema_version": JOURNAL_VERSION}
        write_manifest(folder, Manifest(header, (*kept, *made)))
    journal.continue_at(made[-1].last + 1)
    journal.renew([{"kind": "session", **header}])
    return True


def keep_copy(path: Path) -> Path:
    """Copies a damaged file to one beside it, which it gives. Raises StoreError where there is no room."""
    copy = _free(path)
    try:
        with contextlib.ExitStack() as failed:
            failed.callback(copy.unlink, missing_ok=True)
            with path.open("rb") as file, copy.open("xb") as made:
                shutil.copyfileobj(file, made)
                flush(made)
            failed.pop_all()
        flush_folder(path.parent)
    except OSError as error:
        message = f"{path.parent}: cannot be written: {reason(error)}; make room there"
        raise StoreError(message) from error
    return copy


def _free(path: Path) -> Path:
    number, name = 1, path.with_name(f"{path.name}.damaged")
    while name.exists():
        number += 1
        name = path.with_name(f"{path.name}.damaged-{number}")
    return name


def _has_name(pieces: Pieces) -> bool:
    return isinstance(pieces.header.get("session_id"), str)


def _is_whole(pieces: Pieces, segment: Segment) -> bool:
    try:
        for file in segment.files.values():
            verified(pieces.folder, file)
    except DamagedError as error:
        pieces.notes.append(str(error))
        return False
    return True


def _lost(pieces: Pieces, tables: _Tables, kept: Collection[Segment]) -> _Tables:
    """What the tables have, and neither the segments that are `kept` nor the journal."""
    known, machines = dict[str, Rank](), set[str]()
    parts = zip(pieces.manifest.segments if pieces.manifest else (), pieces.segments(_COLUMNS), strict=True)
    for part in (*(part for segment, part in parts if segment in kept), *pieces.journal()):
        known.update(ranks_in(part.tables["runs"]))
        machines.update(map(row_text, part.tables["machines"].to_pylist()))
    missing = newer_in(tables["runs"], known)
    others = [row_text(row) not in machines for row in tables["machines"].to_pylist()]
    return {
        "runs": of_runs(tables["runs"], missing),
        "epochs": of_runs(tables["epochs"], missing),
        "machines": tables["machines"].filter(pa.array(others, pa.bool_())),
    }


def _part(tables: _Tables, entry: int) -> Part:
    return Part(of_schemas(tables), [entry] * tables["runs"].num_rows, entry, entry, {})


def _and_the_journal(pieces: Pieces, lost: Part) -> Iterator[Part]:
    latest: dict[str, int] = {}
    for part in pieces.journal():
        latest |= zip(names_in(part), part.entries, strict=True)
    yield from pieces.journal(latest | dict.fromkeys(names_in(lost), lost.last))
    yield lost


def ranks_in(runs: pa.Table) -> dict[str, Rank]:
    """Of each run in a table; of one that is in it twice, of the last entry."""
    rows = zip(*(runs.column(name).to_pylist() for name in OF_RANKS), strict=True)
    return {run_id: (status not in UNFINISHED, attempt or 1) for run_id, status, attempt in rows}


def newer_in(runs: pa.Table, known: Mapping[str, Rank]) -> list[str]:
    """The runs of which a table has an entry while none is `known`, or a newer one than that."""
    return [name for name, rank in ranks_in(runs).items() if name not in known or rank > known[name]]


def of_runs(table: pa.Table, run_ids: Sequence[str]) -> pa.Table:
    """The rows of those runs."""
    return table.filter(pc.is_in(table.column(RUN_ID), value_set=pa.array(run_ids, pa.string())))


def row_text(row: Row) -> str:
    """A row of machines, which is the same as another where their texts are."""
    return json.dumps({key: value for key, value in row.items() if value is not None}, sort_keys=True)


def _whole_tables(pieces: Pieces) -> _Tables | None:
    """The tables, verified as well as can be; None where one is damaged, missing, or none of bench's."""
    stored = pieces.manifest.tables if pieces.manifest else {}
    try:
        return {name: _whole_table(pieces.folder, name, stored) for name in TABLE_NAMES}
    except (StoreError, KeyError):
        return None


def _whole_table(folder: Folder, name: TableName, stored: Mapping[TableName, StoredFile]) -> pa.Table:
    where = place_of(folder, f"{name}.parquet")
    if stored:
        return of_schema(name, table_in(verified(folder, stored[name]), where))
    made = cast(name, table_in(content_of(folder, f"{name}.parquet"), where), where)
    if made.impossible:
        raise DamagedError(impossible_note(where, made.impossible))
    return of_schema(name, made.table.select(schema_of(name).names))
