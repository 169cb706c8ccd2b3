"""MNIST's layout: four arrays, their shapes, and the hash that says which data they are."""

import hashlib
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from bench.data.shapes import CLASSES, SIDE, TEST_SIZE, TRAIN_SIZE, VAL_SIZE
from bench.errors import DataError

Bytes: TypeAlias = npt.NDArray[np.uint8]

SHAPES: dict[str, tuple[int, ...]] = {
    "x_train": (TRAIN_SIZE + VAL_SIZE, SIDE, SIDE),
    "y_train": (TRAIN_SIZE + VAL_SIZE,),
    "x_test": (TEST_SIZE, SIDE, SIDE),
    "y_test": (TEST_SIZE,),
}
"""The arrays by name, in the order in which they are hashed."""


LONGEST = 60
"""Characters that a message spends on a type or a shape that a file announces."""


class Arrays(NamedTuple):
    """A data set in MNIST's layout: uint8, shaped as `SHAPES` says; validation is the end of training."""

    x_train: Bytes
    y_train: Bytes
    x_test: Bytes
    y_test: Bytes


def check_header(name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...], file: Path) -> None:
    """Raise `DataError` unless an array of `dtype` and `shape` is what the layout has under `name`."""
    expected = SHAPES[name]
    if dtype != np.uint8 or shape != expected:
        raise DataError(f"{file}: {name} is {_short(dtype)} {_short(shape)}, expected uint8 {expected}")


def check_array(name: str, array: Bytes, file: Path) -> None:
    """Raise `DataError` unless `array`, read from `file`, holds what the layout has under `name`."""
    if name.startswith("y_") and array.max() >= CLASSES:
        raise DataError(f"{file}: {name} has the label {array.max()}, expected 0 to {CLASSES - 1}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def sha256(arrays: Arrays) -> str:
    """SHA-256 over the arrays' names, types, shapes and bytes: the same whatever file they came in."""
    digest = hashlib.sha256()
    for name, array in arrays._asdict().items():
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
