"""Commands as whole processes: how long they take, and how much memory."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """A process that has ended: its seconds on the wall and on cores, its peak of memory, and what it said.

    `status` is None where it was ended after as many seconds as it was given.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    status: int | None
    output: bytes
    error: bytes


def measured(tree, *arguments, seconds, columns=160):
    """`python ARGUMENTS` with the bench of the source tree `tree`, for so many `seconds` at most."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "COLUMNS": str(columns)}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], env=environment, stdout=output, stderr=error
        )
        over = threading.Event()

        def end():
            over.set()
            process.kill()

        alarm = threading.Timer(seconds, end)
        alarm.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        alarm.cancel()
        process.returncode = status = os.waitstatus_to_exitcode(status)
        output.seek(0)
        error.seek(0)
        return Figures(
            wall_seconds=wall,
            cpu_seconds=used.ru_utime + used.ru_stime,
            peak_bytes=used.ru_maxrss * 1024,
            status=None if over.is_set() and status == -signal.SIGKILL else status,
            output=output.read(),
            error=error.read(),
        )
