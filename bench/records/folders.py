"""Folders on any file system: what is in them, and the bytes of their files."""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.fs

from bench.errors import StoreError, reason
from bench.paths import located
from bench.records.answers import answer_of
from bench.records.elsewhere import Entries, Remote, connect
from bench.uri import READABLE, on_this_machine, scheme_of, shown

_ELSEWHERE = "check the address, the network and your permissions"


class Folder(Protocol):
    """A folder. Whatever cannot be done raises an OSError or an error of pyarrow's."""

    @property
    def path(self) -> str:
        """Its name, the same however one gets there."""

    def entries(self) -> Entries:
        """The names of the files and of the folders in it, sorted."""

    def below(self, name: str) -> "Folder":
        """The folder `name` in it."""

    def open(self, name: str) -> Any:  # noqa: ANN401 -- a binary file of Python's or of pyarrow's
        """The file `name` in it, to be read."""

    def sizes(self) -> dict[str, int]:
        """How many bytes each file in it has, by its name."""


@dataclass(frozen=True)
class Local:
    """A folder of this machine, by its real path: links that go round in circles come back to it."""

    path: str

    def entries(self) -> Entries:
        """The names of the files and of the folders in it, sorted; links count as what they lead to."""
        files, folders = [], []
        with os.scandir(self.path) as found:  # asks nothing more of most of them; names stay as they are
            for entry in found:
                try:
                    if entry.is_dir():
                        folders.append(entry.name)
                    elif entry.is_file():
                        files.append(entry.name)
                except PermissionError:  # looked into, it says so itself
                    folders.append(entry.name)
                except OSError:  # a link that leads nowhere, or round in circles
                    continue
        return sorted(files), sorted(folders)

    def below(self, name: str) -> "Local":
        """The folder `name` in it."""
        return Local(os.path.realpath(os.path.join(self.path, name)))  # noqa: PTH118 -- Path.resolve raises

    def open(self, name: str) -> Any:  # noqa: ANN401
        """The file `name` in it, to be read."""
        return Path(self.path, name).open("rb")

    def sizes(self) -> dict[str, int]:
        """How many bytes each file in it has, by its name."""
        with os.scandir(self.path) as found:
            return {entry.name: entry.stat().st_size for entry in found if _is_file(entry)}


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads nowhere, or round in circles
        return False


def by_lines(file: Any) -> IO[bytes]:  # noqa: ANN401 -- what a `Folder` opens
    """The same file, whose lines can be read: one of pyarrow's has none, though it says so."""
    return io.BufferedReader(file) if isinstance(file, pa.NativeFile) else file


def folder_of(path: str) -> Folder:
    """The folder that a path or a URI names.

    Raises StoreError where there is no such folder, where it may not be looked at, where its file system is
    none that can be read, and where that does not answer within `ANSWER_SECONDS`.
    """
    scheme = scheme_of(path)
    if scheme in ("", "file"):
        return _local(path)
    if scheme not in READABLE:
        known = ", ".join(f"{name}://" for name in ("file", *READABLE))
        raise StoreError(f"{path}: {scheme}:// cannot be read; copy it here, or give one of {known}")
    try:
        folder, kind = answer_of(lambda: _connect(path, scheme), shown(path))
    except (pa.ArrowException, OSError, ValueError, ImportError) as error:
        raise StoreError(f"{shown(path)}: cannot be read: {reason(error)}; {_ELSEWHERE}") from error
    if kind != pa.fs.FileType.Directory:
        raise no_such_folder(shown(path))
    return folder


def no_such_folder(path: str) -> StoreError:
    """The error for a path that names no folder."""
    return StoreError(f"{path}: no such folder; give a session's folder, or one that holds sessions")


def unreadable(where: str, error: Exception) -> StoreError:
    """The error for what is there and cannot be read, with the remedy that goes with the reason."""
    if isinstance(error, FileNotFoundError):
        return StoreError(f"{where}: missing; copy the session's folder whole")
    if isinstance(error, PermissionError):
        return StoreError(f"{where}: may not be read; ask its owner to allow it, or read as another user")
    remedy = _ELSEWHERE if scheme_of(where) and isinstance(error, OSError) else "copy it again"
    return StoreError(f"{where}: cannot be read: {reason(error)}; {remedy}")


def _local(path: str) -> Local:
    try:
        real = str(located(Path(on_this_machine(path))))
        mode = Path(real).stat().st_mode if path else 0
    except PermissionError as error:
        raise unreadable(path, error) from error
    except (OSError, ValueError) as error:
        raise no_such_folder(path) from error
    if not stat.S_ISDIR(mode):
        raise no_such_folder(path or "''")
    return Local(real)


def _connect(path: str, scheme: str) -> tuple[Remote, pa.fs.FileType]:
    filesystem, root = connect(path, scheme)
    return Remote(filesystem, root, shown(path)), filesystem.get_file_info(root).type
