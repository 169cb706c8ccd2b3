"""The tables of a journal straight from its lines, without a Python object for each value.

pyarrow's reader of JSON takes half the time of Python's, and spares the import of pandas, which tables that
are made from Python's lists begin with. Lines that it does not know, such as half a character, or that do not
look as `Journal` writes them, are read as rows.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.json

from bench.records.entries import RUNS_OF_A_BLOCK, blocks, header_of, tables_of
from bench.records.lines import Line, Lines
from bench.records.tables import Row, TableName, schema_of

_Parts = dict[TableName, pa.Table]
_BEGINNING = re.compile(rb'\{(?:"crc32": "[0-9a-f]{8}", "entry": [0-9]+, )?"kind": "([a-z]+)"')
"""How `Journal` begins a line, and how it did before lines were sealed."""
_OTHERS = (b"session", b"resumed", b"closed")


@dataclass(frozen=True)
class Part:
    """Some of a journal's entries, from `first` to `last`, as tables, and the header if they hold it.

    `entries` has which entry each of the runs is.
    """

    tables: Mapping[TableName, pa.Table]
    entries: Sequence[int]
    first: int
    last: int
    header: Row


class _UnusualError(Exception):
    """Lines that have to be looked at one by one."""


def journal_parts(lines: Lines, latest: Mapping[str, int]) -> Iterator[Part]:
    """The tables of a journal, some hundred runs after the other; see `blocks`, also for `latest`.

    What is no entry is damage of `lines`. Raises StoreError for a row of no table's.
    """
    whole = iter(lines)
    while some := list(itertools.islice(whole, RUNS_OF_A_BLOCK)):
        try:
            yield _at_once(some, latest)
        except (pa.ArrowException, ValueError, RecursionError, OverflowError, _UnusualError):
            for block in blocks(some, lines.damage, latest):
                tables = tables_of(block, lines.damage.where)
                yield Part(tables, block.entries, some[0].entry, block.last, block.header)


def _at_once(lines: Sequence[Line], latest: Mapping[str, int]) -> Part:
    runs, machines, entries, header = list[bytes](), list[bytes](), list[int](), Row()
    for line in lines:
        if not line.data.isascii():  # whoever damaged it, pyarrow would not see it
            raise _UnusualError
        found = _BEGINNING.match(line.data)
        kind = found[1] if found else b""
        if kind == b"run":
            runs.append(line.data)
            entries.append(line.entry)
        elif kind == b"machine":
            machines.append(line.data)
        elif kind in _OTHERS:
            entry = json.loads(line.data)
            header = header_of(entry) if kind == b"session" else header
        else:
            raise _UnusualError
    tables = _run_tables(runs) | {"machines": _machines_table(machines)}
    names = tables["runs"].column("run_id").to_pylist()
    if None in names or any(latest.get(name, at) != at for name, at in zip(names, entries, strict=True)):
        raise _UnusualError
    return Part(tables, entries, lines[0].entry, lines[-1].entry, header)


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
    seal = [("crc32", pa.string()), ("entry", pa.int64())]
    return pa.schema([*seal, ("kind", pa.string()), *fields])


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
