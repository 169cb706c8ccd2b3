"""The tables of a session made from its segments and its journal: each run once, and sorted."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError, reason
from bench.records.folders import Local
from bench.records.journal import FILE_NAME, Journal
from bench.records.manifest import Manifest, StoredFile, write_manifest
from bench.records.pieces import Pieces, names_in, without_others
from bench.records.tables import TABLE_NAMES, TableName, schema_of
from bench.records.writing import write_parts

RUNS_OF_A_BAND = 65_536
EPOCHS_OF_A_BAND = 2**20
"""Rows that are sorted at once, whichever there are first."""
_ORDER = ("sweep", "scenario_id", "round", "run_id")
_Tables = Mapping[TableName, pa.Table]


def rebuild_tables(folder: Path) -> tuple[str, ...]:
    """Writes the tables and the manifest of the session in `folder` anew, from its segments and its journal.

    Gives lines on what of these is damaged, and so left out. Raises StoreError where the session is going on,
    where neither can be read, and where there is no room for them.
    """
    alone = Journal(folder) if (folder / FILE_NAME).exists() else contextlib.nullcontext()
    with alone, Pieces(Local(str(folder))) as pieces:
        latest = _latest(pieces)
        if pieces.manifest:  # killed from here on, it names no tables that are others
            write_manifest(folder, replace(pieces.manifest, session=pieces.header, tables={}))
        tables, notes = write_session_tables(folder, latest)
        write_manifest(folder, replace(pieces.manifest or Manifest({}), session=pieces.header, tables=tables))
        return tuple(dict.fromkeys([*pieces.notes, *notes]))


def write_session_tables(
    folder: Path, latest: Mapping[str, int]
) -> tuple[dict[TableName, StoredFile], tuple[str, ...]]:
    """The tables of the session in `folder`, of each run the entry that is the `latest` one.

    Gives what was written, and lines on what is damaged. Raises StoreError as `rebuild_tables` does.
    """
    with Pieces(Local(str(folder))) as pieces:
        tables = write_parts(folder, bands(_parts(pieces, latest)))
        return tables, tuple(pieces.notes)


def _latest(pieces: Pieces) -> dict[str, int]:
    """The entry that counts of each run."""
    latest: dict[str, int] = {}
    for parts in (pieces.segments({"runs": ("run_id",)}), pieces.journal()):
        for part in parts:
            latest |= zip(names_in(part), part.entries, strict=True)
    return latest


def _parts(pieces: Pieces, latest: Mapping[str, int]) -> Iterator[_Tables]:
    for part in pieces.segments():
        yield of_schemas(without_others(part, latest).tables)
    for part in pieces.journal(latest):
        yield of_schemas(part.tables)


def of_schemas(tables: _Tables) -> _Tables:
    """`tables`, each with the columns of its schema. Raises StoreError where one has others."""
    return {name: of_schema(name, tables[name]) for name in TABLE_NAMES}


def of_schema(name: TableName, table: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """`table`, which an older bench may have written, with the columns that it lacks: all or these `columns`.

    Raises StoreError where it is another bench's.
    """
    schema = schema_of(name)
    if columns is not None:
        schema = pa.schema([schema.field(column) for column in columns])
    if table.schema.equals(schema):
        return table.replace_schema_metadata(schema.metadata)
    if unknown := [column for column in table.schema.names if column not in schema.names]:
        raise StoreError(f"rows of another bench: {name} has no column {', '.join(unknown)}; upgrade bench")
    try:
        return pa.Table.from_arrays([_column(table, field) for field in schema], schema=schema)
    except (pa.ArrowException, ValueError) as error:
        raise StoreError(f"rows of another bench: {name}: {reason(error)}; upgrade bench") from error


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name in table.schema.names:
        return table.column(field.name).cast(field.type)
    return pa.chunked_array([pa.nulls(table.num_rows, field.type)])


def bands(parts: Iterable[_Tables]) -> Iterator[_Tables]:
    """`parts`, some of them together, each of these sorted: what belongs together is in few row groups."""
    some: list[_Tables] = []
    for part in parts:
        some.append(part)
        if _rows("runs", some) >= RUNS_OF_A_BAND or _rows("epochs", some) >= EPOCHS_OF_A_BAND:
            yield _sorted(some)
            some = []
    if some:
        yield _sorted(some)


def _rows(name: TableName, parts: Iterable[_Tables]) -> int:
    return sum(part[name].num_rows for part in parts)


def _sorted(parts: list[_Tables]) -> _Tables:
    """Runs by what they are of, epochs in the order of their runs, machines as they came."""
    runs, epochs, machines = (pa.concat_tables(part[name] for part in parts) for name in TABLE_NAMES)
    runs = runs.take(pc.sort_indices(runs, [(name, "ascending") for name in _ORDER]))
    of_runs = pc.index_in(epochs.column("run_id"), value_set=runs.column("run_id").combine_chunks())
    epochs = epochs.take(pc.sort_indices(of_runs))  # a stable sort
    return {"runs": runs, "epochs": epochs, "machines": machines}
