"""A session's files copied, from wherever they can be read: hashed on their way, at the end on the disk."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from bench.errors import DamagedError, StoreError, reason
from bench.files import flush, flush_folder
from bench.records.checking import Checked, check_session
from bench.records.find import SessionFolder, session_in
from bench.records.folders import Folder, Local, unreadable
from bench.records.journal import BLOCK_BYTES, FILE_NAME
from bench.records.manifest import MANIFEST_FILE, Manifest, StoredFile
from bench.records.pieces import read_manifest
from bench.records.stored import place_of
from bench.records.tables import TABLE_NAMES

_TRIES = 3


def copy_session(session: SessionFolder, folder: Path, as_it_is: bool = False) -> int:
    """Copies what belongs to `session` into the new `folder`; gives how many bytes.

    Where it is to be copied `as_it_is`, files of it may be damaged or missing.

    Raises DamagedError where a byte of it is not the one that was written, and where it changed again and
    again meanwhile; another StoreError where it cannot be read, or `folder` not be written.
    """
    for _ in range(_TRIES):
        manifest = read_manifest(session.folder)
        try:
            copied = _copy_all(session, manifest, folder, as_it_is)
        except DamagedError:  # or replaced while it was read
            if read_manifest(session.folder) == manifest:
                raise
        else:
            if read_manifest(session.folder) == manifest and _is_as_it_was(session.folder, folder):
                if not as_it_is:
                    _look_through(folder, session.folder.path)
                return copied
        _empty(folder)
    raise DamagedError(f"{session.folder.path}: changes while it is copied; wait until its session has ended")


def _copy_all(session: SessionFolder, manifest: Manifest | None, folder: Path, as_it_is: bool) -> int:
    stored = dict(_stored(manifest))
    names = [*stored, *(name for name in _unnamed(session, manifest) if name not in stored)]
    if as_it_is:
        return sum(_copy_if_there(session.folder, name, folder) for name in names)
    return sum(_copy(session.folder, name, folder, stored.get(name)) for name in names)


def _copy_if_there(source: Folder, name: str, folder: Path) -> int:
    try:
        return _copy(source, name, folder, None)
    except DamagedError:  # it is missing
        (folder / name).unlink(missing_ok=True)
        return 0


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _stored(manifest: Manifest | None) -> Iterator[tuple[str, StoredFile]]:
    if manifest:
        for segment in manifest.segments:
            yield from ((file.name, file) for file in segment.files.values())
        yield from ((file.name, file) for file in manifest.tables.values())


def _unnamed(session: SessionFolder, manifest: Manifest | None) -> Iterator[str]:
    """The other files that belong to it; the manifest last, which names what is there then."""
    if FILE_NAME in session.files:
        yield FILE_NAME
    if manifest:
        yield MANIFEST_FILE
        return
    yield from (f"{name}.parquet" for name in TABLE_NAMES if f"{name}.parquet" in session.files)


def _copy(source: Folder, name: str, folder: Path, stored: StoredFile | None) -> int:
    where, target = place_of(source, name), folder / name
    sha256, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as copy:
            for block in _blocks(source, name):
                sha256.update(block)
                size += len(block)
                copy.write(block)
            flush(copy)
        flush_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{folder.parent}: cannot be written: {reason(error)}; make room there") from error
    if stored and (size, sha256.hexdigest()) != (stored.bytes, stored.sha256):
        raise DamagedError(f"{where}: damaged: not the bytes that were written")
    return size


def _blocks(source: Folder, name: str) -> Iterator[bytes]:
    try:
        with source.open(name) as file:
            while block := bytes(file.read(BLOCK_BYTES)):
                yield block
    except FileNotFoundError as error:
        raise DamagedError(str(unreadable(place_of(source, name), error))) from error
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place_of(source, name), error) from error


def _is_as_it_was(source: Folder, folder: Path) -> bool:
    """Whether nothing was appended to the journal since it was copied."""
    journal = folder / FILE_NAME
    if not journal.exists():
        return True
    try:
        return source.sizes().get(FILE_NAME) == journal.stat().st_size
    except (pa.ArrowException, OSError) as error:
        raise unreadable(source.path, error) from error


def _look_through(folder: Path, source: str) -> None:
    """Raises DamagedError where the copy, made from `source`, is damaged."""
    checked: Checked = check_session(session_in(Local(str(folder))))
    if checked.damage:
        raise DamagedError(checked.damage[0].replace(str(folder), source))
