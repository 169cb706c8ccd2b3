"""What was written, on the disk, as far as the file system lets anybody ask for it."""

import errno
import os
from typing import IO

NOT_KNOWN = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""How a file system says that it does not know a call at all (fsync(2)); a failing disk says EIO."""


def flush(file: IO[bytes]) -> None:
    """Returns once the contents of `file` are on the disk, or where its file system knows no such wait.

    Raises OSError where they cannot get there, as on a full or a failing disk.
    """
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NOT_KNOWN:
            raise
