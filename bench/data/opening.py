"""Files of data, opened with care."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from bench.errors import DataError, reason


def open_file(file: Path) -> BufferedReader:
    """The regular file `file`, open for reading bytes.

    Raises `DataError` where it cannot be opened, or is a folder, a device or a pipe: a read from those may
    wait for ever.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read: {reason(error)}; give another file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{file}: not a regular file; copy what it gives into one")
    return os.fdopen(descriptor, "rb")
