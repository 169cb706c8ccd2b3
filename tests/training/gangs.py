"""Gangs of processes for the tests of strategies: started together, listened to, and ended together."""

import contextlib
import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.machine.affinity import allowed_cores

PROGRAM = Path(__file__).with_name("role_process.py")


@dataclass
class Running:
    """A process, and what it has told."""

    process: subprocess.Popen
    errors: Path

    def next(self, kind):
        """The value of the next line of `kind`; fails with what the process said last where none comes."""
        for line in self.process.stdout:
            told = json.loads(line)
            if told["kind"] == kind:
                return told["value"]
        raise AssertionError(f"ended without telling of {kind}:\n{self.errors.read_text()[-3000:]}")

    def phase(self, wanted):
        """Wait until this phase begins."""
        while self.next("phase") != wanted:
            pass


@contextlib.contextmanager
def gang(folder, strategy, runs, *, devices=1, seed=3, probe=False, **counts):
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
            found.setdefault(task_type, []).append(stack.enter_context(_started(told, errors)))
        yield found


@contextlib.contextmanager
def _port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("", 0))
        yield held


@contextlib.contextmanager
def _started(told, errors):
    with errors.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, PROGRAM, json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            yield Running(process, errors)
        finally:
            process.kill()
