"""Processes that do one thing after another for their parent, each with a deadline; and the end of any."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
TAIL = 3000  # characters of what a process said last
CLOSING_SECONDS = 5


class ProcessError(Exception):
    """A process did not do what it was asked; the message is its error, or what it said last."""


class Process:
    """A process of its own that calls functions by name; `errors` is where its messages are appended.

    `environment` is added to this process's. It ends with its parent at the latest: its input is closed then.
    """

    def __init__(self, errors, path=None, **environment):
        self.errors = Path(errors)
        with self.errors.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.gpu.serve"],
                cwd=ROOT,
                env=child_environment(path, **environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def ask(self, function, /, **arguments):
        """Have `function` (its module's name and its own) called; `answer` waits for what it gives."""
        line = json.dumps({"function": function, "arguments": arguments})
        with contextlib.suppress(BrokenPipeError):  # told by the answer that does not come
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def answer(self, seconds):
        """What was asked for; raises ProcessError where it raised, died, or took longer than `seconds`."""
        ready, _, _ = select.select([self.process.stdout], [], [], max(seconds, 0))
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            how = f"ended with status {self.process.returncode}" if ready else f"no answer in {seconds:.0f} s"
            raise ProcessError(f"{how}; it said last:\n{tail(self.errors)}")
        told = json.loads(line)
        if "problem" in told:
            with self.errors.open("a") as log:
                log.write(told["trace"])
            raise ProcessError(told["problem"])
        return told["value"]

    def call(self, function, seconds, /, **arguments):
        """Both: `seconds` is the deadline."""
        self.ask(function, **arguments)
        return self.answer(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Let it end by itself, which gives the device's memory back; kill it where it does not."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def child_environment(path=None, **added):
    """This process's environment and `added`; `bench` and `tests` are found from any folder.

    `path` stands in for this process's PYTHONPATH where it is given.
    """
    given = os.environ.get("PYTHONPATH", "") if path is None else path
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        **added,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), given))),
    }


def tail(path, characters=TAIL):
    """The last of a text file."""
    return Path(path).read_text(errors="replace")[-characters:]


def end_family(process, gentle_seconds=0.0):
    """End a process that leads its group, its group, and all that it started, wherever that has gone.

    With `gentle_seconds` it is interrupted first, as by Ctrl-C, and has so long to end by itself.
    """
    if gentle_seconds and process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(gentle_seconds)
    family = _descendants(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(family, timeout=1)
    process.wait()


def _descendants(pid):
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []
