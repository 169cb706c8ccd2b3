"""Whether another process writes a session at this moment."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bench.errors import StoreError
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


@contextlib.contextmanager
def nobody_else(folder: Path) -> Iterator[None]:
    """While the block lasts nobody can go on with the session in `folder`. StoreError where somebody does."""
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):  # no journal, nothing to go on with; or none that could be written
            journal = opened.enter_context((folder / FILE_NAME).open("r+b", buffering=0))
            try:
                fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"{folder}: this session is still going on; import it once it has ended"
                raise StoreError(message) from error
        yield
