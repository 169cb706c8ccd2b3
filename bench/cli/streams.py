"""Standard output and standard error that never end a command, whatever becomes of where they lead.

A disk is full, a terminal is gone, a descriptor was closed before the start, a pipe's reader has seen enough:
what cannot be written is dropped, and the first reason kept for the end. Nothing is buffered in Python, so
that nothing is left to fail when the interpreter ends.
"""

import contextlib
import errno
import io
import os
import select
import sys
from typing import TextIO


class Drain(io.RawIOBase):
    """What is written to a descriptor, where that can be; `error` is the first reason why it could not."""

    def __init__(self, descriptor: int, error: OSError | None = None) -> None:
        """With an `error` from the start nothing is ever written: the descriptor is closed or another's."""
        self._descriptor, self.error = descriptor, error
        self._closed_before = error is not None

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal that is there."""
        return not self._closed_before and os.isatty(self._descriptor)

    def writable(self) -> bool:
        """It takes everything."""
        return True

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]  # of all that has a buffer
        """All of `data`, or as much as there is room for."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        try:
            while rest and not self._closed_before:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            self.error = self.error or error
        return length

    def _write_some(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another program has set the terminal so
            select.select([], [self._descriptor], [])
            return 0


class Streams:
    """The standard streams of a command. `spare` is set by one whose work is not what it prints."""

    def __init__(self) -> None:
        self.spare = False
        self._output: Drain | None = None

    def guard(self) -> None:
        """Put them in place of Python's own, unless someone else has already, such as a test."""
        _occupy()
        if sys.stdout is sys.__stdout__:
            self._output, sys.stdout = _drained(sys.stdout, 1)
        if sys.stderr is sys.__stderr__:
            _, sys.stderr = _drained(sys.stderr, 2)

    def unwritten(self) -> str | None:
        """Why output is missing; None where none is, or only what a reader did not want to have."""
        error = self._output.error if self._output else None
        return None if error is None or error.errno == errno.EPIPE else error.strerror


streams = Streams()


def is_output(path: str) -> bool:
    """Whether `path` leads to what standard output leads to, as /dev/stdout does."""
    with contextlib.suppress(OSError, ValueError):
        return os.path.samestat(os.stat(path), os.fstat(sys.stdout.fileno()))  # noqa: PTH116 -- "" is no folder
    return False


def _drained(stream: TextIO | None, descriptor: int) -> tuple[Drain, TextIO]:
    """A character that the stream's encoding lacks, such as µ, becomes a question mark."""
    closed = OSError(errno.EBADF, os.strerror(errno.EBADF)) if stream is None else None
    drain = Drain(descriptor, closed)
    encoding = "utf-8" if stream is None else stream.encoding
    text: TextIO = io.TextIOWrapper(drain, encoding, "replace", write_through=True)  # type: ignore[type-var]  # Python's own -u gives it a raw stream, too
    return drain, text


def _occupy() -> None:
    """Open what is closed of the descriptors 0 to 2, else the next file, such as a journal, would get them.

    Whatever writes to its standard error, a library or a child, would then write into that file.
    """
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)
