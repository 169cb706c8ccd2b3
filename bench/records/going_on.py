"""Whether another process writes a session at this moment."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from bench.records.folders import Folder, Local
from bench.records.journal import FILE_NAME


def is_going_on(folder: Folder) -> bool | None:
    """Whether a living process has the journal in `folder` locked; None where nobody can tell.

    That is so on file systems elsewhere, and where a file system knows no locks.
    """
    if not isinstance(folder, Local):
        return None
    try:
        descriptor = os.open(Path(folder.path, FILE_NAME), os.O_RDONLY | os.O_NONBLOCK)  # it may be a pipe
    except FileNotFoundError:
        return False
    except OSError:
        return None
    with contextlib.closing(os.fdopen(descriptor, "rb", buffering=0)) as journal:
        try:
            # Shared, and let go of at once: two that look at the same time are not in each other's way.
            fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return True if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return False
