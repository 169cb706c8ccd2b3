"""What a session's tables hold and its segments and its journal have lost, put back among the segments."""

import filecmp
import itertools
import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import DamagedError, StoreError, reason
from bench.files import replacing
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


def restore_pieces(folder: Path, ended: bool = False) -> bool:
    """Puts what only the tables of the session in `folder` hold among its segments; whether there was any.

    One that has `ended` has so at each moment of it. Raises StoreError where the session is going on, and
    where there is no room.
    """
    with Journal(folder) as journal:
        return rescue(folder, journal, ended=ended)


def rescue(folder: Path, journal: Journal, keep: bool = False, ended: bool = False) -> bool:
    """The same for who has its `journal` open. What that held is in a segment then, too.

    Where lines of it are damaged, a copy of it is left beside it with `keep`.
    """
    with Pieces(Local(str(folder))) as pieces:
        manifest = pieces.manifest or Manifest({})
        if (known := _some_tables(pieces)) is None:
            return False
        kept = tuple(segment for segment in manifest.segments if _is_whole(pieces, segment))
        missing, machines, known_runs = _lost(pieces, known, kept)
        anything = missing or machines.num_rows or (manifest.tables and pieces.notes)
        if not anything or not _has_name(pieces) or (tables := _whole_tables(pieces)) is None:
            return False
        if keep and pieces.damaged_lines:
            keep_copy(folder / FILE_NAME)
        journal.continue_at(manifest.next_entry)
        if manifest.tables:  # they hold all that there is: of no run an older entry counts now
            kept, parts = (), iter([as_part(tables, journal.next_entry)])
        else:
            runs, epochs = (of_runs(tables[name], missing) for name in ("runs", "epochs"))
            lost: _Tables = {"runs": runs, "epochs": epochs, "machines": machines}
            parts = _and_the_journal(pieces, as_part(lost, journal.next_entry))
        made = write_segments(folder, manifest.taken, manifest.next_entry, parts)
        header = {**pieces.header, "schema_version": JOURNAL_VERSION}
        put_in_segments(
            folder,
            journal,
            Manifest(header, (*kept, *made), manifest.tables if ended else {}),
            len(known_runs | set(missing)) if ended else None,
        )
    return True


def put_in_segments(folder: Path, journal: Journal, manifest: Manifest, ended_with: int | None) -> None:
    """The segments of the `manifest` hold all of the session in `folder`, what its `journal` held, too.

    One that has ended, with so many runs, has so at each moment of it: the manifest still names its tables.
    """
    write_manifest(folder, manifest)
    journal.continue_at(manifest.next_entry)
    entries = [{"kind": "session", **manifest.session}]
    entries += [{"kind": "closed", "runs": ended_with}] if ended_with is not None else []
    journal.renew(entries)


def keep_copy(path: Path) -> Path:
    """Copies a damaged file to one beside it, which it gives, unless one of those there is the same already.

    Raises StoreError where there is no room.
    """
    try:
        copy = next(it for it in _copies(path) if not it.exists() or filecmp.cmp(path, it, shallow=False))
        if not copy.exists():
            with path.open("rb") as file, replacing(copy, durable=True) as made:
                shutil.copyfileobj(file, made)
    except OSError as error:
        message = f"{path.parent}: cannot be written: {reason(error)}; make room there"
        raise StoreError(message) from error
    return copy


def _copies(path: Path) -> Iterator[Path]:
    """What copies of it are called, for ever."""
    yield path.with_name(f"{path.name}.damaged")
    yield from (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(2))


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


def _lost(pieces: Pieces, tables: _Tables, kept: Collection[Segment]) -> tuple[list[str], pa.Table, set[str]]:
    """The runs and machines that the tables have, and neither segments that are `kept` nor the journal.

    And the runs that these have.
    """
    known, machines = dict[str, Rank](), set[str]()
    segments = pieces.manifest.segments if pieces.manifest else ()
    of_all = zip(segments, pieces.segments(_COLUMNS), strict=True)
    of_kept = (part for segment, part in of_all if segment in kept)
    for part in itertools.chain(of_kept, pieces.journal()):
        known.update(ranks_in(part.tables["runs"]))
        machines |= machines_in(part)
    return newer_in(tables["runs"], known), other_machines(tables["machines"], machines), set(known)


def as_part(tables: _Tables, entry: int) -> Part:
    """`tables` as one entry of the journal."""
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


def machines_in(part: Part) -> set[str]:
    """Its machines, as texts by which `other_machines` knows them."""
    return set(map(_row_text, part.tables["machines"].to_pylist()))


def other_machines(machines: pa.Table, known: Collection[str]) -> pa.Table:
    """Those that are not `known`."""
    others = [_row_text(row) not in known for row in machines.to_pylist()]
    return machines.filter(pa.array(others, pa.bool_()))


def _row_text(row: Row) -> str:
    return json.dumps({key: value for key, value in row.items() if value is not None}, sort_keys=True)


def _some_tables(pieces: Pieces) -> _Tables | None:
    """What tells whether the tables hold what is lost, which is seldom; None where it cannot be read."""
    stored = pieces.manifest.tables if pieces.manifest else {}
    try:
        return {
            name: of_schema(name, read_table(pieces.folder, name, stored, columns), columns)
            for name, columns in _COLUMNS.items()
        }
    except (StoreError, KeyError):
        return None


def _whole_tables(pieces: Pieces) -> _Tables | None:
    """The tables, verified as well as can be; None where one is damaged, missing, or none of bench's."""
    stored = pieces.manifest.tables if pieces.manifest else {}
    try:
        return {name: _whole_table(pieces.folder, name, stored) for name in TABLE_NAMES}
    except (StoreError, KeyError):
        return None


def _whole_table(folder: Folder, name: TableName, stored: Mapping[TableName, StoredFile]) -> pa.Table:
    table = read_table(folder, name, stored)
    if stored:
        return of_schema(name, table)
    where = place_of(folder, f"{name}.parquet")
    made = cast(name, table, where)
    if made.impossible:
        raise DamagedError(impossible_note(where, made.impossible))
    return of_schema(name, made.table.select(schema_of(name).names))


def read_table(
    folder: Folder,
    name: TableName,
    stored: Mapping[TableName, StoredFile],
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """A table of the session in `folder`: verified where the manifest names tables, which are `stored`.

    Raises StoreError where it cannot be read, and KeyError where the manifest names others alone.
    """
    file = f"{name}.parquet"
    content = verified(folder, stored[name]) if stored else content_of(folder, file)
    return table_in(content, place_of(folder, file), columns)
