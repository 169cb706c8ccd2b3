"""Gangs of processes for the tests of strategies: started together, listened to, and ended together."""

import contextlib
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bench.machine.affinity import allowed_cores
from bench.orchestration.processes.preload import FOR_IMPORTS, PRELOADED
from tests.forks import Forked, Forks

PROGRAM = "tests.training.role_process:main"


@dataclass
class Running:
    """A process, and what it has told."""

    process: Forked
    stdout: TextIO
    errors: Path

    def next(self, kind):
        """The value of the next line of `kind`; fails with what the process said last where none comes."""
        for line in self.stdout:
            told = json.loads(line)
            if told["kind"] == kind:
                return told["value"]
        raise AssertionError(f"ended without telling of {kind}:\n{self.errors.read_text()[-3000:]}")

    def phase(self, wanted):
        """Wait until this phase begins."""
        while self.next("phase") != wanted:
            pass


def forks_for_gangs():
    """What the processes of gangs are copies of: with TensorFlow imported, as those of `bench run`."""
    return Forks(*PRELOADED, **FOR_IMPORTS, TF_CPP_MIN_LOG_LEVEL="2", KERAS_BACKEND="tensorflow")


@contextlib.contextmanager
def gang(forks, folder, strategy, runs, *, devices=1, seed=3, probe=False, **counts):
    """Processes by task type, as many as `counts` says, or one alone; all are dead when the block ends.

    Each has a port that is held here all the while, bound but without a listener.
    """
    with contextlib.ExitStack() as stack:
        held = {kind: [stack.enter_context(_port()) for _ in range(count)] for kind, count in counts.items()}
        addresses = {kind: [f"127.0.0.1:{s.getsockname()[1]}" for s in ports] for kind, ports in held.items()}
        processes = [(kind, index) for kind, count in counts.items() for index in range(count)]
        found = {}
        for task_type, index in processes or [("worker", 0)]:
            role = {"strategy": strategy, "devices": devices, "task_type": task_type, "index": index}
            told = {
                "role": {**role, "addresses": addresses},
                "cores": allowed_cores()[:2],
                "runs": runs,
                "seed": seed,
                "probe": probe,
            }
            errors = folder / f"{task_type}-{index}.txt"
            found.setdefault(task_type, []).append(stack.enter_context(_started(forks, told, errors)))
        yield found


@contextlib.contextmanager
def _port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("", 0))
        yield held


@contextlib.contextmanager
def _started(forks, told, errors):
    (its_input, keeps), (says, its_output) = os.pipe(), os.pipe()
    with errors.open("w") as log, os.fdopen(keeps, "w"), os.fdopen(says) as stdout:
        process = forks.start(PROGRAM, told, its_input, its_output, log.fileno())
        os.close(its_input)
        os.close(its_output)
        try:
            yield Running(process, stdout, errors)
        finally:
            process.kill()
            process.wait()
