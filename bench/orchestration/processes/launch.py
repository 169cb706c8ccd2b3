"""Starting a process of a run from whoever holds its allocation, and following it to its end."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import reduction
from multiprocessing.connection import Connection, Pipe
from typing import IO, Protocol

from bench.data.datasets import Dataset
from bench.errors import BenchError, reason
from bench.orchestration.pool import Job
from bench.orchestration.processes.aside import environment
from bench.orchestration.processes.death import Birth, Ended, Remains, cause, lines_at_end
from bench.orchestration.processes.run_process import Descriptors, program
from bench.orchestration.processes.shared_data import share
from bench.orchestration.processes.work import Failed, Limits, Report, Results, Work
from bench.records.measurement import Status


class ProcessDied(Exception):  # noqa: N818 -- an end that is told, not a mistake
    """A process that ended before its work was done: the status of its run, and why, in one line."""

    def __init__(self, status: Status, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class _Keeper(Protocol):
    """Whoever the process is a child of."""

    def wait(self, has_begun: bool) -> Ended | Failed | None:
        """How it ended, once it has; None where nobody knows. It may not have begun unless `has_begun`."""


class Process:
    """A process of a run. `reports` and `kill` may be called from different threads."""

    def __init__(
        self, work: Work, channel: Connection, lease: int, errors: IO[bytes], keeper: _Keeper
    ) -> None:
        self._work, self._channel, self._errors, self._keeper = work, channel, errors, keeper
        self._lease: int | None = lease
        self._born: Birth | None = None
        self._ended: Ended | Failed | None = None
        self._last_lines: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def reports(self) -> Iterator[Report]:
        """What it tells, until its work is done and it is gone. Raises ProcessDied where it ends before."""
        with self._channel:
            while True:
                said = self._next()
                if isinstance(said, Birth):
                    self._born = said
                    continue
                if isinstance(said, Results | Limits | Failed):
                    self.kill()
                if isinstance(said, Failed):
                    raise ProcessDied(said.status, said.error)
                yield said
                if isinstance(said, Results | Limits):
                    return

    def kill(self) -> None:
        """End it at once, whatever it does; returns when it is gone. Killing it twice does nothing."""
        self._end(has_begun=self._born is not None)

    def _end(self, has_begun: bool) -> None:
        with self._lock:
            if self._lease is not None:
                os.close(self._lease)
                self._lease = None
                self._ended = self._keeper.wait(has_begun)
                with self._errors:
                    self._last_lines = lines_at_end(self._errors)

    def _next(self) -> Birth | Report | Failed:
        try:
            said: Birth | Report | Failed = self._channel.recv()
        except (EOFError, OSError):
            self._end(has_begun=True)
            raise self._died() from None
        return said

    def _died(self) -> ProcessDied:
        ended = self._ended
        if isinstance(ended, Failed):
            return ProcessDied(ended.status, ended.error)
        if ended is None and self._born is None:
            return ProcessDied("lost", "its node's fork server ended before its process began")
        born = self._born or Birth(ended.process_id if ended else 0)
        left = Remains(self._last_lines, ended.oom_kills if ended else ())
        return ProcessDied(*cause(born, left, self._work.kind, ended.status if ended else None))


def launch(
    address: str | None,
    work: Work,
    reserved: socket.socket | None = None,
    dataset: Callable[[str], Dataset] | None = None,
) -> Process:
    """Start a process that does `work`: a copy of the fork server at `address`.

    Without one that answers it is a fresh interpreter, which gets the data sets that it needs from `dataset`.
    `reserved` is a socket bound to the process's own port, which stays bound as long as the process lives.
    Raises BenchError where no process can be started.
    """
    asked_ns = time.monotonic_ns()
    with contextlib.ExitStack() as stack:
        undo = stack.enter_context(contextlib.ExitStack())
        try:
            channel, its_channel = map(undo.enter_context, Pipe())
            stack.callback(its_channel.close)
            its_lease, lease = os.pipe()
            stack.callback(os.close, its_lease)
            undo.callback(os.close, lease)
            errors = undo.enter_context(tempfile.TemporaryFile())
            port = -1 if reserved is None else reserved.fileno()
            given = Descriptors(its_channel.fileno(), its_lease, errors.fileno(), port)
            keeper = _by_server(address, given) or _afresh(given, work, dataset)
            undo.pop_all()
        except OSError as error:
            raise BenchError(f"no process can be started for a run: {reason(error)}") from error
    process = Process(work, channel, lease, errors, keeper)
    with contextlib.suppress(OSError):  # it is gone already: its reports will say so
        channel.send((work, asked_ns))
    return process


class _OfServer:
    def __init__(self, control: Connection) -> None:
        self._control = control

    def wait(self, has_begun: bool) -> Ended | Failed | None:
        """What the server says; None where it is gone, which took its processes with it.

        None, too, where it has yet to start the process, as during its imports: that will end by its lease.
        """
        with self._control:
            try:
                if not (has_begun or self._control.poll()):
                    return None
                while not isinstance(told := self._control.recv(), Ended | Failed):
                    pass
            except (EOFError, OSError):
                return None
            return told


class _OfThis:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait(self, has_begun: bool) -> Ended:  # noqa: ARG002 -- it has
        return Ended(self._process.pid, self._process.wait())


def _by_server(address: str | None, given: Descriptors) -> _Keeper | None:
    """Have the fork server at `address` start the process; None where none answers there."""
    if address is None:
        return None
    with contextlib.ExitStack() as stack:
        asking = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            asking.connect(address)
            reduction.sendfds(asking, list(given.all()))
        except OSError:
            return None
        return _OfServer(Connection(asking.detach()))


def _afresh(given: Descriptors, work: Work, dataset: Callable[[str], Dataset] | None) -> _Keeper:
    """Start an interpreter, which ends by its lease alone: whoever calls this may have threads that end."""
    names = {task.scenario.dataset for task in work.do.tasks} if isinstance(work.do, Job) else set[str]()
    data = share({name: dataset(name) for name in names} if dataset else {})
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", program(given, data)],
            stdin=subprocess.DEVNULL,
            stdout=given.errors,
            stderr=given.errors,
            env={**environment(), **work.environ},
            pass_fds=(*given.all(), data),
        )
    finally:
        os.close(data)
    return _OfThis(process)
