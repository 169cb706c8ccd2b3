"""What a reader need not look for in a table, told when it was written: see `StoredFile`."""

import math
import struct
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError
from bench.records.cast import cast
from bench.records.tables import TableName, schema_of

Value = bool | int | float | str | None
_LONGEST = 200  # characters of a text


class Look:
    """Looks at a table part by part, as it is written."""

    def __init__(self, name: TableName) -> None:
        """Of the table of that name."""
        self._name = name
        self._clean = True
        self._constants: dict[str, Value] | None = None

    def add(self, part: pa.Table) -> None:
        """Rows to follow those before; all columns of the schema."""
        if not part.num_rows:
            return
        self._clean = self._clean and _is_clean(self._name, part)
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


def repeated(value: Value, rows: int, kind: pa.DataType) -> pa.Array:
    """A column of a table's type that holds `value` in each of its rows; text comes as a dictionary of one.

    Made from buffers: an array that is made of Python's values imports pandas.
    """
    if value is None:
        return pa.nulls(rows, kind)
    if pa.types.is_string(kind):
        zeros = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(bytes(4 * rows))])
        return pa.DictionaryArray.from_arrays(zeros, _text(str(value)))
    data = (
        bytes([255 * bool(value)]) * (rows // 8 + 1)
        if pa.types.is_boolean(kind)
        else _number(value, kind) * rows
    )
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(data)])


def scalar(value: bool | float | str) -> pa.Scalar:
    """A literal: a truth value, a number in floating point or a text. `pa.scalar` imports pandas."""
    if isinstance(value, str):
        return _text(value)[0]
    return repeated(value, 1, pa.bool_() if isinstance(value, bool) else pa.float64())[0]


def _text(value: str) -> pa.Array:
    text = value.encode()
    ends = struct.pack("=2i", 0, len(text))
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(text)])


def _number(value: Value, kind: pa.DataType) -> bytes:
    return struct.pack("=d" if pa.types.is_floating(kind) else "=q", value)
