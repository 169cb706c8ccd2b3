"""Drivers that can be killed: the real session, journal and disk, with a pool and a clock that are not."""

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
SESSION = "killed"


class Telling(Recorder):
    """Tells the rows of runs that count as done."""

    tell = None

    def add_runs(self, ended):
        super().add_runs(ended)
        self.tell([row for row, _ in ended])


def drive(folder: Path, tell):
    """Begin the session in `folder`, or go on with it, up to its end; `tell` gets names of runs."""
    begun = (folder / FILE_NAME).exists() and (folder / FILE_NAME).stat().st_size
    recorder = recorder_of(folder if begun else None, folder)
    recorder.tell = lambda rows: tell([row["run_id"] for row in rows])
    with recorder:
        run(recorder)


def recorder_of(begun, folder, case=CASE):
    """Of the session that was `begun`, else of a new one in `folder`, called like that."""
    segments.RUNS_OF_A_SEGMENT = case.scenarios
    suite, _ = suite_of(case)
    header = {"suite": suite.name, "scenarios": [point.scenario.scenario_id for point in suite.points]}
    return Telling.resume(begun, header) if begun else Telling.begin(folder, folder.name, header)


def run(recorder, case=CASE):
    """All that its session lacks."""
    suite, seconds = suite_of(case)
    nodes, clock = nodes_of(case), Clock()
    cluster = Cluster(nodes, {node.node_id: _fingerprint(node) for node in nodes}, {"mnist": "a-hash"})
    rules = Rules(until(None), probe=False)
    Session(suite, cluster, SimulatedPool(clock, seconds), recorder, Silent(), rules, clock).run()


def _fingerprint(node):
    hardware = dict.fromkeys(Hardware.__dataclass_fields__)
    hardware |= {"cpu_name": "A CPU", "cpu_cores_physical": len(node.cores), "cpu_flags": (), "gpus": ()}
    software = dict.fromkeys(Software.__dataclass_fields__) | {"python_version": "3.11", "environment": {}}
    return Fingerprint(node.name, Hardware(**hardware), Software(**software))
