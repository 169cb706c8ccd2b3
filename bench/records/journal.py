"""The journal of a session: one JSON line per finished run, on the disk before the run counts as done.

Each line carries its checksum (see `seal`) and its number; what they are read by is `lines`.
"""

import contextlib
import datetime
import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self

from bench.errors import StoreError, reason
from bench.files import NOT_KNOWN, flush, flush_folder, part_name
from bench.records.claims import claim_folder
from bench.records.file_system import keeps_others_off
from bench.records.lines import Lines
from bench.records.seal import BEGINNING, is_whole, sealed, unsealed
from bench.records.tables import Row

FILE_NAME = "journal.jsonl"
TAIL_BYTES = 256  # more than the entry that closes a session takes
BLOCK_BYTES = 2**20
KIND_BYTES = 80
"""Of the beginning of a line, within which it says what kind of entry it is."""


class Journal:
    """An append-only file; `append` returns once the line is on the disk. Use as a context manager.

    `next_entry` is the number of the entry that will be written next, `runs` how many runs were appended to
    the file or stood in it, and `size` is its size in bytes.
    """

    def __init__(self, folder: Path) -> None:
        """Opens `folder`/journal.jsonl for appending, without the line that a kill cut short.

        Raises StoreError where it cannot be written, or where another process writes it.
        """
        self._folder = folder
        self.next_entry, self.runs, self.size = 1, 0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as opened:
                self._file = self._locked(opened)
                self._claim = claim_folder(folder, keeps_others_off(folder / FILE_NAME))
                if self._claim:
                    opened.callback(self._claim.withdraw)
                self._end_at_a_line()
                self._look_through()
                opened.pop_all()
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._claim:
            self._claim.withdraw()
        self._file.close()

    def append(self, kind: str, **content: Any) -> None:  # noqa: ANN401 -- anything JSON has, and datetimes
        """Write one entry, whole or not at all, and wait until it is on the disk.

        Raises StoreError where there is no room for it.
        """
        self.extend([{"kind": kind, **content}])

    def extend(self, entries: Iterable[Row]) -> range:
        """The same for several entries, all of them or none; gives their numbers."""
        if self._claim:
            self._claim.check()
        rows = list(entries)
        numbers = range(self.next_entry, self.next_entry + len(rows))
        data = b"".join(map(_line, numbers, rows))
        end = self._file.seek(0, os.SEEK_END)
        with self._or_nothing(end, len(rows)):
            _put(self._file, data)
            flush(self._file)
        self._wrote(rows, end + len(data))
        return numbers

    def continue_at(self, entry: int) -> None:
        """The entry that will be written next is that one, or one behind it."""
        self.next_entry = max(self.next_entry, entry)

    def renew(self, entries: Sequence[Row], damaged: Iterable[bytes] = ()) -> None:
        """A file of `entries` alone takes its place, in one step; those before are in a segment.

        So do lines that are `damaged`: as they are, for whoever may still make something of them. Raises
        StoreError where it cannot be written; then all is as it was.
        """
        lines = [_line(self.next_entry + place, entry) for place, entry in enumerate(entries)]
        lines += [line.removesuffix(b"\n") + b"\n" for line in damaged]
        data = b"".join(lines)
        try:
            self._put_in_place(lambda file: _put(file, data))
            self.next_entry += len(lines)
            self.runs, self.size = 0, len(data)
            flush_folder(self._folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def read(self) -> IO[bytes]:
        """The file from its beginning, to be closed; also where its folder was deleted or moved."""
        file = os.fdopen(os.dup(self._file.fileno()), "rb")
        file.seek(0)
        return file

    def stay(self, before: Callable[[], None] = lambda: None) -> None:
        """Where its path no longer leads to it, all that it holds takes that place, each byte where it was.

        A folder that was deleted or moved took the file along, and a copy in its place has another one.
        What has to be there before it is `before`'s to do. Raises StoreError where it cannot be written, and
        where another process writes what stands there; then it can be tried again.
        """
        if self._claim:
            self._claim.check()
        if self._is_there():
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as meanwhile:
                self._keep_others_off(meanwhile)
                before()
                self._put_in_place(self._copy_to)
                flush_folder(self._folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def _put_in_place(self, fill: Callable[[IO[bytes]], None]) -> None:
        """Go on with a new file, locked before anybody can see it, that `fill` fills."""
        with contextlib.ExitStack() as opened:
            part = self._folder / part_name()
            opened.callback(part.unlink, missing_ok=True)
            file = opened.enter_context(_opened(part))
            self._lock(file, "cannot be locked")
            fill(file)
            flush(file)
            part.replace(self._folder / FILE_NAME)
            opened.pop_all()
        self._file.close()  # and with it its lock, which whoever waits for it finds to be of no use
        self._file = file

    def _is_there(self) -> bool:
        try:
            return _leads_to(self._folder / FILE_NAME, self._file)
        except OSError:  # nobody knows; writing tells
            return True

    def _keep_others_off(self, meanwhile: contextlib.ExitStack) -> None:
        """Of the file that stands at its path, until it is replaced."""
        path = self._folder / FILE_NAME
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # it may be a pipe
            except OSError:  # there is none, or nobody can go on with it
                return
            other = meanwhile.enter_context(os.fdopen(descriptor, "rb", buffering=0))
            self._lock(other, "another process goes on with a copy that took its place; end one of the two")
            if _leads_to(path, other):
                return

    def _copy_to(self, other: IO[bytes]) -> None:
        with self.read() as file:
            while block := file.read(BLOCK_BYTES):
                _put(other, block)

    @contextlib.contextmanager
    def _or_nothing(self, end: int, entries: int) -> Iterator[None]:
        """What cannot be written whole leaves the file as it was, `end` bytes long."""
        try:
            yield
        except OSError as error:
            try:
                self._file.truncate(end)
            except OSError:  # some of them may be there, and no others may have their numbers
                self.next_entry += entries
            raise self._unwritable(error) from error

    def _wrote(self, entries: Sequence[Row], size: int) -> None:
        self.next_entry += len(entries)
        self.runs += sum(entry["kind"] == "run" for entry in entries)
        self.size = size

    def _locked(self, opened: contextlib.ExitStack) -> IO[bytes]:
        """The file at its path, which nobody else writes.

        Whoever had it may have put another in its place before the lock was free: then it is that one.
        """
        path = self._folder / FILE_NAME
        while True:
            with contextlib.ExitStack() as tried:
                file = tried.enter_context(_opened(path))
                self._lock(file, "this session is still going on; wait for it, or run without --resume")
                if _leads_to(path, file):
                    opened.push(tried.pop_all())
                    return file

    def _look_through(self) -> None:
        """What it holds: how many runs, and which entry is its last."""
        if not os.fstat(self._file.fileno()).st_size:  # a device may be read for ever
            return
        with self.read() as file:
            lines = Lines(file, str(self._folder / FILE_NAME))
            self.runs = sum(b'"kind": "run"' in line.data[:KIND_BYTES] for line in lines)
        self.next_entry, self.size = lines.next_entry, os.fstat(self._file.fileno()).st_size

    def _lock(self, file: IO[bytes], refusal: str) -> None:
        """Until `file` is closed, if only by the death of this process; StoreError where another has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"{self._folder}: {refusal}") from error
        except OSError as error:
            if error.errno not in NOT_KNOWN | {errno.ENOLCK}:  # not every file system can
                raise

    def _end_at_a_line(self) -> None:
        """A journal may be larger than memory: it is looked through from its end, block by block."""
        end = size = self._file.seek(0, os.SEEK_END)
        with self.read() as file:
            while end:
                begin = max(end - BLOCK_BYTES, 0)
                file.seek(begin)
                newline = file.read(end - begin).rfind(b"\n")
                end = begin + newline + 1
                if newline >= 0:
                    break
            file.seek(end)
            rest = file.read(size - end)
        if whole := next((it for it in (rest, rest[:-1]) if is_whole(it)), None):
            self._file.truncate(end + len(whole))  # its end alone was lost
            _put(self._file, b"\n")
        elif end < size:
            self._file.truncate(end)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self._folder}: cannot be written: {reason(error)}; pass --results with a folder of your own"
        )


def closed_runs(tail: bytes) -> int | None:
    """How many runs a journal holds, told by its last `TAIL_BYTES`; None where its session did not end."""
    *lines, _ = tail.split(b"\n")
    try:
        last = lines[-1]
        entry = unsealed(last) if last.startswith(BEGINNING) else json.loads(last)
        return int(entry["runs"]) if entry["kind"] == "closed" else None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _opened(path: Path) -> IO[bytes]:
    return path.open("a+b", buffering=0)


def _leads_to(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _line(number: int, entry: Row) -> bytes:
    return sealed(_encoder.encode({"entry": number, **entry}))


def _put(file: IO[bytes], data: bytes) -> None:
    if file.write(data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _encode(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")


_encoder = json.JSONEncoder(default=_encode)
