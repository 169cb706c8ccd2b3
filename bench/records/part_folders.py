"""Folders that are no session yet, and that nobody needs once the process that made them has ended.

Each is locked for as long as it is needed: one that is not, and is old, was left by one that was killed.
Locks of another host, or of another mount, may not be seen here.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bench.files import is_part_name, part_name

LEFT_SECONDS = 3600.0


@contextlib.contextmanager
def part_folder(beside: Path) -> Iterator[Path]:
    """A new one in the folder `beside`; whatever has its name at the end is removed. Raises OSError."""
    with contextlib.ExitStack() as opened:
        part = _locked(beside, opened)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


def remove_left(beside: Path) -> None:
    """Removes those in the folder `beside` that were left an hour ago, where its file system can tell."""
    with contextlib.suppress(OSError):
        for name in filter(is_part_name, os.listdir(beside)):  # noqa: PTH208 -- whatever their encoding
            with contextlib.suppress(OSError):
                _remove_if_left(beside / name)


def _locked(beside: Path, opened: contextlib.ExitStack) -> Path:
    while True:
        part = beside / part_name()
        part.mkdir()
        try:
            fcntl.flock(_opened(part, opened), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):  # taken for one that was left, before it was locked
            continue
        except OSError:  # no locks, by which nobody will take it for one that was left
            return part
        if part.exists():
            return part


def _remove_if_left(part: Path) -> None:
    """Under another name first: whoever has it after all puts none that is half gone in a session's place."""
    with contextlib.ExitStack() as opened:
        one, other = (_opened(part, opened) for _ in range(2))
        if time.time() - os.fstat(one).st_mtime < LEFT_SECONDS:
            return
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return  # locks are without effect, and tell nothing
        gone = part.rename(part.with_name(part_name()))
    shutil.rmtree(gone, ignore_errors=True)


def _opened(part: Path, opened: contextlib.ExitStack) -> int:
    descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    opened.callback(os.close, descriptor)
    return descriptor
