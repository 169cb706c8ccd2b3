"""Files written whole or not at all, whatever a path leads to."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
NOT_KNOWN = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""How a file system says that it does not know a call at all (fsync(2)); a failing disk says EIO."""
_PART = re.compile(r"\.[0-9a-f]{16}\.part")
_INSTEAD = {stat.S_IFDIR: "is a folder", stat.S_IFBLK: "is a disk", stat.S_IFSOCK: "is a socket"}


@contextlib.contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[BinaryIO]:
    """A file to write that takes the place of the one at `path` once it is whole, with its permissions.

    Links are followed: what they lead to is replaced, or made. A device and a pipe are written to as they
    are, and so is a file in a folder that takes no other beside it. With `durable` the file is on the disk
    before it takes its place, and its name there when this ends. Raises OSError, its reason on one line in
    `strerror`, also where `path` is a folder, a disk, a socket, or a file that may not be written; then
    nothing has changed.
    """
    found = _found(path)
    if found is not None and not stat.S_ISREG(found.st_mode):
        with Path(path).open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    part = _part_beside(target, found)
    if part is None:
        with target.open("wb") as file:
            yield file
        return
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            if durable:
                flush(file)
        _take_place(part, target, durable)
        if durable:
            flush_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def part_name() -> str:
    """A name that no other file has, for one that is written beside the one whose place it takes."""
    return f".{secrets.token_hex(8)}.part"


def is_part_name(name: str) -> bool:
    """Whether `part_name` gives such names."""
    return _PART.fullmatch(name) is not None


def remove_parts(folder: Path) -> None:
    """Removes what `replacing` left in `folder` where it was killed; nobody may be writing a file there."""
    with contextlib.suppress(OSError):
        for part in filter(is_part_name, os.listdir(folder)):  # noqa: PTH208 -- whatever their encoding
            (folder / part).unlink(missing_ok=True)


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


def flush_folder(folder: Path) -> None:
    """Returns once the names in `folder` are on the disk, or where nobody can wait for that.

    Raises OSError where they cannot get there.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # one that may be written, but not read; or one of a file system without such a call
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_KNOWN:
            raise
    finally:
        os.close(descriptor)


def _take_place(part: Path, target: Path, durable: bool) -> None:
    try:
        part.replace(target)
    except OSError as error:
        # A container's file that is mounted by itself; somebody else's, in a folder where each has their own.
        if error.errno not in (errno.EBUSY, errno.EPERM, errno.EACCES):
            raise
        with part.open("rb") as whole, target.open("wb") as file:
            shutil.copyfileobj(whole, file)
            if durable:
                flush(file)


def _found(path: str | Path) -> os.stat_result | None:
    """What is at `path`, None where nothing is. Raises OSError where that cannot be written."""
    if not os.fspath(path):
        raise OSError(0, "is no name")
    try:
        found = os.stat(path)  # noqa: PTH116 -- a path keeps no slash at its end, which asks for a folder
    except FileNotFoundError:
        if os.fspath(path).endswith("/"):
            raise OSError(0, "is no file's name") from None
        return None
    if refused := _INSTEAD.get(stat.S_IFMT(found.st_mode)):
        raise OSError(0, refused)
    if stat.S_ISREG(found.st_mode) and not os.access(path, os.W_OK):
        raise PermissionError(13, "may not be written")
    return found


def _part_beside(target: Path, found: os.stat_result | None) -> Path | None:
    """An empty file in the folder of `target`; None where there can be none, but `target` is there."""
    part = target.with_name(part_name())
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        if found is None or error.errno not in _CLOSED:
            raise
        return None
    with contextlib.suppress(OSError):
        if found is not None:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
            os.fchown(descriptor, found.st_uid, found.st_gid)
    os.close(descriptor)
    return part
