"""Columns of Arrow tables as arrays of NumPy, straight from their buffers.

pyarrow's own way there, `to_numpy`, imports pandas, which takes longer than most tables take to read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Rows = NDArray[np.intp]
"""Numbers of rows, from 0."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers: whole ones and truth values as int64, others as float64.

    What a row that is not `known` has in `values` means nothing.
    """

    values: NDArray[np.int64] | NDArray[np.float64]
    known: Mask

    def of(self, rows: Rows) -> NDArray[Any]:
        """The known values of `rows`, in their order."""
        values, known = self.values[rows], self.known[rows]
        return values if known.all() else values[known]

    def take(self, rows: Rows) -> "Numbers":
        """Those of `rows`."""
        return Numbers(self.values[rows], self.known[rows])


@dataclass(frozen=True, eq=False)
class Codes:
    """A column in which few values come up many times: `values[indices[row]]` is that of a row.

    The value of a row whose index is -1 is missing: None. Lists are tuples.
    """

    indices: NDArray[np.int32]
    values: Sequence[Any]

    def __getitem__(self, row: int) -> Any:  # noqa: ANN401 -- whatever the column holds
        index = self.indices[row]
        return None if index < 0 else self.values[index]

    def of(self, rows: Rows) -> list[Any]:
        """The values of `rows`."""
        values = (*self.values, None)
        return [values[index] for index in self.indices[rows].tolist()]

    def distinct(self, rows: Rows | None = None) -> list[Any]:
        """The values that come up in `rows`, or at all, each once, None left out."""
        found = np.unique(self.indices if rows is None else self.indices[rows])
        return [self.values[index] for index in found.tolist() if index >= 0]

    def among(self, values: Sequence[Any]) -> Mask:
        """Which rows have one of `values`."""
        wanted = np.array([value in values for value in self.values] + [None in values], np.bool_)
        found: Mask = wanted[self.indices]
        return found

    def take(self, rows: Rows) -> "Codes":
        """Those of `rows`."""
        return Codes(self.indices[rows], self.values)

    def mapped(self, values: Sequence[Any]) -> "Codes":
        """The same rows, in which `values[index]` stands in place of each value; None is a missing one."""
        known = list(dict.fromkeys(value for value in values if value is not None))
        place = {value: index for index, value in enumerate(known)}
        places = np.array([*(-1 if value is None else place[value] for value in values), -1], np.int32)
        return Codes(places[self.indices], known)

    def otherwise(self, other: "Codes") -> "Codes":
        """With the value of `other` where one is missing here."""
        place = {value: index for index, value in enumerate(self.values)}
        for value in other.values:
            place.setdefault(value, len(place))
        theirs = np.array([*(place[value] for value in other.values), -1], np.int32)
        missing = self.indices < 0
        indices = np.where(missing, theirs[other.indices], self.indices).astype(np.int32)
        return Codes(indices, list(place))


@dataclass(frozen=True, eq=False)
class Items:
    """What stands in a column of lists: the items of all, and after how many of them each row's begin."""

    items: Codes
    starts: NDArray[np.int64]
    known: Mask

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """How many items each row has; a missing list has none."""
        lengths: NDArray[np.int64] = np.where(self.known, np.diff(self.starts), 0)
        return lengths


def numbers(column: pa.ChunkedArray) -> Numbers:
    """A column of numbers or truth values; times are microseconds since 1970, as their column has them."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8()).cast(pa.int64())
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.int64())
    dtype = np.float64 if pa.types.is_floating(column.type) else np.int64
    return Numbers(_values(_whole(column), dtype), _known(column))


def codes(column: pa.ChunkedArray) -> Codes:
    """A column of any type, dictionary-encoded or not."""
    if pa.types.is_list(column.type):
        return _list_codes(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.dictionary(pa.int32(), column.type.value_type)).unify_dictionaries()
    else:
        column = column.dictionary_encode()
    whole = _whole(column)
    indices = np.array(_values(whole.indices, np.int32))
    indices[~_known(column)] = -1
    return Codes(indices, whole.dictionary.to_pylist())


def texts(column: Codes, kind: pa.DataType) -> pa.ChunkedArray:
    """The reverse of `codes`, of texts: a column of them, or of a dictionary of them."""
    indices = pa.array(column.indices, mask=column.indices < 0)
    made = pa.DictionaryArray.from_arrays(indices, pa.array(column.values, pa.string()))
    return pa.chunked_array([made if pa.types.is_dictionary(kind) else made.cast(kind)])


def items(column: pa.ChunkedArray) -> Items:
    """A column of lists."""
    whole = _whole(column)
    starts = _values(whole.offsets, np.int32).astype(np.int64)
    return Items(codes(pa.chunked_array([whole.values])), starts, _known(column))


def _list_codes(column: pa.ChunkedArray) -> Codes:
    """Lists are alike where the codes of their items are: those are taken for the bytes of a text."""
    found = items(column)
    ends = found.starts * found.items.indices.itemsize
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(found.items.indices))]
    texts = pa.Array.from_buffers(pa.large_binary(), len(found.known), buffers)
    alike = codes(pa.chunked_array([texts]))
    values = (*found.items.values, None)
    lists = [tuple(values[item] for item in np.frombuffer(text, np.int32)) for text in alike.values]
    return Codes(np.where(found.known, alike.indices, np.int32(-1)), lists)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """As one array; of no chunks pyarrow would make one from a list, which imports pandas."""
    return column.combine_chunks() if column.num_chunks else pa.nulls(0, column.type)


def _values(array: pa.Array, dtype: type) -> NDArray[Any]:
    buffer = array.buffers()[-1]
    if buffer is None or not len(array):
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * np.dtype(dtype).itemsize)


def _known(column: pa.ChunkedArray) -> Mask:
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return _values(_whole(column.is_valid().cast(pa.int8())), np.int8).astype(np.bool_)
