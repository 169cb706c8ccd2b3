"""Runs as columns, made from rows as tests write them."""

import pyarrow as pa

from bench.records.run_table import RunTable
from bench.records.tables import schema_of


def run_table(*parts):
    """The `RunTable` of rows, or of tables of rows, one after the other; columns that no row has are missing."""
    rows = [row for part in parts for row in part]
    names = {name for row in rows for name in row}
    fields = [field for field in schema_of("runs") if field.name in names]
    assert names == {field.name for field in fields}, names - {field.name for field in fields}
    return RunTable(pa.Table.from_pylist(rows, schema=pa.schema(fields)))
