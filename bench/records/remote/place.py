"""A folder on a file system elsewhere that sessions are written to."""

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs

import pyarrow as pa
import pyarrow.fs

from bench.errors import DamagedError, StoreError
from bench.files import is_part_name, part_name
from bench.records.answers import answer_of
from bench.records.claims import is_claim
from bench.records.elsewhere import Remote, connect
from bench.records.remote.refused import refused
from bench.uri import scheme_of, shown

READ_BACK_BYTES = 16 * 2**20
"""What is not larger is read back once it is there; of more than that the size is asked for."""
BLOCK_BYTES = 16 * 2**20
_OBJECT_STORES = ("s3", "gcs", "abfs")
"""What they have under a name is there whole, or not at all (abfs: empty at first); elsewhere a file is
renamed once it is whole."""


def _nothing() -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Place:
    """A folder of a file system that pyarrow knows, where it is at `root`; `path` is its URI, for people.

    `server` is its address where that is not the one of its scheme.

    All here waits for an answer as long as its client does: see `answer_of`.
    """

    filesystem: pa.fs.FileSystem
    root: str
    path: str
    server: str = ""

    @classmethod
    def of(cls, uri: str) -> Self:
        """What the URI of one names, be it there or not (see `READABLE`).

        Raises StoreError where its file system cannot be reached, and where it names no bucket of one.
        """
        try:
            filesystem, root = answer_of(lambda: connect(uri, scheme_of(uri)), shown(uri))
        except (pa.ArrowException, OSError, ValueError, ImportError) as error:
            raise refused(shown(uri), "written", error) from error
        if not root.strip("/") and filesystem.type_name in _OBJECT_STORES:
            raise StoreError(f"{shown(uri)}: names no bucket; give one, such as s3://BUCKET/results")
        server = parse_qs(uri.partition("?")[2]).get("endpoint_override", [""])[0]
        return cls(filesystem, root.rstrip("/"), shown(uri).rstrip("/"), server)

    @property
    def reading(self) -> Remote:
        """The same, to be read."""
        return Remote(self.filesystem, self.root, self.path)

    def below(self, name: str) -> "Place":
        """The folder `name` in it."""
        return Place(self.filesystem, self._at(name), posixpath.join(self.path, name))

    def put(self, name: str, content: pa.Buffer, told: Callable[[], None] = _nothing) -> None:
        """The file `name` there is `content` when this returns; whoever looks sees it whole, or none of it.

        `told` is called whenever something has got there. Raises an OSError, an error of pyarrow's, and
        DamagedError where it arrived as something else.
        """
        target = self._at(name)
        if self.filesystem.type_name in _OBJECT_STORES:
            self._write(target, content, told)
        else:
            part = posixpath.join(posixpath.dirname(target), part_name())
            self.filesystem.create_dir(posixpath.dirname(target), recursive=True)
            self._write(part, content, told)
            self.filesystem.move(part, target)
        self._verify(name, content)
        told()

    def read(self, name: str) -> pa.Buffer:
        """The content of the file `name`. Raises FileNotFoundError where there is none."""
        with self.filesystem.open_input_file(self._at(name)) as file:
            return file.read_buffer()

    def remove(self, name: str) -> None:
        """Deletes the file `name`."""
        self.filesystem.delete_file(self._at(name))

    def remove_parts(self, below: str = "") -> None:
        """Deletes what `put` left half written in it, or in the folder `below` it, where it was killed."""
        if self.filesystem.type_name not in _OBJECT_STORES:
            for name in (it.base_name for it in self.infos(below) if is_part_name(it.base_name)):
                self.remove(posixpath.join(below, name))

    def infos(self, below: str = "") -> Iterable[pa.fs.FileInfo]:
        """The files in it, or in the folder `below` it; none where that is not there."""
        selector = pa.fs.FileSelector(self._at(below), allow_not_found=True)
        return [it for it in self.filesystem.get_file_info(selector) if it.type == pa.fs.FileType.File]

    def _write(self, target: str, content: pa.Buffer, told: Callable[[], None]) -> None:
        with self.filesystem.open_output_stream(target) as file:
            for number, block in enumerate(_blocks(content)):
                if number and self.filesystem.type_name != "abfs":  # whose readers would see what is flushed
                    file.flush()  # else all blocks are taken at once, and waited for at the end
                file.write(block)
                told()

    def _verify(self, name: str, content: pa.Buffer) -> None:
        if content.size <= READ_BACK_BYTES:
            arrived = self.read(name).equals(content)
        else:
            arrived = self.filesystem.get_file_info(self._at(name)).size == content.size
        if not arrived:
            raise DamagedError(f"{self.path}/{name}: arrived as something else; it is uploaded again")

    def _at(self, name: str) -> str:
        return posixpath.join(self.root, name).rstrip("/")


def _blocks(content: pa.Buffer) -> Iterator[pa.Buffer]:
    for begin in range(0, content.size, BLOCK_BYTES):
        yield content.slice(begin, min(BLOCK_BYTES, content.size - begin))


class PlaceBoard:
    """A session's folder elsewhere as a `Board` of claims."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def times(self) -> dict[str, float]:
        """See `Board`."""
        return {it.base_name: it.mtime_ns / 1e9 for it in self._place.infos() if is_claim(it.base_name)}

    def read(self, name: str) -> bytes:
        """See `Board`."""
        return bytes(self._place.read(name))

    def write(self, name: str, content: bytes) -> None:
        """See `Board`."""
        self._place.put(name, pa.py_buffer(content))

    def remove(self, name: str) -> None:
        """See `Board`."""
        self._place.remove(name)
