"""One case from its suite to its tables: everything is real but the pool and the clock."""

import gc
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from bench.analysis.repetition import until
from bench.cli.watchers import Lines, Silent
from bench.machine.fingerprint import Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.software import Software
from bench.orchestration.runs import Cluster
from bench.orchestration.scheduling.policy import LongestFirst, Order
from bench.orchestration.session import Rules, Session
from bench.records.recorder import Recorder
from tests.scale.cases import bound_of, nodes_of, suite_of
from tests.scale.pool import Clock, SimulatedPool


@dataclass(frozen=True)
class Figures:
    """What a simulation gave.

    `cpu_seconds` are the driver's, from the session's beginning to the end of its tables, without the
    simulation's own; `wall_seconds` are those that passed meanwhile, waits for the disk included. `makespan`
    and `bound` are simulated seconds. `suite_bytes` is what the process held before the session began,
    and `peak_bytes` the most that it held at any time.
    """

    runs: int
    cpu_seconds: float
    wall_seconds: float
    tables_cpu_seconds: float
    makespan: float
    bound: float
    suite_bytes: int
    peak_bytes: int
    events: int
    opened: int
    submitted: int
    waits: int
    recorded: int

    @property
    def over_bound(self):
        """The makespan's excess over the bound, as a share of that."""
        return self.makespan / self.bound - 1


def simulate(case, folder=None):
    """Run `case`, and record it in a folder that is left behind only where it is said."""
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            return simulate(case, Path(place) / "s")
    suite, seconds = suite_of(case)
    nodes = nodes_of(case)
    clock = Clock()
    pool = SimulatedPool(clock, seconds)
    cluster = Cluster(nodes, {node.node_id: _fingerprint(node) for node in nodes}, {"mnist": "a-hash"})
    order = LongestFirst(seconds) if case.order == "longest first" else Order()
    rules = Rules(until(case.precision), order, case.every_node, probe=False)
    gc.collect()
    held = psutil.Process().memory_info().rss
    began_cpu, began = time.process_time(), time.perf_counter()
    # The session's name decides on shuffles.
    with (
        Path(os.devnull).open("w") as nowhere,
        Recorder.begin(folder, f"simulated-{case.seed}", {"suite": "simulated"}) as recorder,
    ):
        watcher = Lines(Console(file=nowhere), suite) if case.watched else Silent()
        Session(suite, cluster, pool, recorder, watcher, rules, clock).run()
        makespan = clock.now
        before_tables = time.process_time()
    ended = time.process_time()
    return Figures(
        runs=case.runs,
        cpu_seconds=ended - began_cpu - pool.cpu_seconds,
        wall_seconds=time.perf_counter() - began,
        tables_cpu_seconds=ended - before_tables,
        makespan=makespan,
        bound=bound_of(case, suite, seconds),
        suite_bytes=held,
        peak_bytes=_peak_bytes(),
        events=pool.events,
        opened=pool.opened,
        submitted=pool.submitted,
        waits=pool.waits,
        recorded=recorder.runs,
    )


def _peak_bytes():
    """VmHWM of /proc/self/status (proc_pid_status(5)): of this program alone, unlike ru_maxrss."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def _fingerprint(node):
    hardware = dict.fromkeys(Hardware.__dataclass_fields__)
    hardware |= {"cpu_name": "A CPU", "cpu_cores_physical": len(node.cores), "cpu_flags": (), "gpus": ()}
    software = dict.fromkeys(Software.__dataclass_fields__) | {"python_version": "3.11", "environment": {}}
    return Fingerprint(node.name, Hardware(**hardware), Software(**software))
