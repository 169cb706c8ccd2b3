"""Folders on file systems elsewhere that pyarrow knows: object stores, and those of clusters."""

import errno
import os
import posixpath
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs

from bench.records.answers import answer_of

_from_uri = pa.fs.FileSystem.from_uri
_OPTIONS = {
    # A small file is one request then, not three, between which a kill would leave parts in the bucket.
    "s3": "allow_delayed_open=true",
    # Google's client goes on trying for a quarter of an hour unless told.
    **dict.fromkeys(("gs", "gcs"), "retry_limit_seconds=8"),
}
Entries = tuple[list[str], list[str]]
"""The names of the files and of the folders in a folder, sorted."""


@dataclass(frozen=True)
class Remote:
    """A folder of a file system that pyarrow knows, where it is at `root`; its `path` is a URI.

    It can be interrupted while it waits for the network.
    """

    filesystem: pa.fs.FileSystem
    root: str
    path: str

    def entries(self) -> Entries:
        """The names of the files and of the folders in it, sorted."""
        return answer_of(self._entries, self.path)

    def deep_entries(self) -> dict[str, Entries]:
        """What `entries` gives of it, and of all folders below it, by their paths; with few requests."""
        return answer_of(lambda: self._listed(deep=True), self.path, seconds=None)

    def _entries(self) -> Entries:
        # Google's client lists no folder that nobody made; all others are lists of one level.
        return self._listed(deep=self.filesystem.type_name == "gcs")[self.path]

    def _listed(self, deep: bool) -> dict[str, Entries]:
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


def connect(path: str, scheme: str) -> tuple[pa.fs.FileSystem, str]:
    """The file system of a URI of that scheme, and where in it that leads; whatever pyarrow raises."""
    option = _OPTIONS.get(scheme)
    if option and option.partition("=")[0] not in path:
        path += f"{'&' if '?' in path else '?'}{option}"
    filesystem, root = _from_uri(scheme + path[len(scheme) :])
    return filesystem, root
