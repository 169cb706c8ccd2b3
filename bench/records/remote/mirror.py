"""A session's folder on this machine, copied file by file to its place elsewhere while it is written.

Whoever reads there sees a session at each moment: segments come before the manifest that names them, that
before the journal that goes on behind them, and tables before the manifest that names them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from bench.errors import DamagedError, StoreError
from bench.records.folders import Local
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE, Manifest, StoredFile
from bench.records.remote.place import Place
from bench.records.seal import BEGINNING
from bench.records.segments import SEGMENTS
from bench.records.stored import verified
from bench.records.tables import TABLE_NAMES

_TRIES = 16
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Snapshot:
    """Manifest and journal that belong together, as bytes; None where there is none."""

    manifest: bytes | None
    journal: bytes | None


class Mirror:
    """What of the session in `folder` is at `place` already. Used by one thread at a time.

    `moved` counts what got there: it grows while something does. `notes` are lines on what is damaged here.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.place, self.moved = folder, place, 0
        self.notes: tuple[str, ...] = ()
        self._there: dict[str, str] | None = None
        self._names_tables, self._ended = False, False
        self._stamps: tuple[_Stamp | None, ...] = ()

    def has_new(self, journal: bool) -> bool:
        """Whether something was written since the last `copy`, the journal counted if asked for."""
        now, before = self._stamps_now(), self._stamps
        return not before or now[0] != before[0] or (journal and now != before)

    def copy(self, ended: bool = False) -> None:
        """All that is not there yet.

        Where the session has `ended`, what is damaged or missing here will not be mended: it becomes the same
        there, where readers are told. Raises an OSError, an error of pyarrow's or StoreError; what got there
        by then stays, and is not copied again.
        """
        stamps, self.notes, self._ended = self._stamps_now(), (), ended
        if self._there is None:
            self._there = dict(self._found_there())
        snapshot = self._snapshot()
        manifest = Manifest.parse(snapshot.manifest, str(self.folder)) if snapshot.manifest else None
        if manifest:
            for segment in manifest.segments:
                for stored in segment.files.values():
                    self._put_stored(stored)
            self._put_tables(manifest)
        else:
            self._put_unnamed_tables()
        for name, content in ((MANIFEST_FILE, snapshot.manifest), (FILE_NAME, snapshot.journal)):
            if content is not None:
                self._put(name, pa.py_buffer(content), hashlib.sha256(content).hexdigest())
                self._names_tables = (
                    self._names_tables if name == FILE_NAME else bool(manifest and manifest.tables)
                )
        self._stamps = stamps

    def _put_tables(self, manifest: Manifest) -> None:
        """Never one that the manifest there still names as another one."""
        assert self._there is not None
        lacking = [it for it in manifest.tables.values() if self._there.get(it.name) != it.sha256]
        if lacking and self._names_tables:
            content = replace(manifest, tables={}).as_bytes()
            self._put(MANIFEST_FILE, pa.py_buffer(content), hashlib.sha256(content).hexdigest())
            self._names_tables = False
        for stored in lacking:
            self._put_stored(stored)

    def _put_unnamed_tables(self) -> None:
        """Those of a session that an older bench left."""
        for name in (f"{table}.parquet" for table in TABLE_NAMES):
            try:
                content = (self.folder / name).read_bytes()
            except FileNotFoundError:
                continue
            self._put(name, pa.py_buffer(content), hashlib.sha256(content).hexdigest())

    def _put_stored(self, stored: StoredFile) -> None:
        assert self._there is not None
        if self._there.get(stored.name) == stored.sha256:
            return
        try:
            content = verified(Local(str(self.folder)), stored)
        except DamagedError as error:
            if not self._ended:  # a folder that was taken away is put back while a session goes on
                raise
            self._put_damaged(stored.name, str(error))
        else:
            self._put(stored.name, content, stored.sha256)

    def _put_damaged(self, name: str, why: str) -> None:
        self.notes += (why,)
        if content := _content(self.folder / name):
            self._put(name, pa.py_buffer(content), hashlib.sha256(content).hexdigest())

    def _put(self, name: str, content: pa.Buffer, sha256: str) -> None:
        assert self._there is not None
        if self._there.get(name) != sha256:
            self._there.pop(name, None)  # until it is known what became of it
            self.place.put(name, content, self._tell)
            self._there[name] = sha256

    def _tell(self) -> None:
        self.moved += 1

    def _found_there(self) -> Iterator[tuple[str, str]]:
        """What the manifest there names, where it has the size that it names; all else is copied."""
        try:
            manifest = Manifest.parse(bytes(self.place.read(MANIFEST_FILE)), self.place.path)
        except (FileNotFoundError, StoreError):
            return
        self._names_tables = bool(manifest.tables)
        sizes = {it.base_name: it.size for it in self.place.infos()}
        sizes |= {f"{SEGMENTS}/{it.base_name}": it.size for it in self.place.infos(SEGMENTS)}
        for files in (*(segment.files for segment in manifest.segments), manifest.tables):
            for stored in files.values():
                if sizes.get(stored.name) == stored.bytes:
                    yield stored.name, stored.sha256

    def _snapshot(self) -> _Snapshot:
        """Read again where a segment was closed in between: the journal is that of the manifest."""
        for _ in range(_TRIES):
            manifest = _content(self.folder / MANIFEST_FILE)
            journal = _content(self.folder / FILE_NAME)
            if _content(self.folder / MANIFEST_FILE) == manifest:
                return _Snapshot(manifest, journal and _whole_lines(journal))
        raise StoreError(f"{self.folder}: changes all the time; it is read again later")

    def _stamps_now(self) -> tuple[_Stamp | None, ...]:
        return _stamp(self.folder / MANIFEST_FILE), _stamp(self.folder / FILE_NAME)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _whole_lines(journal: bytes) -> bytes:
    """Without a line that is being written; one of an older bench's journal may lack its end for ever."""
    end = journal.rfind(b"\n") + 1
    return journal[:end] if journal.startswith(BEGINNING) else journal
