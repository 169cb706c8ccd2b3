"""Data sets in one file that has no name: whoever has its descriptor maps them, and nobody copies them."""

import math
import mmap
import os
import pickle
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import IO, Any

import numpy as np

from bench.data.datasets import Dataset
from bench.errors import BenchError, reason

_ALIGNMENT = 64
_TAIL = struct.Struct("q")
"""The last bytes of the file: where the pickled list of what is in it begins."""


@dataclass(frozen=True)
class _Array:
    """Where an array is in the file, and what it is."""

    dtype: str
    shape: tuple[int, ...]
    place: int


def share(datasets: Mapping[str, Dataset]) -> int:
    """The descriptor of a file with all of `datasets`, in memory where the system has such files.

    Raises BenchError where there is no room for it.
    """
    try:
        with _file() as file:
            listed = {name: _write(file, dataset) for name, dataset in datasets.items()}
            start = file.tell()
            file.write(pickle.dumps(listed) + _TAIL.pack(start))
            file.flush()
            return os.dup(file.fileno())
    except OSError as error:
        raise BenchError(f"no room to share the data sets in: {reason(error)}; free some memory") from error


def mapped(descriptor: int) -> dict[str, Dataset]:
    """The data sets in the file of `descriptor`, by name; their arrays are its pages, and read-only."""
    whole = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    (start,) = _TAIL.unpack(whole[-_TAIL.size :])
    listed: dict[str, dict[str, Any]] = pickle.loads(whole[start : -_TAIL.size])
    return {
        name: Dataset(**{key: _read(whole, value) for key, value in told.items()})
        for name, told in listed.items()
    }


def _file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):  # where Python was built with it
        return os.fdopen(os.memfd_create("bench-data"), "w+b")
    return tempfile.TemporaryFile()


def _write(file: IO[bytes], dataset: Dataset) -> dict[str, Any]:
    """Put its arrays there; gives its fields, with each array's type, shape and place in place of it."""
    told: dict[str, Any] = {}
    for field in fields(dataset):
        value = getattr(dataset, field.name)
        if isinstance(value, np.ndarray):
            file.seek(-file.tell() % _ALIGNMENT, os.SEEK_CUR)
            place = file.tell()
            file.write(np.ascontiguousarray(value).data)
            value = _Array(value.dtype.str, value.shape, place)
        told[field.name] = value
    return told


def _read(whole: mmap.mmap, value: Any) -> Any:  # noqa: ANN401 -- any field of a data set
    if not isinstance(value, _Array):
        return value
    count = math.prod(value.shape)
    return np.frombuffer(whole, value.dtype, count, value.place).reshape(value.shape)
