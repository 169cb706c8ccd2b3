"""IDX files, plain or gzip: the format that MNIST and Fashion-MNIST are published in.

Source: the format's description on the MNIST page (yann.lecun.com/exdb/mnist): two zero bytes, the type
(0x08 for unsigned bytes), the number of dimensions, each dimension as a big-endian 32-bit integer, the data.
"""

import gzip
import math
import zlib
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from bench.data.layout import SHAPES, Arrays, Bytes, check_array
from bench.data.opening import open_file
from bench.errors import DataError, reason

UNSIGNED_BYTE = 0x08

Stream: TypeAlias = gzip.GzipFile | BufferedReader


class IdxFiles(NamedTuple):
    """The four files of one data set, in the layout's order."""

    x_train: Path
    y_train: Path
    x_test: Path
    y_test: Path


STEMS = IdxFiles(
    Path("train-images-idx3-ubyte"),
    Path("train-labels-idx1-ubyte"),
    Path("t10k-images-idx3-ubyte"),
    Path("t10k-labels-idx1-ubyte"),
)
"""The published names. Some copies have a dot for the dash before idx."""


def find_idx(folder: Path) -> IdxFiles | None:
    """The four IDX files in `folder`, or None where it has none of them.

    Raises `DataError` where it has some of them only.
    """
    found = [_find(folder, stem.name) for stem in STEMS]
    files = [file for file in found if file is not None]
    if not files:
        return None
    for stem, file in zip(STEMS, found, strict=True):
        if file is None:
            raise DataError(f"{folder} has {files[0].name} but no {stem}[.gz]: put all four IDX files there")
    return IdxFiles(*files)


def _find(folder: Path, stem: str) -> Path | None:
    names = [base + ending for base in (stem, stem.replace("-idx", ".idx")) for ending in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_idx(files: IdxFiles) -> Arrays:
    """The four arrays of `files`; raises `DataError` where one is not what the layout has there."""
    return Arrays(**{name: _read(name, file) for name, file in files._asdict().items()})


def _read(name: str, file: Path) -> Bytes:
    try:
        with open_file(file) as stream:
            array = _parse(name, file, gzip.GzipFile(fileobj=stream) if file.suffix == ".gz" else stream)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: cannot be read: {reason(error)}; get it anew") from error
    check_array(name, array, file)
    return array


def _parse(name: str, file: Path, stream: Stream) -> Bytes:
    """The array in `stream`. No more is read than the layout asks for: a gzip file can swell without end."""
    shape = SHAPES[name]
    magic = bytes([0, 0, UNSIGNED_BYTE, len(shape)])
    found = stream.read(len(magic))
    if found != magic:
        raise DataError(f"{file}: IDX magic is 0x{found.hex()}, expected 0x{magic.hex()}")
    sizes = tuple(int(size) for size in np.frombuffer(_exactly(stream, 4 * len(shape), file), ">u4"))
    if sizes != shape:
        raise DataError(f"{file}: {name} is uint8 {sizes}, expected uint8 {shape}")
    data = _exactly(stream, math.prod(shape), file)
    # Reading on to the end also has gzip check the sum over what it gave.
    if stream.read(1):
        raise DataError(f"{file}: more bytes than the {len(data)} that its header announces")
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


def _exactly(stream: Stream, count: int, file: Path) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise DataError(f"{file}: ends after {len(data)} bytes where {count} are expected")
    return data
