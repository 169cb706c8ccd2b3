"""Runs as columns, made from rows as tests write them."""

import pandas as pd
import pyarrow as pa

from bench.analysis.origin import Origin
from bench.records.run_table import RunTable
from bench.records.tables import TABLE_NAMES, schema_of


def origin(machine="a machine", session_id="a session"):
    """Where figures of that machine come from; its ids are not known."""
    return Origin(session_id, machine, None, None)


def run_table(*parts):
    """The `RunTable` of rows, or of frames; a column that no row has is missing, all else is left out."""
    return RunTable(arrow_table("runs", [row for part in parts for row in _rows(part)]))


def arrow_table(name, rows):
    """Rows as an Arrow table with those columns of the table `name` that any of them has."""
    assert name in TABLE_NAMES
    rows = list(rows)
    names = {column for row in rows for column in row} or set(schema_of(name).names)
    schema = pa.schema([field for field in schema_of(name) if field.name in names])
    return pa.Table.from_pylist([{**row, **_listed(row, schema)} for row in rows], schema=schema)


def _rows(part):
    if not isinstance(part, pd.DataFrame):
        return list(part)
    return [
        {key: None if isinstance(value, float) and value != value else value for key, value in row.items()}
        for row in part.to_dict("records")
    ]


def _listed(row, schema):
    """One name in place of a list, as old tables have it."""
    texts = {name: value for name, value in row.items() if isinstance(value, str)}
    return {
        name: [value]
        for name, value in texts.items()
        if name in schema.names and pa.types.is_list(schema.field(name).type)
    }
