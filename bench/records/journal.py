"""The journal of a session: one JSON line per finished run, on the disk before the run counts as done."""

import contextlib
import datetime
import errno
import fcntl
import itertools
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

from bench.errors import StoreError, reason
from bench.files import NOT_KNOWN, flush
from bench.records.tables import Row

FILE_NAME = "journal.jsonl"
TAIL_BYTES = 256  # more than the entry that closes a session takes
BLOCK_BYTES = 2**20


class Journal:
    """An append-only file; `append` returns once the line is on the disk. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Opens `folder`/journal.jsonl for appending, without the line that a kill cut short.

        Raises StoreError where it cannot be written, or where another process writes it.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as opened:
                self._file = opened.enter_context(_opened(folder / FILE_NAME))
                self._lock(self._file, "this session is still going on; wait for it, or run without --resume")
                self._end_at_a_line()
                opened.pop_all()
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, kind: str, **content: Any) -> None:  # noqa: ANN401 -- anything JSON has, and datetimes
        """Write one entry, whole or not at all, and wait until it is on the disk.

        Raises StoreError where there is no room for it.
        """
        self.extend([{"kind": kind, **content}])

    def extend(self, entries: Iterable[Row]) -> list[int]:
        """The same for several entries, all of them or none; gives at which byte each begins."""
        lines = [json.dumps(entry, default=_encode).encode() + b"\n" for entry in entries]
        end = self._file.seek(0, os.SEEK_END)
        with self._or_nothing(end):
            _put(self._file, b"".join(lines))
            flush(self._file)
        return list(itertools.accumulate(map(len, lines), initial=end))[:-1]

    def read(self) -> IO[bytes]:
        """The file from its beginning, to be closed; also where its folder was deleted or moved."""
        file = os.fdopen(os.dup(self._file.fileno()), "rb")
        file.seek(0)
        return file

    def stay(self) -> None:
        """Where its path no longer leads to it, all that it holds takes that place, each byte where it was.

        A folder that was deleted or moved took the file along, and a copy in its place has another one.
        Raises StoreError where it cannot be written, and where another process writes what stands there;
        then it can be tried again.
        """
        if self._is_there():
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as meanwhile, contextlib.ExitStack() as opened:
                self._keep_others_off(meanwhile)
                part = self._folder / f".{secrets.token_hex(8)}.part"
                opened.callback(part.unlink, missing_ok=True)
                file = opened.enter_context(_opened(part))
                self._lock(file, "cannot be locked")  # before anybody can see it
                self._copy_to(file)
                part.replace(self._folder / FILE_NAME)
                opened.pop_all()
        except OSError as error:
            raise self._unwritable(error) from error
        self._file.close()
        self._file = file

    def _is_there(self) -> bool:
        try:
            return os.path.samestat((self._folder / FILE_NAME).stat(), os.fstat(self._file.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # nobody knows; writing tells
            return True

    def _keep_others_off(self, meanwhile: contextlib.ExitStack) -> None:
        """Of the file that stands at its path, until it is replaced."""
        try:
            descriptor = os.open(self._folder / FILE_NAME, os.O_RDWR | os.O_NONBLOCK)  # it may be a pipe
        except OSError:  # there is none, or nobody can go on with it
            return
        other = meanwhile.enter_context(os.fdopen(descriptor, "rb", buffering=0))
        self._lock(other, "another process goes on with a copy that took its place; end one of the two")

    def _copy_to(self, other: IO[bytes]) -> None:
        with self.read() as file:
            while block := file.read(BLOCK_BYTES):
                _put(other, block)
        flush(other)

    @contextlib.contextmanager
    def _or_nothing(self, end: int) -> Iterator[None]:
        """What cannot be written whole leaves the file as it was, `end` bytes long."""
        try:
            yield
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise self._unwritable(error) from error

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
        if end < size:
            self._file.truncate(end)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self._folder}: cannot be written: {reason(error)}; pass --results with a folder of your own"
        )


def closed_runs(tail: bytes) -> int | None:
    """How many runs a journal holds, told by its last `TAIL_BYTES`; None where its session did not end."""
    *lines, _ = tail.split(b"\n")
    try:
        entry = json.loads(lines[-1])
        return int(entry["runs"]) if entry["kind"] == "closed" else None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _opened(path: Path) -> IO[bytes]:
    return path.open("a+b", buffering=0)


def _put(file: IO[bytes], data: bytes) -> None:
    if file.write(data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _encode(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")
