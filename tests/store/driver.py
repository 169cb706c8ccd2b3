"""A driver that can be killed: the real session, journal and disk, with a pool and a clock that are not."""

import contextlib
import os
from pathlib import Path

from bench.analysis.repetition import until
from bench.cli.watchers import Silent
from bench.machine.fingerprint import Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.software import Software
from bench.orchestration.runs import Cluster
from bench.orchestration.session import Rules, Session
from bench.records import segments
from bench.records.journal import FILE_NAME
from bench.records.recorder import Recorder
from tests.scale.cases import Case, nodes_of, suite_of
from tests.scale.pool import Clock, SimulatedPool

CASE = Case(scenarios=16, rounds=6, nodes=8, lengths="lognormal")
RUNS_OF_A_SEGMENT = 16
SESSION = "killed"


class Telling(Recorder):
    """Tells the names of runs that count as done, a line each, to a descriptor."""

    ear = None

    def add_runs(self, ended):
        super().add_runs(ended)
        if self.ear is not None:
            os.write(self.ear, "".join(f"{row['run_id']}\n" for row, _ in ended).encode())


def drive(folder: Path, ear=None):
    """Begin the session in `folder`, or go on with it, up to its end."""
    segments.RUNS_OF_A_SEGMENT = RUNS_OF_A_SEGMENT
    suite, seconds = suite_of(CASE)
    nodes, clock = nodes_of(CASE), Clock()
    cluster = Cluster(nodes, {node.node_id: _fingerprint(node) for node in nodes}, {"mnist": "a-hash"})
    header = {"suite": suite.name, "scenarios": list(seconds)}
    begun = (folder / FILE_NAME).exists() and (folder / FILE_NAME).stat().st_size
    recorder = Telling.resume(folder, header) if begun else Telling.begin(folder, SESSION, header)
    recorder.ear = ear
    rules = Rules(until(None), probe=False)
    with recorder, contextlib.suppress(BrokenPipeError):
        Session(suite, cluster, SimulatedPool(clock, seconds), recorder, Silent(), rules, clock).run()


def _fingerprint(node):
    hardware = dict.fromkeys(Hardware.__dataclass_fields__)
    hardware |= {"cpu_name": "A CPU", "cpu_cores_physical": len(node.cores), "cpu_flags": (), "gpus": ()}
    software = dict.fromkeys(Software.__dataclass_fields__) | {"python_version": "3.11", "environment": {}}
    return Fingerprint(node.name, Hardware(**hardware), Software(**software))
