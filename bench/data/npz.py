"""npz files in the layout of `keras.datasets`: x_train, y_train, x_test, y_test.

NumPy's own reader takes whatever a file announces: gigabytes, pickles, headers that its parser stumbles
over. Here nothing is unpacked before its header is the layout's, and no more than the layout asks for.
"""

import io
import math
import tokenize
import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from bench.data.layout import SHAPES, Arrays, Bytes, check_array, check_header
from bench.data.opening import open_file
from bench.errors import DataError, reason

HEADER_BYTES = 10_000
"""Where the data begin at the latest; NumPy reads no longer header either. The layout's take 128 bytes."""

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What NumPy writes, and what zipfile unpacks no further than it is asked to."""

ENCRYPTED = 1
LISTED = 8


def read_npz(file: Path) -> Arrays:
    """The four arrays of `file`, never unpickled (a pickle runs code).

    Raises `DataError` where the file is not an npz file, an array is missing, or one has another type or
    shape than the layout's.
    """
    with open_file(file) as stream:
        try:
            if not zipfile.is_zipfile(stream):
                raise DataError(f"{file}: not an npz (zip) file, expected one with {', '.join(SHAPES)}")
            with zipfile.ZipFile(stream) as archive:
                members = _members(archive, file)
                arrays = {name: _read(archive, members[name], name, file) for name in SHAPES}
        except DataError:
            raise
        # zipfile, zlib and NumPy's parser raise what they like on a damaged file, SyntaxError included.
        except Exception as error:
            raise DataError(f"{file}: cannot be read as npz: {reason(error)}; get it anew") from error
    return Arrays(**arrays)


def _members(archive: zipfile.ZipFile, file: Path) -> dict[str, zipfile.ZipInfo]:
    """The four members by the names of their arrays."""
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in SHAPES and name in found:
            raise DataError(f"{file}: holds {name} twice; save the array anew, once")
        found[name] = member
    missing = [name for name in SHAPES if name not in found]
    if missing:
        others = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        listed = ", ".join(name[:40] for name in list(found)[:LISTED]) or "nothing"
        raise DataError(f"{file}: no {', '.join(missing)}, found {listed}{others}")
    return found


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, file: Path) -> Bytes:
    if member.flag_bits & ENCRYPTED:
        raise DataError(f"{file}: {name} is encrypted; unpack it and save it anew by numpy.savez")
    if member.compress_type not in COMPRESSIONS:
        method = f"zip method {member.compress_type}, which NumPy does not write"
        raise DataError(f"{file}: {name} is packed by {method}; save it anew by numpy.savez_compressed")
    with archive.open(member) as stream:
        head = io.BytesIO(stream.read(HEADER_BYTES))
        shape, by_column, dtype = _header(head)
        check_header(name, dtype, shape, file)
        expected = math.prod(shape)
        announced = member.file_size - head.tell()
        if announced != expected:
            raise DataError(
                f"{file}: {name} announces {announced:,} bytes, expected {expected:,}; get it anew"
            )
        start = head.read()
        data = start + stream.read(expected - len(start))
    if len(data) != expected:
        raise DataError(f"{file}: {name} ends after {len(data):,} bytes, expected {expected:,}; get it anew")
    flat = np.frombuffer(data, np.uint8)
    array = np.array(flat.reshape(shape[::-1]).T if by_column else flat.reshape(shape), order="C")
    check_array(name, array, file)
    return array


def _header(head: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether it is stored by columns (Fortran's order), and type; `head` is then at the data.

    Version 3 differs from 2 in how it writes names, of which uint8 has none. Raises whatever NumPy does,
    and ValueError where the header is no Python literal.
    """
    with warnings.catch_warnings(action="ignore"):  # of Python's parser, and of headers that Python 2 wrote
        version = npy.read_magic(head)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"an array of format version {version[0]}.{version[1]}")
        try:
            shape, by_column, dtype = read(head)
        except (SyntaxError, tokenize.TokenError) as error:  # of the parser, in words about source code
            raise ValueError("an array whose header is no header") from error
    return shape, by_column, dtype
