"""Folders on any file system: what is in them, and the bytes of their files."""

import errno
import io
import os
import posixpath
import queue
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.fs

from bench.errors import StoreError, reason
from bench.paths import located
from bench.uri import NETWORK, READABLE, on_this_machine, scheme_of, shown

ANSWER_SECONDS = 15.0
_from_uri = pa.fs.FileSystem.from_uri
_RETRY_SECONDS = 8  # Google's client goes on trying for a quarter of an hour unless told

_ELSEWHERE = "check the address, the network and your permissions"

_T = TypeVar("_T")
Entries = tuple[list[str], list[str]]
"""The names of the files and of the folders in a folder, sorted."""


class Folder(Protocol):
    """A folder. Whatever cannot be done raises an OSError or an error of pyarrow's."""

    @property
    def path(self) -> str:
        """Its name, the same however one gets there."""

    def entries(self) -> tuple[list[str], list[str]]:
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

    def entries(self) -> tuple[list[str], list[str]]:
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


@dataclass(frozen=True)
class Remote:
    """A folder of a file system that pyarrow knows, where it is at `root`; its `path` is a URI.

    It can be interrupted while it waits for the network.
    """

    filesystem: pa.fs.FileSystem
    root: str
    path: str

    def entries(self) -> tuple[list[str], list[str]]:
        """The names of the files and of the folders in it, sorted."""
        return answer_of(self._entries, self.path)

    def deep_entries(self) -> "dict[str, Entries]":
        """What `entries` gives of it, and of all folders below it, by their paths; with few requests."""
        return answer_of(lambda: self._listed(deep=True), self.path, seconds=None)

    def _entries(self) -> Entries:
        # Google's client lists no folder that nobody made; all others are lists of one level.
        return self._listed(deep=self.filesystem.type_name == "gcs")[self.path]

    def _listed(self, deep: bool) -> "dict[str, Entries]":
        found = self.filesystem.get_file_info(pa.fs.FileSelector(self.root, True, deep))
        kind = pa.fs.FileType
        if not found and self.filesystem.get_file_info(self.root).type == kind.NotFound:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
        tree = _Tree(self.path)
        for info in found:
            tree.add(info.path.removeprefix(self.root).strip("/"), info.type)
        return tree.entries()

    def below(self, name: str) -> "Remote":
        """The folder `name` in it."""
        return Remote(self.filesystem, posixpath.join(self.root, name), posixpath.join(self.path, name))

    def open(self, name: str) -> Any:  # noqa: ANN401
        """The whole file `name`, which is fetched."""

        def fetch() -> pa.Buffer:
            with self.filesystem.open_input_file(posixpath.join(self.root, name)) as file:
                return file.read_buffer()

        return pa.BufferReader(answer_of(fetch, self.path, seconds=None))

    def sizes(self) -> dict[str, int]:
        """How many bytes each file in it has, by its name."""
        selector = pa.fs.FileSelector(self.root, allow_not_found=True)
        found = answer_of(lambda: self.filesystem.get_file_info(selector), self.path)
        return {info.base_name: info.size for info in found if info.type == pa.fs.FileType.File}


class _Tree:
    """Files and folders by the path of the folder that they are in, from their paths below `root`."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: dict[str, tuple[set[str], set[str]]] = {root: (set(), set())}

    def add(self, path: str, kind: pa.fs.FileType) -> None:
        """Of one, and of the folders that lead there, which an object store may not list."""
        *above, name = path.split("/")
        folder = self._root
        for part in above:
            folder = self._add_folder(folder, part)
        if kind == pa.fs.FileType.Directory:
            self._add_folder(folder, name)
        elif kind == pa.fs.FileType.File:
            self._names[folder][0].add(name)

    def _add_folder(self, folder: str, name: str) -> str:
        self._names[folder][1].add(name)
        below = posixpath.join(folder, name)
        self._names.setdefault(below, (set(), set()))
        return below

    def entries(self) -> dict[str, Entries]:
        """See `Entries`."""
        return {path: (sorted(files), sorted(folders)) for path, (files, folders) in self._names.items()}


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


def answer_of(ask: Callable[[], _T], where: str, seconds: float | None = ANSWER_SECONDS) -> _T:
    """What `ask` gives or raises; StoreError where it takes longer than `seconds`.

    It is asked in a thread of its own: no signal gets through to a client that waits for the network.
    """
    answers: queue.SimpleQueue[tuple[_T | None, Exception | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=work, name=NETWORK, daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        message = f"{where}: no answer within {seconds:.0f} s; check the network, or copy the sessions here"
        raise StoreError(message) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # None only where `ask` gave it


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


def connect(path: str, scheme: str) -> tuple[pa.fs.FileSystem, str]:
    """The file system of a URI of that scheme, and where in it that leads; whatever pyarrow raises."""
    if scheme in ("gs", "gcs") and "retry_limit_seconds" not in path:
        path += f"{'&' if '?' in path else '?'}retry_limit_seconds={_RETRY_SECONDS}"
    filesystem, root = _from_uri(scheme + path[len(scheme) :])
    return filesystem, root
