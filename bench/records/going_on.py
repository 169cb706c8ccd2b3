"""Whether another process writes a session at this moment, told by its lock and by its claim."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from bench.errors import StoreError
from bench.records.answers import answer_of
from bench.records.claims import LocalBoard, claim_folder, is_claimed
from bench.records.elsewhere import Remote
from bench.records.file_system import keeps_others_off
from bench.records.folders import Folder, Local
from bench.records.journal import FILE_NAME
from bench.records.remote.place import Place, PlaceBoard


def is_going_on(folder: Folder) -> bool | None:
    """Whether a living process writes the session in `folder`; None where nobody can tell.

    One of another machine that was killed counts as living for a minute.
    """
    locked = _is_locked(Path(folder.path, FILE_NAME)) if isinstance(folder, Local) else None
    if locked:
        return True
    with contextlib.suppress(OSError, pa.ArrowException, StoreError):
        if (claimed := _is_claimed(folder)) is not None:
            return claimed
    return locked


def _is_claimed(folder: Folder) -> bool | None:
    if isinstance(folder, Remote):
        board = PlaceBoard(Place(folder.filesystem, folder.root, folder.path))
        return answer_of(lambda: is_claimed(board), folder.path)
    return is_claimed(LocalBoard(Path(folder.path)))


def _is_locked(journal: Path) -> bool | None:
    """Whether a living process has a journal locked; None where its file system knows no locks."""
    try:
        descriptor = os.open(journal, os.O_RDONLY | os.O_NONBLOCK)  # it may be a pipe
    except FileNotFoundError:
        return False
    except OSError:
        return None
    with contextlib.closing(os.fdopen(descriptor, "rb", buffering=0)) as file:
        try:
            # Shared, and let go of at once: two that look at the same time are not in each other's way.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return True if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return False


@contextlib.contextmanager
def nobody_else(folder: Path) -> Iterator[None]:
    """While the block lasts nobody can go on with the session in `folder`. StoreError where somebody does."""
    path = folder / FILE_NAME
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):  # no journal, nothing to go on with; or none that could be written
            journal = opened.enter_context(path.open("r+b", buffering=0))
            try:
                fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                message = f"{folder}: this session is still going on; wait until it has ended"
                raise StoreError(message) from error
        if claim := claim_folder(folder, keeps_others_off(path)):
            opened.callback(claim.withdraw)
        yield
