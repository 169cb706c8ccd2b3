"""A session's folder on this machine, copied file by file to its place elsewhere while it is written.

Whoever reads there sees a session at each moment: segments come before the manifest that names them, and that
before the journal that goes on behind them. One that was there whole counts as interrupted before any of its
files changes, and as ended again once its tables are there and its journal is: then its manifest names them.
"""

import contextlib
import hashlib
import io
import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from bench.errors import DamagedError, StoreError
from bench.records.find import RUNS_FILE
from bench.records.folders import Local
from bench.records.journal import FILE_NAME, TAIL_BYTES, closed_runs
from bench.records.lines import Lines
from bench.records.manifest import MANIFEST_FILE, Manifest, StoredFile
from bench.records.remote.place import Place
from bench.records.seal import BEGINNING, is_whole, sealed
from bench.records.segments import SEGMENTS, segment_files
from bench.records.stored import verified

_TRIES = 16
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Snapshot:
    """Manifest and journal that belong together, as bytes; empty where there is none."""

    manifest: bytes
    journal: bytes


class Mirror:
    """What of the session in `folder` is at `place` already. Used by one thread at a time.

    `moved` counts what got there: it grows while something does. `notes` are lines on what is damaged here.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.place, self.moved = folder, place, 0
        self.notes: tuple[str, ...] = ()
        self.stopped = threading.Event()
        """Once it is set nothing more is put there, though `copy` may not have returned yet."""
        self._there: dict[str, str] | None = None
        self._is_begun, self._ended = False, False
        self._manifest_there: Manifest | None = None
        self._journal_there = b""
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
            self._there = self._look_there()
        snapshot = self._snapshot()
        if snapshot.manifest:
            manifest = Manifest.parse(snapshot.manifest, str(self.folder))
            self._put_session(manifest, snapshot.manifest, snapshot.journal)
        else:
            self._put_unnamed(snapshot.journal)
        self._stamps = stamps

    def check(self) -> None:
        """Raises DamagedError where what is there is no longer what was copied; the next `copy` mends that.

        What a process that was killed had sent last may arrive only after it. What such a one had sent of
        segments that came to nothing is deleted there.
        """
        known, journal, manifest = self._there or {}, self._journal_there, self._manifest_there
        self._there = self._look_there()
        named = {it.name: it.sha256 for it in _named(manifest)}
        gone = [name for name, sha256 in named.items() if known.get(name) == sha256 != self._there.get(name)]
        if (
            gone
            or self._manifest_there != manifest
            or (journal and bytes(self.place.read(FILE_NAME)) != journal)
        ):
            raise DamagedError(f"{self.place.path}: was changed meanwhile; it is uploaded again")
        if manifest:
            with contextlib.suppress(OSError, pa.ArrowException, StoreError):  # whole it is also with them
                for name in (f"{SEGMENTS}/{it}" for it in segment_files(self.place.reading)):
                    if name not in named:
                        self.place.remove(name)

    def _put_session(self, manifest: Manifest, content: bytes, journal: bytes) -> None:
        assert self._there is not None
        if self._there.get(MANIFEST_FILE) != _sha256(content):
            self._go_on_there(manifest)
            for segment in manifest.segments:
                for stored in segment.files.values():
                    self._put_stored(stored)
            without = replace(manifest, tables={})
            self._put_manifest(without, without.as_bytes() if manifest.tables else content)
            if manifest.tables:
                self._put_journal(_without_end(journal))
                for stored in manifest.tables.values():
                    self._put_stored(stored)
        # One that was killed between the last entry and the manifest has no tables there.
        self._put_journal(journal if manifest.tables else _without_end(journal))
        self._put_manifest(manifest, content)

    def _go_on_there(self, manifest: Manifest) -> None:
        """What is there is a session that has not ended: if need be one that has only just begun."""
        if not self._is_begun:
            self._put_journal(sealed(json.dumps({"entry": 1, "kind": "session", **manifest.session})))
        if (there := self._manifest_there) and there.tables:
            without = replace(there, tables={})
            self._put_manifest(without, without.as_bytes())
        self._put_journal(_without_end(self._journal_there))

    def _put_unnamed(self, journal: bytes) -> None:
        """A session without a manifest: one that has just begun, or an older bench's.

        Tables of the former are none until there is one, those of the latter count once the runs are there,
        or the last line of a journal is. Raises DamagedError where a manifest is missing.
        """
        first = Lines(io.BytesIO(journal), "")
        next(iter(first), None)
        if (first.first or 1) > 1 or (not journal and segment_files(Local(str(self.folder)))):
            raise DamagedError(f"{self.folder / MANIFEST_FILE}: missing; bench check --repair {self.folder}")
        if not journal and not (self.folder / RUNS_FILE).exists():
            raise DamagedError(f"{self.folder}: holds no session any more; put it back from where it is now")
        self._put_journal(_without_end(journal))
        if journal.startswith(BEGINNING):
            return
        for name in ("epochs.parquet", "machines.parquet", RUNS_FILE):
            try:
                content = (self.folder / name).read_bytes()
            except FileNotFoundError:
                continue
            self._put(name, pa.py_buffer(content), _sha256(content))
        self._put_journal(journal)

    def _put_manifest(self, manifest: Manifest, content: bytes) -> None:
        self._put(MANIFEST_FILE, pa.py_buffer(content), _sha256(content))
        self._manifest_there = manifest

    def _put_journal(self, content: bytes) -> None:
        if content:
            self._put(FILE_NAME, pa.py_buffer(content), _sha256(content))
            self._journal_there, self._is_begun = content, True

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
            self._put(name, pa.py_buffer(content), _sha256(content))

    def _put(self, name: str, content: pa.Buffer, sha256: str) -> None:
        assert self._there is not None
        if self._there.get(name) != sha256:
            if self.stopped.is_set():
                raise StoreError(f"{self.place.path}: its upload was given up")
            self._there.pop(name, None)  # until it is known what became of it
            self.place.put(name, content, self._tell)
            self._there[name] = sha256

    def _tell(self) -> None:
        self.moved += 1

    def _look_there(self) -> dict[str, str]:
        """What the manifest there names, where it has the size that it names; all else is copied."""
        for below in ("", SEGMENTS):
            self.place.remove_parts(below)
        sizes = {it.base_name: it.size for it in self.place.infos()}
        self._is_begun = not sizes.keys().isdisjoint((FILE_NAME, MANIFEST_FILE, RUNS_FILE))
        may_have_ended = {FILE_NAME, RUNS_FILE} <= sizes.keys()
        self._journal_there = bytes(self.place.read(FILE_NAME)) if may_have_ended else b""
        self._manifest_there = None
        try:
            content = bytes(self.place.read(MANIFEST_FILE))
            manifest = Manifest.parse(content, self.place.path)
        except (FileNotFoundError, StoreError):
            return {}
        self._manifest_there = manifest
        sizes |= {f"{SEGMENTS}/{it.base_name}": it.size for it in self.place.infos(SEGMENTS)}
        stored = _named(manifest)
        found = {it.name: it.sha256 for it in stored if sizes.get(it.name) == it.bytes}
        whole = len(found) == len(stored) and FILE_NAME in sizes
        if self._journal_there:
            found[FILE_NAME] = _sha256(self._journal_there)
        return found | ({MANIFEST_FILE: _sha256(content)} if whole else {})

    def _snapshot(self) -> _Snapshot:
        """Read again where a segment was closed in between: the journal is that of the manifest."""
        for _ in range(_TRIES):
            manifest = _content(self.folder / MANIFEST_FILE)
            journal = _content(self.folder / FILE_NAME)
            if _content(self.folder / MANIFEST_FILE) == manifest:
                return _Snapshot(manifest or b"", _whole_lines(journal or b""))
        raise StoreError(f"{self.folder}: changes all the time; it is read again later")

    def _stamps_now(self) -> tuple[_Stamp | None, ...]:
        return _stamp(self.folder / MANIFEST_FILE), _stamp(self.folder / FILE_NAME)


def _named(manifest: Manifest | None) -> list[StoredFile]:
    """All files that it names."""
    if manifest is None:
        return []
    named = [*(segment.files for segment in manifest.segments), manifest.tables]
    return [it for files in named for it in files.values()]


def _without_end(journal: bytes) -> bytes:
    """As it was before its session ended, if that has."""
    if closed_runs(journal[-TAIL_BYTES:]) is None:
        return journal
    return journal[: journal.rstrip(b"\n").rfind(b"\n") + 1]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
    if not journal.startswith(BEGINNING):
        return journal
    return journal[:end] + (journal[end:] + b"\n" if is_whole(journal[end:]) else b"")
