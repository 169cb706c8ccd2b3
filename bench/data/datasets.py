"""A data set, ready for training: three splits, their hash, and what standardising them takes."""

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.data.cache import cached_digits
from bench.data.identity import verified
from bench.data.layout import Arrays, Bytes
from bench.data.shapes import DATASET_NAMES, PIXELS, TRAIN_SIZE
from bench.data.sources import check_not_shared, check_there, describe, find, read
from bench.errors import DataError

WHITE = 255
HISTOGRAM_ROWS = 1_000


@dataclass(frozen=True, eq=False)
class Dataset:
    """One data set: images as C-contiguous rows of 784 uint8 pixels, labels as uint8 of 0 to 9.

    `x_train` (50000, 784), `y_train` (50000,); `x_val` and `x_test` (10000, 784), `y_val` and `y_test`
    (10000,). Validation is the last 10,000 of MNIST's 60,000 training images. `sha256` is over the arrays,
    not the file. `mean` and `deviation` are of the training split's pixels scaled to 0 to 1. `source` is
    the path that the data were read from, or "generated".
    """

    name: str
    x_train: Bytes
    y_train: Bytes
    x_val: Bytes
    y_val: Bytes
    x_test: Bytes
    y_test: Bytes
    sha256: str
    mean: float
    deviation: float
    source: str


def load_all(
    names: Iterable[str], data: Path | None, environ: Mapping[str, str] = os.environ
) -> dict[str, Dataset]:
    """Each of the data sets `names`, once, by name: what one suite needs.

    Raises `DataError` as `load` does, and where one file or folder would serve as both mnist and
    fashion-mnist.
    """
    if data is not None:
        check_there(data, "--data")
    wanted = dict.fromkeys(names)
    for name in wanted:
        _check_name(name)
    if {"mnist", "fashion-mnist"} <= wanted.keys():
        check_not_shared(data, environ)
    return {name: load(name, data, environ) for name in wanted}


def load(name: str, data: Path | None, environ: Mapping[str, str] = os.environ) -> Dataset:
    """The data set `name`, one of `DATASET_NAMES`.

    mnist and fashion-mnist come from `data` where it is given (an npz file, or a folder of npz or IDX
    files), else from `BENCH_DATA`, Keras' cache, or Keras' download. digits is generated, and cached in
    `BENCH_CACHE` or the user's cache folder. Raises `DataError` where the data are not found, not
    readable, or not what the name says.
    """
    _check_name(name)
    if name == "digits":
        arrays, sha256 = cached_digits(environ)
        return _split(name, arrays, sha256, "generated")
    files = find(name, data, environ)
    arrays, source = read(files), describe(files)
    return _split(name, arrays, verified(name, arrays, source), source)


def pixel_statistics(images: Bytes) -> tuple[float, float]:
    """Mean and standard deviation of uint8 `images` (n, pixels) scaled to 0 to 1, exact up to the last step.

    From the histogram of the 256 values, so no float copy of the images is made.
    """
    counts = np.zeros(WHITE + 1, np.int64)
    for start in range(0, len(images), HISTOGRAM_ROWS):
        counts += np.bincount(images[start : start + HISTOGRAM_ROWS].ravel(), minlength=WHITE + 1)
    histogram = [int(count) for count in counts]
    number = sum(histogram)
    total = sum(value * count for value, count in enumerate(histogram))
    squares = sum(value * value * count for value, count in enumerate(histogram))
    return total / (number * WHITE), math.sqrt(number * squares - total * total) / (number * WHITE)


def _split(name: str, arrays: Arrays, sha256: str, source: str) -> Dataset:
    images = np.ascontiguousarray(arrays.x_train).reshape(-1, PIXELS)
    mean, deviation = pixel_statistics(images[:TRAIN_SIZE])
    return Dataset(
        name=name,
        x_train=images[:TRAIN_SIZE],
        y_train=arrays.y_train[:TRAIN_SIZE],
        x_val=images[TRAIN_SIZE:],
        y_val=arrays.y_train[TRAIN_SIZE:],
        x_test=np.ascontiguousarray(arrays.x_test).reshape(-1, PIXELS),
        y_test=arrays.y_test,
        sha256=sha256,
        mean=mean,
        deviation=deviation,
        source=source,
    )


def _check_name(name: str) -> None:
    if name not in DATASET_NAMES:
        near = difflib.get_close_matches(name, DATASET_NAMES, n=1)
        hint = f" (nearest: {near[0]})" if near else ""
        raise DataError(f"unknown data set {name!r}{hint}: choose one of {', '.join(DATASET_NAMES)}")
