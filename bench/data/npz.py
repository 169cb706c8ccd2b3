"""npz files in the layout of `keras.datasets`: x_train, y_train, x_test, y_test."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from bench.data.layout import SHAPES, Arrays, check_array
from bench.errors import DataError

UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What zipfile and NumPy raise on files that are cut short, damaged, encrypted, or lie about their size."""


def read_npz(file: Path) -> Arrays:
    """The four arrays of `file`, never unpickled (a pickle runs code).

    Raises `DataError` where the file is not an npz file, an array is missing, or one has another type or
    shape than the layout's.
    """
    try:
        if not zipfile.is_zipfile(file):
            raise DataError(f"{file}: not an npz (zip) file, expected one with {', '.join(SHAPES)}")
        with np.load(file, allow_pickle=False) as members:
            missing = [name for name in SHAPES if name not in members]
            if missing:
                found = ", ".join(members) or "nothing"
                raise DataError(f"{file}: no {', '.join(missing)}, found {found}")
            arrays = {name: np.ascontiguousarray(members[name]) for name in SHAPES}
    except UNREADABLE as error:
        raise DataError(f"{file}: cannot be read as npz: {' '.join(str(error).split())}") from error
    for name, array in arrays.items():
        check_array(name, array, file)
    return Arrays(**arrays)
