"""The tables of a journal straight from its lines, without a Python object for each value.

pyarrow's reader of JSON takes half the time of Python's, and spares the import of pandas, which tables that
are made from Python's lists begin with. Lines that it does not know, such as half a character, or that do not
look as `Journal` writes them, are read as rows.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.json

from bench.records.entries import RUNS_OF_A_BLOCK, blocks, tables_of
from bench.records.tables import TableName, schema_of

_Parts = dict[TableName, pa.Table]
_RUN, _MACHINE = b'{"kind": "run", ', b'{"kind": "machine", '
_OTHERS = b'{"kind": "session"', b'{"kind": "resumed"', b'{"kind": "closed"'
"""How `Journal` begins a line."""


class _UnusualError(Exception):
    """Lines that have to be looked at one by one."""


def journal_tables(file: Iterable[bytes], where: str, latest: Mapping[str, int]) -> Iterator[_Parts]:
    """The tables of a journal, some hundred runs after the other; see `blocks`, also for `latest`.

    Raises StoreError, naming the file as `where`, for what is no entry of a journal, or a row of no table's.
    """
    lines, first, place = iter(file), 1, 0
    while part := list(itertools.islice(lines, RUNS_OF_A_BLOCK)):
        try:
            yield _at_once(part, place, latest)
        except (pa.ArrowException, ValueError, RecursionError, OverflowError, _UnusualError):
            for block in blocks(part, where, latest, first, place):
                yield tables_of(block, where)
        first, place = first + len(part), place + sum(map(len, part))


def _at_once(lines: Sequence[bytes], place: int, latest: Mapping[str, int]) -> _Parts:
    """All of `lines`, of which the first is at that place of its file."""
    runs, machines, places = list[bytes](), list[bytes](), list[int]()
    for line in lines:
        if not line.isascii():  # whoever damaged it, pyarrow would not see it
            raise _UnusualError
        if line.startswith(_RUN):
            runs.append(line)
            places.append(place)
        elif line.startswith(_MACHINE):
            machines.append(line)
        elif line.startswith(_OTHERS):
            json.loads(line)
        else:
            raise _UnusualError
        place += len(line)
    tables = _run_tables(runs) | {"machines": _machines_table(machines)}
    names = tables["runs"].column("run_id").to_pylist()
    if (
        not lines[-1].endswith(b"\n")
        or None in names
        or any(latest.get(name, at) != at for name, at in zip(names, places, strict=True))
    ):
        raise _UnusualError
    return tables


def _run_tables(lines: Sequence[bytes]) -> _Parts:
    rows, epochs = schema_of("runs"), schema_of("epochs")
    if not lines:
        return {name: pa.Table.from_batches([], schema=schema_of(name)) for name in ("runs", "epochs")}
    entries = _read(
        lines, _entry(("row", pa.struct(list(rows))), ("epochs", pa.list_(pa.struct(list(epochs)))))
    )
    of_epochs = _whole(entries.column("epochs")).flatten()
    return {
        "runs": pa.Table.from_arrays(_whole(entries.column("row")).flatten(), schema=rows),
        "epochs": pa.Table.from_arrays(_whole(of_epochs).flatten(), schema=epochs),
    }


def _machines_table(lines: Sequence[bytes]) -> pa.Table:
    schema = schema_of("machines")
    if not lines:
        return pa.Table.from_batches([], schema=schema)
    entries = _read(lines, _entry(("row", pa.struct(list(schema)))))
    return pa.Table.from_arrays(_whole(entries.column("row")).flatten(), schema=schema)


def _entry(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([("kind", pa.string()), *fields])


def _read(lines: Sequence[bytes], schema: pa.Schema) -> pa.RecordBatch:
    data = b"".join(lines)
    table = pyarrow.json.read_json(
        pa.BufferReader(data),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )
    (batch,) = table.to_batches()
    if batch.num_rows != len(lines):
        raise _UnusualError
    return batch


def _whole(column: pa.Array) -> pa.Array:
    """`column`, in which nothing is missing."""
    if column.null_count:
        raise _UnusualError
    return column
