"""Processes that are copies of one that has done its imports, which take a fresh interpreter seconds.

Each has an environment, a folder, and standard streams of its own, and ends as an interpreter does. Whoever
reads variables at import has read those of the process that was copied: not for tests of that.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LONGEST = 2**18  # bytes of a request


class Forks:
    """A process that has imported `modules`, for as long as the block goes on; `start` has it copied."""

    def __init__(self, *modules, **environ):
        self._connection, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(its.fileno()), *modules],
                cwd=ROOT,
                env=os.environ | environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
            )

    def start(self, function, argument, stdin, stdout, stderr, cwd=None, env=None):
        """A copy that calls `function` ("module:name") with a plain value; the streams are descriptors."""
        wanted = [function, argument, os.fspath(cwd or Path.cwd()), dict(env or os.environ)]
        told, tells = os.pipe()
        with os.fdopen(tells, "wb"):
            streams = [stdin, stdout, stderr, tells]
            socket.send_fds(self._connection, [json.dumps(wanted).encode()], streams)
        return Forked(os.fdopen(told))

    def run(self, function, argument, cwd=None, env=None):
        """As `subprocess.run` of a program that reads nothing, with what it wrote as text."""
        with contextlib.ExitStack() as stack:
            out, errors = (stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2))
            nothing = stack.enter_context(Path(os.devnull).open())
            streams = [file.fileno() for file in (nothing, out, errors)]
            status = self.start(function, argument, *streams, cwd, env).wait()
            for file in (out, errors):
                file.seek(0)
            return subprocess.CompletedProcess(argument, status, out.read(), errors.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()
        self._process.wait()


class Forked:
    """A copy; `told` is the pipe by which its number comes, and its status in the end."""

    def __init__(self, told):
        self._told = told
        self.pid = int(told.readline())

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        """Its exit status, as `subprocess` has it, once it has ended."""
        with self._told:
            return os.waitstatus_to_exitcode(int(self._told.readline()))


def serve(connection):
    """Copy this process for each request. Returns in a copy alone, with what it is to do; in the end None."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for copies
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _LONGEST, 4)
        if not message:
            return None
        if os.fork() == 0:
            connection.close()
            return _copy(json.loads(message), *descriptors)
        for number in descriptors:
            os.close(number)


def _copy(wanted, stdin, stdout, stderr, tells):
    """In a copy of this process, which waits for that and tells of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (copy := os.fork()) != 0:
        for number in (stdin, stdout, stderr):
            os.close(number)
        os.write(tells, f"{copy}\n".encode())
        _, status = os.waitpid(copy, 0)
        os.write(tells, f"{status}\n".encode())
        os._exit(0)
    os.close(tells)
    for number, given in enumerate((stdin, stdout, stderr)):
        os.dup2(given, number)
        os.close(given)
    function, argument, folder, environ = wanted
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    return function, argument


def run_bench(arguments):
    """What `python -m bench` with these arguments does."""
    sys.argv[1:] = arguments
    sys.path[0] = str(Path.cwd())
    runpy.run_module("bench", run_name="__main__", alter_sys=True)


def main():
    number, *modules = sys.argv[1:]
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else each collection in a copy would copy the pages of all that is here
    with socket.socket(fileno=int(number)) as connection:
        wanted = serve(connection)
    if wanted is not None:
        module, _, name = wanted[0].partition(":")
        getattr(importlib.import_module(module), name)(wanted[1])


if __name__ == "__main__":
    main()
