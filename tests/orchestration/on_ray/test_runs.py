"""The pool on real Ray, with real training in its processes."""

import contextlib
import os
import signal
import sys
from types import SimpleNamespace

import psutil
import pytest

from bench.analysis.repetition import until
from bench.cli.watchers import Silent
from bench.data.datasets import load
from bench.machine.modules import imported
from bench.orchestration.processes.fork_server import ForkServer
from bench.orchestration.runs import Cluster
from bench.orchestration.session import Rules, Session
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.store import read_sessions
from bench.records.suite import Measure, Point, Suite
from tests.caches import cache_with_digits
from tests.orchestration.clusters import await_end, is_run
from tests.orchestration.memory import memory_group

pytestmark = pytest.mark.slow

QUICK = {"batch_size": 10_000, "epochs": 1}
LONG = {"batch_size": 1, "epochs": 100_000}


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """An environment whose cache of data sets is the tests' own."""
    return {**os.environ, "BENCH_CACHE": str(cache_with_digits(tmp_path_factory.mktemp("cache")))}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder whose modules end whoever imports them."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("bench", "keras", "numpy", "psutil", "pyarrow", "pydantic", "ray", "tensorflow"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('imported {name} from the current folder')\n")
    return folder


@pytest.fixture(scope="module")
def ray(environ, hostile):
    """Ray on this machine, started once for all tests here, and the digits in its object store.

    From a folder whose modules no worker may import.
    """
    from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster, share
    from bench.orchestration.on_ray.pool import RayPool

    digits = load("digits", None, environ)
    with contextlib.ExitStack() as stack:
        with contextlib.chdir(hostile):
            stack.enter_context(ray_cluster("local"))
        nodes, fingerprints = inspect_nodes()
        cluster = Cluster(nodes, fingerprints, {"digits": digits.sha256})
        datasets = share({"digits": digits})
        yield SimpleNamespace(cluster=cluster, datasets=datasets, pool=RayPool(datasets))


class Watcher(Silent):
    """Keeps the process of every run, and kills those that `kill` names once they have trained an epoch."""

    def __init__(self, kill=(), by=signal.SIGKILL):
        self.kill, self.by, self.processes, self.places, self.killed = kill, by, [], [], []

    def started(self, run, places):
        self.places.append((run.point.label, *places))

    def phase(self, run, phase):
        if phase == "build":
            self.processes.append((run.point.label, run_process()))

    def epoch(self, run, _epoch):
        process = self.processes[-1][1]
        if run.point.label in self.kill and process not in self.killed:
            self.killed.append(process)  # a second signal would end it before it has said why
            process.send_signal(self.by)


def run_process():
    """The one process of a run that there is now."""
    (process,) = (child for child in psutil.Process().children(recursive=True) if is_run(child))
    return process


@pytest.fixture
def run(ray, tmp_path):
    """Run scenarios by label, one at a time on all cores, in a session; gives the rows by label."""

    def run(settings, watcher, pool=None, **measure):
        points = tuple(
            Point("sweep", label, Scenario(**{"dataset": "digits", "hidden": [16], "device": "cpu", **given}))
            for label, given in settings.items()
        )
        suite = Suite("suite", "A suite", Measure(**{"rounds": 1, **measure}), points, "")
        with Recorder.begin(tmp_path / "s1", "s1", {}) as recorder:
            rules = Rules(until(None), probe=False)
            Session(suite, ray.cluster, pool or ray.pool, recorder, watcher, rules).run()
        rows = read_sessions([str(tmp_path / "s1")]).runs.to_pylist()
        return {row["label"]: row for row in rows}

    return run


def test_a_suite_trains(run, ray):
    watcher = Watcher()
    rows = run({"a": QUICK, "b": {**QUICK, "loop": "fit"}}, watcher)
    assert {(label, row["status"], row["error"]) for label, row in rows.items()} == {
        ("a", "ok", None),
        ("b", "ok", None),
    }
    ((_, first), (_, second)) = watcher.processes
    assert first != second
    assert {row["start_method"] for row in rows.values()} == {"forkserver"}
    (node,) = ray.cluster.nodes
    for row in rows.values():
        assert row["niceness"] == 0
        assert row["affinity"] == list(node.cores)
        assert row["threads"] == len(node.cores)
        assert row["steps"] == 5
        assert row["train_seconds"] > 0
        assert row["machine_id"] == ray.cluster.fingerprints[node.node_id].machine_id
        assert row["dataset_sha256"] == ray.cluster.dataset_sha256["digits"]
        assert row["modules"][0] == imported(["bench"])[0]
        assert [text.split()[0] for text in row["modules"]] == ["bench", "tensorflow", "keras", "numpy"]


class KillerOfServer(Watcher):
    """Kills the fork server that the command holds, once the first run has trained an epoch of two."""

    def __init__(self, server):
        super().__init__()
        self.server, self.parents = server, []

    def phase(self, _run, phase):
        if phase == "build":
            self.parents.append(run_process().ppid())

    def epoch(self, _run, _epoch):
        if self.server.is_alive():
            os.kill(self.server.process_id, signal.SIGKILL)


@pytest.fixture(scope="module")
def server(ray):
    """A fork server that the command holds for the node."""
    import ray as library

    with contextlib.closing(ForkServer({"digits": library.get(ray.datasets["digits"])})) as server:
        yield server


def held(ray, server, *of_bench):
    """A pool whose processes are copies of that server, as long as it is there."""
    from bench.orchestration.on_ray.pool import RayPool

    (node,) = ray.cluster.nodes
    return RayPool(ray.datasets, *of_bench, held={node.node_id: server})


def test_a_process_that_imported_another_bench_fails_its_run(run, ray, server):
    rows = run({"a": QUICK}, Watcher(), held(ray, server, {}), retries=1)
    assert (rows["a"]["status"], rows["a"]["attempt"], rows["a"]["flags"]) == ("failed", 1, [])
    assert "imported another bench than the command has: bench " in rows["a"]["error"]
    assert "\n" not in rows["a"]["error"]


def test_a_server_that_the_command_holds_serves_its_node_until_it_ends(run, ray, server):
    watcher = KillerOfServer(server)
    row = run({"a": {**QUICK, "epochs": 2}}, watcher, held(ray, server), retries=1)["a"]
    assert (row["status"], row["attempt"], row["niceness"]) == ("ok", 2, 0)
    first, second = watcher.parents
    assert first == server.process_id != second


def test_a_worker_sees_nothing_of_the_folder_that_the_command_is_in(ray, hostile):  # noqa: ARG001
    import ray as library

    path = library.get(library.remote(lambda: sys.path).remote())
    assert str(hostile) not in path
    assert "" not in path


def test_a_run_on_some_cores_is_pinned_to_them(run):
    watcher = Watcher()
    rows = run({"a": {**QUICK, "cpus": 1}}, watcher)
    ((_, place),) = watcher.places
    assert rows["a"]["status"] == "ok", rows["a"]["error"]
    assert rows["a"]["affinity"] == list(place.cores)
    assert (len(place.cores), rows["a"]["threads"]) == (1, 1)


def test_a_killed_process_costs_its_run_one_attempt_and_no_other_run(run):
    """Ray tries nothing again by itself: it would show here as an attempt that nobody counted."""
    watcher = Watcher(kill={"long"})
    rows = run({"long": {**LONG, "batch_size": 100}, "quick": QUICK}, watcher, retries=1)
    assert (rows["long"]["status"], rows["long"]["attempt"]) == ("lost", 2)
    assert rows["long"]["flags"] == ["retried"]
    pid = watcher.processes[1][1].pid
    assert rows["long"]["error"].startswith(f"its process {pid} is gone without a reason, as if killed from")
    assert (rows["quick"]["status"], rows["quick"]["error"]) == ("ok", None)
    assert [label for label, _ in watcher.processes] == ["long", "long", "quick"]
    assert len({process for _, process in watcher.processes}) == 3


def test_a_process_that_ends_itself_is_not_tried_again(run):
    watcher = Watcher(kill={"long"}, by=signal.SIGSEGV)
    rows = run({"long": {**LONG, "batch_size": 100}}, watcher, retries=1)
    assert (rows["long"]["status"], rows["long"]["attempt"], rows["long"]["flags"]) == ("failed", 1, [])
    pid = watcher.processes[0][1].pid
    assert rows["long"]["error"] == f"its process {pid} ended itself (SIGSEGV): Segmentation fault"


@pytest.fixture
def little_memory(ray):  # noqa: ARG001
    """What Ray's processes take from now on comes out of 1,200 MiB; skipped where that cannot be had."""
    (raylet,) = (one for one in psutil.Process().children(recursive=True) if one.name() == "raylet")
    with memory_group(1200 * 2**20) as group:
        group.enter(raylet)
        yield
        group.leave(raylet)


@pytest.mark.usefixtures("little_memory")
def test_a_process_that_the_kernel_kills_for_memory_ran_out_of_the_host_s(run, ray):
    from bench.orchestration.on_ray.pool import RayPool

    pool = RayPool(ray.datasets)  # whose fork server is born in that group
    rows = run({"large": {**QUICK, "hidden": [50_000]}}, Watcher(), pool, retries=1, timeout_seconds=60.0)
    assert (rows["large"]["status"], rows["large"]["attempt"]) == ("oom_host", 1)
    assert rows["large"]["error"].endswith("for want of memory, of which its control group has 1,200 MiB")


def test_a_run_past_its_time_is_killed(run):
    watcher = Watcher()
    rows = run({"long": LONG}, watcher, timeout_seconds=3.0)
    assert rows["long"]["status"] == "timeout"
    await_end([process for _, process in watcher.processes])
