"""What a folder of results has to be able to do, tried before anything is measured."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from bench.errors import StoreError, reason
from bench.records.part_folders import part_folder, remove_left

_CONTENT = b"bench"


def check_writable(results: Path) -> tuple[str, ...]:
    """Makes the folder `results`, and tries there what sessions rely on, which takes milliseconds.

    What of trials and of copies was left there by processes that were killed is removed.

    Gives a line on what is missing there and can be done without. Raises StoreError where no session could be
    written below it.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        remove_left(results)
        with part_folder(results) as trial:
            (trial / "a").write_bytes(_CONTENT)
            if not _replaces(trial):
                raise OSError(errno.ENOTSUP, "a file cannot take another one's place")
            missing = [what for what, works in _WISHES.items() if not works(trial)]
    except OSError as error:
        message = f"{results}: cannot be written: {reason(error)}; pass --results with a folder of your own"
        raise StoreError(message) from error
    return (f"{results}: its file system has no {'; no '.join(missing)}",) if missing else ()


def _replaces(trial: Path) -> bool:
    """Whether a file takes another's place in one step, which every manifest and table does."""
    (trial / "b").write_bytes(b"")
    (trial / "a").replace(trial / "b")
    return (trial / "b").read_bytes() == _CONTENT and not (trial / "a").exists()


def keeps_others_off(path: Path) -> bool:
    """Whether the lock that this process has on a file has any effect: some mounts only say so."""
    try:
        with path.open("r+b") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _locks(trial: Path) -> bool:
    with (trial / "b").open("r+b") as file, contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return keeps_others_off(trial / "b")
    return False


def _creates_alone(trial: Path) -> bool:
    try:
        for _ in range(2):
            (trial / "c").touch(exist_ok=False)
    except FileExistsError:
        return True
    return False


def _waits(trial: Path) -> bool:
    """Whether there is a wait for what a file and a folder hold to be on the disk."""
    for path in (trial / "b", trial):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:  # one that opens no folders
            return False
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
                raise
            return False
        finally:
            os.close(descriptor)
    return True


_WISHES: dict[str, Callable[[Path], bool]] = {
    "locks (flock): two drivers are kept apart by files that each refreshes": _locks,
    "file that only one can make (O_EXCL): begin no two drivers of one session at once": _creates_alone,
    "wait for the disk (fsync): a power cut may take the last finished runs": _waits,
}
"""What is missing, with what follows from it, and how that is tried."""
