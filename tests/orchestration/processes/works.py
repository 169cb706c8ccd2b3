"""What processes of runs are told to do in tests; scripts of tests import all of it."""

from dataclasses import replace

from bench.machine.affinity import allowed_cores
from bench.machine.modules import sources
from bench.orchestration.pool import Job, Task
from bench.orchestration.processes.fork_server import ForkServer
from bench.orchestration.processes.launch import launch
from bench.orchestration.processes.work import Work
from bench.records.scenario import Scenario
from bench.training.role import ALONE

__all__ = ["HANG", "SMALL", "Do", "ForkServer", "launch", "running", "work"]
SMALL = Scenario(dataset="digits", hidden=[16], activation="tanh", batch_size=1000, epochs=2)
HANG = "import ctypes; ctypes.PyDLL(None).sleep(250)"
"""In C, with Python's lock held: nothing that is written in Python can end it."""


class Do:
    """Executes a program in the process, where it is unpickled there."""

    def __init__(self, program):
        self._program = program

    def __reduce__(self):
        return exec, (self._program, {})


def work(do, **changed):
    given = Work(do, "cpu", allowed_cores()[:1], ALONE, False, sources())
    return replace(given, **changed)


def running(scenario=SMALL, seed=3):
    return Job((Task("r1", scenario, seed),))
