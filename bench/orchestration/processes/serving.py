"""The fork server's own process: TensorFlow imported, nothing of it started, a copy for each run.

It has one thread, so that a copy of it is whole. Where it may not be copied, or TensorFlow cannot be
imported, it goes on as a server that starts a fresh interpreter for each run.
"""

import contextlib
import errno
import os
import resource
import select
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing import reduction, util
from multiprocessing.connection import Connection
from socket import recv_fds, socket
from typing import NoReturn, Protocol, Self

import numpy as np

from bench.data.datasets import Dataset
from bench.errors import reason
from bench.import_path import program_with_bench
from bench.machine.cgroup import Cgroup, oom_kills_in
from bench.machine.files import ROOT
from bench.orchestration.processes import run_process
from bench.orchestration.processes.death import Ended
from bench.orchestration.processes.lifeline import die_with, die_with_parent, outlive, set_title
from bench.orchestration.processes.preload import preload
from bench.orchestration.processes.run_process import Descriptors
from bench.orchestration.processes.shared_data import mapped
from bench.orchestration.processes.work import Failed
from bench.records.measurement import StartMethod, Status

TITLE = "bench-forks"
MOST_DESCRIPTORS = 8
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
STARTED = "started"
"""What whoever asks for a process is told first; how it `Ended` comes last."""


@dataclass(frozen=True)
class Child:
    """A process that was started: whoever asked for it, and the counts of kills for memory at the time."""

    control: Connection
    oom_kills: Mapping[str, int]


def serve(
    listener: int, data: int, folder: str, method: StartMethod, environ: Mapping[str, str | None], lease: int
) -> NoReturn:
    """Start a process for each connection to the socket `listener`, until standard input ends.

    It is killed at the end of the pipe `lease`, where that is not -1. `data` is the descriptor of the shared
    data sets, and `folder`, which goes in the end, the place for temporary files. `environ` is what the
    variables in `FOR_IMPORTS`, set for the imports, are to be again. Does not return.
    """
    set_title(TITLE)
    die_with(0)
    if lease >= 0:
        die_with(lease)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a handful for each process
    with contextlib.suppress(PermissionError):  # recorded in each row, whatever it is
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGHUP):  # its end comes by its input
        signal.signal(number, lambda *_: None)
    why_not = None
    if method == "forkserver":
        why_not = preload()
    _restore(environ)
    if why_not is not None:
        sys.stderr.write(f"bench starts a fresh interpreter for each run, since {why_not}\n")
        _serve_anew(listener, data, folder, lease)
    start: Starter = _Fresh(data, folder)
    if method == "forkserver":
        start = _Copies(mapped(data), folder, lease)
        os.close(data)
    outlive(0)
    with Server(socket(fileno=listener), start, folder) as server:
        server.run()
    os._exit(0)  # whoever ends it waits: nothing of TensorFlow is torn down


def _serve_anew(listener: int, data: int, folder: str, lease: int) -> NoReturn:
    """Go on in this process as an interpreter with nothing in it."""
    for descriptor in (0, listener, data, lease):
        if descriptor >= 0:
            os.set_inheritable(descriptor, True)
    sys.stderr.flush()
    line = [sys.executable, "-P", "-c", program(listener, data, folder, "spawn", {}, lease)]
    os.execv(sys.executable, line)


def program(
    listener: int,
    data: int,
    folder: str,
    method: StartMethod,
    environ: Mapping[str, str | None],
    lease: int = -1,
) -> str:
    """For `python -P -c`: `serve`."""
    call = f"serve({listener}, {data}, {folder!r}, {method!r}, {environ!r}, {lease})"
    return program_with_bench(f"from {__name__} import serve; {call}")


def _restore(environ: Mapping[str, str | None]) -> None:
    for name, value in environ.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class Starter(Protocol):
    """A way to start a process."""

    def __call__(self, given: Descriptors, ours: Iterable[int]) -> int:
        """The number of a new process that has what is `given`, and nothing that is `ours`."""


@dataclass(frozen=True)
class _Copies:
    """By forking: `datasets` are mapped already. The `lease` is the server's own."""

    datasets: Mapping[str, Dataset]
    folder: str
    lease: int

    def __call__(self, given: Descriptors, ours: Iterable[int]) -> int:
        server = os.getpid()
        process = os.fork()
        if process:
            return process
        try:
            die_with_parent(server)
            signal.set_wakeup_fd(-1)
            for descriptor in (*ours, *([self.lease] if self.lease >= 0 else ())):
                os.close(descriptor)
            np.random.seed()  # every copy would draw the same; Python's own sees to that itself
            run_process.live(given, self.datasets, "forkserver", self.folder)
        finally:
            os._exit(1)


@dataclass(frozen=True)
class _Fresh:
    """By starting an interpreter, which maps the data sets in `data`."""

    data: int
    folder: str

    def __call__(self, given: Descriptors, ours: Iterable[int]) -> int:  # noqa: ARG002 -- it inherits none
        line = [sys.executable, "-P", "-c", run_process.program(given, self.data, os.getpid(), self.folder)]
        path = os.fsencode(sys.executable)
        return util.spawnv_passfds(path, [os.fsencode(part) for part in line], (*given.all(), self.data))


class Server:
    """Waits for all that can happen in one place; every step takes microseconds, or a fork."""

    def __init__(self, listener: socket, start: Starter, folder: str) -> None:
        self._listener, self._start, self._folder = listener, start, folder
        self._asking: dict[int, socket] = {}
        self._children: dict[int, Child] = {}
        self._is_full = False
        self._cgroup, self._explained = Cgroup(ROOT), dict[str, int]()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._waiting = select.poll()
        for descriptor in (0, self._woken, listener.fileno()):
            self._waiting.register(descriptor, select.POLLIN)

    def __enter__(self) -> Self:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._children:
            os.kill(process, signal.SIGKILL)
        for process in self._children:
            os.waitpid(process, 0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self) -> None:
        """Serve until standard input ends."""
        while True:
            for descriptor, _ in self._waiting.poll():
                if descriptor == 0:
                    return
                if descriptor == self._woken:
                    os.read(self._woken, 4096)
                    self._reap()
                elif descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._begin(descriptor)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as problem:
            if problem.errno in _NO_DESCRIPTOR:  # until a process has ended
                self._waiting.unregister(self._listener)
                self._is_full = True
            return
        self._asking[connection.fileno()] = connection
        self._waiting.register(connection, select.POLLIN)

    def _begin(self, descriptor: int) -> None:
        """Start the process that is asked for by the connection with this descriptor."""
        self._waiting.unregister(descriptor)
        connection = self._asking.pop(descriptor)
        count, numbers = _received(connection)
        if not count:
            connection.close()
            return
        control, kills = Connection(connection.detach()), self._cgroup.oom_kills()
        try:
            if len(numbers) < count:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            process = self._start(Descriptors(*numbers), self._ours(control))
            self._children[process] = Child(control, kills)
            _tell(control, STARTED)
        except OSError as problem:
            status: Status = "oom_host" if problem.errno == errno.ENOMEM else "failed"
            _tell(control, Failed(status, f"no process can be started: {reason(problem)}"))
            control.close()
        finally:
            for number in numbers:
                os.close(number)

    def _ours(self, control: Connection) -> list[int]:
        """What a copy of this process has no use for, and must not hold open."""
        controls = [control.fileno(), *(child.control.fileno() for child in self._children.values())]
        return [self._listener.fileno(), self._woken, self._wake, *self._asking, *controls]

    def _reap(self) -> None:
        if self._is_full:
            self._waiting.register(self._listener, select.POLLIN)
            self._is_full = False
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            child = self._children.pop(process, None)
            shutil.rmtree(f"{self._folder}/{process}", ignore_errors=True)
            if child is not None:
                code = os.waitstatus_to_exitcode(status)
                risen = self._risen(child) if code == -signal.SIGKILL else ()
                _tell(child.control, Ended(process, code, risen))
                child.control.close()

    def _risen(self, child: Child) -> tuple[str, ...]:
        """The counts of kills for memory that rose by one more than other processes here explain."""
        before = {file: max(count, self._explained.get(file, 0)) for file, count in child.oom_kills.items()}
        risen = tuple(file for file, count in oom_kills_in(before).items() if count > before[file])
        self._explained |= {file: before[file] + 1 for file in risen}
        return risen


def _received(connection: socket) -> tuple[int, list[int]]:
    """How many descriptors were sent, and those that there was room for; none where nobody is there."""
    try:
        told, numbers, _, _ = recv_fds(connection, 1, MOST_DESCRIPTORS)
    except OSError:
        return 0, []
    if reduction.ACKNOWLEDGE:  # on macOS whoever sent them waits for it
        with contextlib.suppress(OSError):
            connection.sendall(b"A")
    for number in numbers:
        os.set_inheritable(number, False)
    return (told[0] if told else 0), numbers


def _tell(control: Connection, what: object) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it any more
        control.send(what)
