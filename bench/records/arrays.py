"""Arrays of Arrow from Python's values by way of their buffers.

pyarrow's own ways there, `pa.array` and `pa.scalar`, import pandas, which takes longer than most tables take
to read.
"""

import itertools
import struct
from collections.abc import Sequence

import pyarrow as pa

Value = bool | int | float | str | None
Told = Value | list[Value]
"""What a row holds in a column, also in one of lists."""


def repeated(value: Value, rows: int, kind: pa.DataType) -> pa.Array:
    """A column of a type that holds `value` in each of its rows; texts come as a dictionary of one."""
    if value is None:
        return pa.nulls(rows, kind)
    if pa.types.is_string(kind):
        zeros = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(bytes(4 * rows))])
        return pa.DictionaryArray.from_arrays(zeros, _texts([str(value)]))
    data = (
        bytes([255 * bool(value)]) * (rows // 8 + 1)
        if pa.types.is_boolean(kind)
        else struct.pack(_form(kind, 1), value) * rows
    )
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(data)])


def scalar(value: bool | float | str) -> pa.Scalar:
    """A literal: a truth value, a number in floating point or a text."""
    if isinstance(value, str):
        return _texts([value])[0]
    return repeated(value, 1, pa.bool_() if isinstance(value, bool) else pa.float64())[0]


def column_of(values: Sequence[Told], kind: pa.DataType) -> pa.Array:
    """These as a column of texts, numbers, truth values or lists of them; texts come as a dictionary."""
    if pa.types.is_list(kind):
        return _lists([value if isinstance(value, list) else None for value in values], kind)
    if pa.types.is_string(kind):
        distinct = list(dict.fromkeys(str(value) for value in values if value is not None))
        places = [None if value is None else distinct.index(str(value)) for value in values]
        return pa.DictionaryArray.from_arrays(column_of(places, pa.int32()), _texts(distinct))
    if pa.types.is_boolean(kind):
        data = _bits([bool(value) for value in values])
    else:
        numbers = [0 if value is None else value for value in values]
        data = pa.py_buffer(struct.pack(_form(kind, len(numbers)), *numbers))
    return pa.Array.from_buffers(kind, len(values), [_validity(values), data])


def _lists(values: Sequence[Sequence[Value] | None], kind: pa.DataType) -> pa.Array:
    ends = [0, *itertools.accumulate(len(value or ()) for value in values)]
    starts = pa.py_buffer(struct.pack(f"={len(ends)}i", *ends))
    items = column_of([item for value in values for item in value or ()], kind.value_type)
    whole = items.cast(kind.value_type) if pa.types.is_dictionary(items.type) else items
    return pa.Array.from_buffers(kind, len(values), [_validity(values), starts], children=[whole])


def _texts(values: Sequence[str]) -> pa.Array:
    texts = [value.encode() for value in values]
    ends = [0, *itertools.accumulate(map(len, texts))]
    buffers = [None, pa.py_buffer(struct.pack(f"={len(ends)}i", *ends)), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _validity(values: Sequence[object]) -> pa.Buffer | None:
    known = [value is not None for value in values]
    return None if all(known) else _bits(known)


def _bits(values: Sequence[bool]) -> pa.Buffer:
    number = sum(value << place for place, value in enumerate(values))
    return pa.py_buffer(number.to_bytes(len(values) // 8 + 1, "little"))


def _form(kind: pa.DataType, number: int) -> str:
    letter = "d" if pa.types.is_floating(kind) else "i" if kind == pa.int32() else "q"
    return f"={number}{letter}"
