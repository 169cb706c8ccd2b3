"""What a reader need not look for in a table, told when it was written: see `StoredFile`."""

import math
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError
from bench.records.arrays import Told, Value
from bench.records.cast import cast
from bench.records.tables import TableName, schema_of

_LONGEST = 200  # characters of a text
_MOST_NUMBERS = 32  # of a list
MOST_TOLD = 8
"""Rows of `machines`, of each of which the manifest tells most: every reader asks for a few columns of them.

To open their file, and read what tells of its columns, takes longer than to read the runs' times.
"""


class Look:
    """Looks at a table part by part, as it is written."""

    def __init__(self, name: TableName) -> None:
        """Of the table of that name."""
        self._name = name
        self._clean = True
        self._constants: dict[str, Value] | None = None
        self._few: list[pa.Table] | None = [] if name == "machines" else None

    def add(self, part: pa.Table) -> None:
        """Rows to follow those before; all columns of the schema."""
        if not part.num_rows:
            return
        self._clean = self._clean and _is_clean(self._name, part)
        if self._few is not None:
            few = [*self._few, part]
            self._few = few if sum(one.num_rows for one in few) <= MOST_TOLD else None
        if self._constants is None:
            self._constants = dict(_first_values(part))
        self._constants = {
            column: value for column, value in self._constants.items() if _is_all(part.column(column), value)
        }

    @property
    def clean(self) -> bool:
        """Whether reading it would change nothing in it."""
        return self._clean

    @property
    def constants(self) -> Mapping[str, Value]:
        """The columns that hold one value in all rows."""
        return self._constants or {}

    @property
    def told(self) -> Mapping[str, tuple[Told, ...]]:
        """Of few rows the values of the other columns, where those are short."""
        rows = pa.concat_tables(self._few).to_pydict() if self._few else {}
        columns = {name: tuple(rows[name]) for name in rows if name not in self.constants}
        return {name: values for name, values in columns.items() if all(map(_is_short, values))}


def _is_clean(name: TableName, part: pa.Table) -> bool:
    if part.schema.remove_metadata() != schema_of(name).remove_metadata():
        return False
    try:
        return not cast(name, part, name).impossible
    except StoreError:
        return False


def _first_values(part: pa.Table) -> list[tuple[str, Value]]:
    """Of columns of plain values. Zeros that are equal may differ; what is no number is not even equal."""
    found = []
    for field in part.schema:
        column = part.column(field.name)
        if column.null_count == len(column):
            found.append((field.name, None))
        elif column.null_count == 0 and _is_plain(field.type):
            value = column[0].as_py()
            if not (isinstance(value, float) and (value == 0 or not math.isfinite(value))):
                found.append((field.name, value))
    return [(name, it) for name, it in found if not isinstance(it, str) or len(it) <= _LONGEST]


def _is_plain(kind: pa.DataType) -> bool:
    is_a = pa.types
    tests = (is_a.is_string, is_a.is_boolean, is_a.is_integer, is_a.is_floating)
    return any(test(kind) for test in tests)


def _is_all(column: pa.ChunkedArray, value: Value) -> bool:
    missing: int = column.null_count
    if value is None or missing:
        return value is None and missing == len(column)
    if column[-1].as_py() != value:
        return False
    # Not a comparison with `value`: a scalar made of it imports pandas.
    first: Value = column[0].as_py()
    return first == value and pc.all(pc.equal(column, column[0])).as_py() is True


def _is_short(value: Told) -> bool:
    if isinstance(value, list):
        return len(value) <= _MOST_NUMBERS and all(map(_is_number, value))
    return _is_number(value) or (isinstance(value, str) and len(value) <= _LONGEST)


def _is_number(value: object) -> bool:
    """Whether it is a truth value, a number that JSON has, or missing."""
    return value is None or (isinstance(value, bool | int | float) and math.isfinite(value))
