"""What a session's tables hold and its segments and its journal have lost, put back among the segments."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError
from bench.records.columns import Part
from bench.records.folders import Local
from bench.records.journal import Journal
from bench.records.manifest import Manifest, write_manifest
from bench.records.pieces import RUN_ID, Pieces, names_in
from bench.records.rebuild import of_schemas
from bench.records.segments import write_segments
from bench.records.stored import content_of, place_of, table_in, verified
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, Row, TableName, schema_of

_Tables = Mapping[TableName, pa.Table]


def restore_pieces(folder: Path) -> int:
    """Puts runs that only the tables of the session in `folder` hold among its segments; gives how many.

    Raises StoreError where the session is going on, and where there is no room.
    """
    with Journal(folder) as journal:
        with Pieces(Local(str(folder))) as pieces:
            columns: Mapping[TableName, Sequence[str]] = {"runs": (RUN_ID,)}
            known = {name for part in pieces.segments(columns) for name in names_in(part)}
            known |= {name for part in pieces.journal() for name in names_in(part)}
        return rescue(folder, journal, known)


def rescue(folder: Path, journal: Journal, known: Collection[str]) -> int:
    """The same for who has its `journal` open, and knows which runs the segments and the journal hold.

    What the journal held is in a segment then, too.
    """
    with Pieces(Local(str(folder))) as pieces:
        lost = _lost(pieces, known)
        if lost is None or not isinstance(pieces.header.get("session_id"), str):
            return 0
        manifest = pieces.manifest or Manifest({})
        journal.continue_at(manifest.next_entry)
        parts = _parts(pieces, lost, journal.next_entry)
        made = write_segments(folder, manifest.taken, manifest.next_entry, parts)
        kept = tuple(segment for segment in manifest.segments if segment not in pieces.damaged)
        header = {**pieces.header, "schema_version": JOURNAL_VERSION}
        write_manifest(folder, Manifest(header, (*kept, *made)))
    journal.continue_at(made[-1].last + 1)
    journal.renew([{"kind": "session", **header}])
    return int(lost["runs"].num_rows)


def _parts(pieces: Pieces, lost: _Tables, entry: int) -> Iterator[Part]:
    latest: dict[str, int] = {}
    for part in pieces.journal():
        latest |= zip(names_in(part), part.entries, strict=True)
    yield from pieces.journal(latest)
    yield Part(of_schemas(lost), [entry] * lost["runs"].num_rows, entry, entry, {})


def _lost(pieces: Pieces, known: Collection[str]) -> _Tables | None:
    """Of the tables what is not `known`, or None where that is nothing, or the tables are not whole."""
    tables = whole_tables(pieces)
    if tables is None:
        return None
    missing = [name for name in tables["runs"].column(RUN_ID).to_pylist() if name not in known]
    if not missing:
        return None
    return {
        "runs": of_runs(tables["runs"], missing),
        "epochs": of_runs(tables["epochs"], missing),
        "machines": other_machines(tables["machines"], pieces),
    }


def of_runs(table: pa.Table, run_ids: Sequence[str]) -> pa.Table:
    """The rows of those runs."""
    return table.filter(pc.is_in(table.column(RUN_ID), value_set=pa.array(run_ids, pa.string())))


def other_machines(machines: pa.Table, pieces: Pieces) -> pa.Table:
    """Those that no piece has that stays."""
    segments = pieces.manifest.segments if pieces.manifest else ()
    whole = [part for one, part in zip(segments, pieces.segments(), strict=True) if one not in pieces.damaged]
    parts = (*whole, *pieces.journal())
    known = {_text(row) for part in parts for row in part.tables["machines"].to_pylist()}
    return machines.filter(pa.array([_text(row) not in known for row in machines.to_pylist()], pa.bool_()))


def _text(row: Row) -> str:
    return json.dumps({key: value for key, value in row.items() if value is not None}, sort_keys=True)


def whole_tables(pieces: Pieces) -> _Tables | None:
    """The tables, verified as well as can be; None where that of the runs is damaged or missing.

    Where one of the others is, it has no rows.
    """
    folder, stored = pieces.folder, pieces.manifest.tables if pieces.manifest else {}
    tables: dict[TableName, pa.Table] = {}
    for name in TABLE_NAMES:
        file = f"{name}.parquet"
        try:
            content = verified(folder, stored[name]) if stored else content_of(folder, file)
            tables[name] = table_in(content, place_of(folder, file))
        except (StoreError, KeyError):
            if name == "runs":
                return None
            tables[name] = pa.Table.from_batches([], schema=schema_of(name))
    return tables
