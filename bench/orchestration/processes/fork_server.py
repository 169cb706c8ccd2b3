"""A fork server, as whoever starts it sees it: one for each node of a session, held there or by the command.

It is none of multiprocessing's, whose processes hold what keeps their server alive (so that none of them
ends with whoever started it) and are not ended with whoever asked for them.
"""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from bench.data.datasets import Dataset
from bench.errors import BenchError, reason
from bench.orchestration.processes.aside import environment
from bench.orchestration.processes.preload import FOR_IMPORTS
from bench.orchestration.processes.serving import program
from bench.orchestration.processes.shared_data import share
from bench.records.measurement import START_METHODS, StartMethod

VARIABLE = "BENCH_START_METHOD"
"""Set to "spawn", every run gets a fresh interpreter: to compare, or where a copy of a process misbehaves."""
_PREFIX = "bench-"
_LONGEST_PLACE = 80  # bytes, of the 107 that unix(7) allows with all that comes below
_WAITING = 1024
_STALE_SECONDS = 60.0
_END_SECONDS = 10.0


def start_method(environ: Mapping[str, str] = os.environ) -> StartMethod:
    """How the processes of runs are to start: by forking, where the system is one that this is sound on.

    Raises BenchError where `VARIABLE` has a value that it cannot have.
    """
    for method in START_METHODS:
        if environ.get(VARIABLE) == method:
            return method
    if environ.get(VARIABLE):
        raise BenchError(
            f"{VARIABLE}: {environ[VARIABLE]!r} is no way to start a process; "
            f"set it to {' or '.join(START_METHODS)}, or unset it"
        )
    return "forkserver" if sys.platform == "linux" else "spawn"


class ForkServer:
    """A process with TensorFlow imported and `datasets` mapped, that `launch` has copied for each run.

    It lives until it is closed or the process that made it ends, and its processes as long as it does. Where
    it cannot be copied it starts fresh interpreters. `address` is the path of its socket.
    """

    def __init__(
        self,
        datasets: Mapping[str, Dataset],
        inside: str | None = None,
        log: Path | None = None,
        lease: int = -1,
    ) -> None:
        """Returns at once: whoever asks for a process meanwhile waits for the imports.

        Temporary files, also of its processes, go to a folder that it removes in the end. Below `inside`, a
        folder that somebody else removes, they do not stay where the server is killed, either. With a `log`
        what is said in it goes there, and what a terminal sends to this process is not for it. It is killed
        where the pipe `lease`, if given, ends before this process.
        Raises BenchError where none can be started.
        """
        method = start_method()
        with contextlib.ExitStack() as stack:
            try:
                self._folder = _folder(inside)
                undo = stack.enter_context(contextlib.ExitStack())
                undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
                self.address = str(Path(self._folder) / "socket")
                listener = stack.enter_context(socket.socket(socket.AF_UNIX))
                listener.bind(self.address)
                listener.listen(_WAITING)
                data = share(datasets)
                stack.callback(os.close, data)
                said = None if log is None else stack.enter_context(log.open("wb"))
                line = program(listener.fileno(), data, self._folder, method, _before_imports(), lease)
                given = [number for number in (listener.fileno(), data, lease) if number >= 0]
                self._process = _start(line, given, said)
                undo.pop_all()
            except OSError as error:
                raise BenchError(f"no fork server can be started: {reason(error)}") from error

    @property
    def process_id(self) -> int:
        """The server's own."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Until it has ended."""
        self._process.wait()

    def close(self) -> None:
        """End it, and all processes that it started. Closing twice does nothing."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _folder(inside: str | None) -> str:
    """A new folder that nobody else may enter, with a path that leaves room for a socket's name."""
    for place in (inside, tempfile.gettempdir(), "/tmp"):
        if place is not None:
            _sweep(Path(place))
        if place is not None and len(os.fsencode(place)) <= _LONGEST_PLACE and os.access(place, os.W_OK):
            return tempfile.mkdtemp(prefix=_PREFIX, dir=place)
    return tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp")


def _sweep(place: Path) -> None:
    """Remove what servers left there that were killed: nobody listens at their sockets."""
    for path in place.glob(f"{_PREFIX}*/socket"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
            about = path.lstat()
            is_old = about.st_uid == os.getuid() and time.time() - about.st_mtime > _STALE_SECONDS
            if is_old and caller.connect_ex(str(path)) == errno.ECONNREFUSED:
                shutil.rmtree(path.parent, ignore_errors=True)


def _before_imports() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in FOR_IMPORTS}


def _start(line: str, given: Sequence[int], said: IO[bytes] | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", line],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        env={**environment(), **FOR_IMPORTS},
        start_new_session=said is not None,
        pass_fds=given,
    )
