"""Workers and nodes killed at each stage of a gang's runs, on a real cluster: every run is accounted for."""

import contextlib
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from bench.cli.watchers import Silent
from bench.data.datasets import load
from bench.orchestration.runs import Cluster
from bench.orchestration.session import Rules, Session
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.store import read_sessions
from bench.records.suite import Measure, Point, Suite
from tests.caches import cache_with_digits
from tests.orchestration.clusters import await_end, is_run, nodes_here, processes_of_clusters, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Wide enough that each phase goes on for a while after it has been told of.
GANG = {
    "dataset": "digits",
    "hidden": [256, 256],
    "epochs": 2,
    "jit": False,
    "strategy": "multi_worker_mirrored",
    "placement": "spread",
    "workers": 2,
    "cpus": 1,
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A cluster of a head and four nodes of one CPU, joined, with the digits in its object store."""
    from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster, share

    monkeypatch.setenv("BENCH_CACHE", str(cache_with_digits(tmp_path / "cache")))
    named = [{"num_cpus": 1, "node_name": f"n{number}"} for number in range(4)]
    with nodes_here({"num_cpus": 0}, *named) as nodes, ray_cluster(nodes.address):  # nobody kills the head
        digits = load("digits", None)
        seen, fingerprints = inspect_nodes()
        known = Cluster(seen, fingerprints, {"digits": digits.sha256})
        yield SimpleNamespace(nodes=nodes, known=known, datasets=share({"digits": digits}))


class Killer(Silent):
    """A `Watcher` that kills the last worker of a gang, or its node, once at each stage.

    At the start of the first gang; then when a run begins the phase that it is labelled with.
    """

    def __init__(self, nodes, whole_node):
        self.nodes, self.whole_node, self.killed = nodes, whole_node, []
        self.places, self.victims = {}, {}

    def opened(self, allocations):
        """Kill as soon as there is a process, while the gang forms."""
        if "start" not in self.killed:
            self.killed.append("start")
            threading.Thread(target=self.at_start, args=(allocations,), daemon=True).start()

    def at_start(self, allocations):
        node, found = self.node_of(allocations), []
        until(lambda: found.extend(runs_of(node)) or found)
        self.kill(node, found)

    def kill(self, node, processes):
        if self.whole_node:
            self.nodes.remove_node(node, allow_graceful=False)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)

    def node_of(self, allocations):
        return next(n for n in self.nodes.list_all_nodes() if n.node_id == allocations[-1].node.node_id)

    def started(self, run, allocations):
        self.places[run.point.label] = self.node_of(allocations)

    def phase(self, run, phase):
        node = self.places[run.point.label]
        if phase == "build":  # looked for now, so that no phase is over by the time that they are found
            self.victims[run.point.label] = node, runs_of(node)
        if run.point.label == phase and phase not in self.killed:
            self.killed.append(phase)
            self.kill(*self.victims[phase])


def runs_of(node):
    """The processes of runs on a node of the test's cluster."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children(recursive=True) if is_run(child)]


def placement_groups():
    from ray.util.placement_group import placement_group_table

    return [group["state"] for group in placement_group_table().values()]


def pool_of(datasets):
    """A pool that tells the `killer` it has of each gang that it opens, before that has formed."""
    from bench.orchestration.on_ray.pool import RayPool

    class Pool(RayPool):
        killer = None

        def open(self, allocations, request):
            worker = super().open(allocations, request)
            self.killer.opened(allocations)
            return worker

    return Pool(datasets)


def run(here, pool, folder, nodes, phases):
    """A run labelled with each phase, on the first so many of the nodes; gives its rows."""
    points = tuple(
        Point("sweep", phase, Scenario(**GANG, batch_size=5000 + number))
        for number, phase in enumerate(phases)
    )
    suite = Suite("suite", "A suite", Measure(rounds=1, retries=2), points, "")
    known = replace(here.known, nodes=here.known.nodes[:nodes])
    with Recorder.begin(folder, folder.name, {}) as recorder:
        rules = Rules(lambda _times: True, probe=False)
        Session(suite, known, pool, recorder, pool.killer, rules).run()
    return read_sessions([str(folder)]).runs.to_pylist()


def test_what_is_killed_at_any_stage_costs_its_run_an_attempt(cluster, tmp_path):
    """Workers first, on two of the nodes, then nodes: of one that is gone all is known alike."""
    pool = pool_of(cluster.datasets)  # one for both: what the nodes have for their runs stays
    for name, nodes, phases in (("workers", 2, ("train", "evaluate")), ("nodes", 4, ("train",))):
        killer = pool.killer = Killer(cluster.nodes, name == "nodes")
        rows = run(cluster, pool, tmp_path / name, nodes, phases)
        assert killer.killed[0] == "start"
        assert sorted(killer.killed[1:]) == sorted(phases)
        assert {row["label"]: row["status"] for row in rows} == dict.fromkeys(phases, "ok")
        assert sum(row["attempt"] for row in rows) == len(rows) + len(killer.killed)
        assert all("retried" in row["flags"] for row in rows)
        assert all(len(set(row["nodes"])) == 2 for row in rows)
    await_end([process for process in processes_of_clusters() if is_run(process)])
    assert set(placement_groups()) == {"REMOVED"}
