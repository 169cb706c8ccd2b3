"""A layout small enough for thousands of cases, and whether what was read has it."""

import numpy as np

from bench.data.layout import SHAPES, Arrays
from bench.data.sources import find_in, read
from tests.output import FlawError

SMALL = {"x_train": (60, 28, 28), "y_train": (60,), "x_test": (10, 28, 28), "y_test": (10,)}


def shrink():
    """In this process MNIST has 70 images."""
    SHAPES.update(SMALL)


def good_arrays():
    return {
        name: (np.arange(np.prod(shape)) % 10).astype(np.uint8).reshape(shape)
        for name, shape in SMALL.items()
    }


def found_and_read(path):
    """Call it to have the data at `path` found and read as `--data` has them."""

    def feed():
        files = find_in("mnist", path, "--data")
        if files is not None:
            check(read(files))

    return feed


def check(arrays: Arrays):
    for name, array in arrays._asdict().items():
        if array.shape != SMALL[name] or array.dtype != np.uint8 or not array.flags.c_contiguous:
            raise FlawError(f"an array that is not the layout's: {name} {array.dtype} {array.shape}")
        if name.startswith("y_") and array.max() > 9:
            raise FlawError(f"a label that is none: {array.max()}")
