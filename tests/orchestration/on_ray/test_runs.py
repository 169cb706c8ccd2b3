"""The pool on real Ray, with real training in its processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from types import SimpleNamespace

import psutil
import pytest

from bench.analysis.repetition import until
from bench.cli.watchers import Silent
from bench.data.datasets import load
from bench.machine.modules import imported
from bench.orchestration.runs import Cluster
from bench.orchestration.session import Rules, Session
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.store import read_sessions
from bench.records.suite import Measure, Point, Suite
from tests.orchestration.memory import memory_group

pytestmark = pytest.mark.slow

QUICK = {"batch_size": 10_000, "epochs": 1}
LONG = {"batch_size": 1, "epochs": 100_000}
GONE_SECONDS = 30.0


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """An environment whose cache of data sets is the tests' own."""
    return {**os.environ, "BENCH_CACHE": str(tmp_path_factory.mktemp("cache"))}


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

    digits = load("digits", None, environ)
    with contextlib.ExitStack() as stack:
        with contextlib.chdir(hostile):
            stack.enter_context(ray_cluster("local"))
        nodes, fingerprints = inspect_nodes()
        cluster = Cluster(nodes, fingerprints, {"digits": digits.sha256})
        yield SimpleNamespace(cluster=cluster, datasets=share({"digits": digits}))


class Watcher(Silent):
    """Keeps the process of every run, and kills those that `kill` names once they have trained an epoch."""

    def __init__(self, kill=(), by=signal.SIGKILL):
        self.kill, self.by, self.processes, self.places = kill, by, [], []

    def started(self, run, places):
        self.places.append((run.point.label, *places))
        self.processes.append((run.point.label, worker_process()))

    def epoch(self, run, _epoch):
        if run.point.label in self.kill:
            self.processes[-1][1].send_signal(self.by)


def worker_process():
    """The one process that holds a run now: Ray names it after the actor's class."""
    (process,) = (
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "RayWorker" in "".join(child.cmdline())
    )
    return process


def await_end(processes):
    """Until none of them runs; a zombie that nobody has reaped does not."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := [process for process in processes if alive(process)]:
        assert time.monotonic() < deadline, left
        psutil.wait_procs(left, timeout=0.1)


def alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def run(ray, tmp_path):
    """Run scenarios by label, one at a time on all cores, in a session; gives the rows by label."""
    from bench.orchestration.on_ray.pool import RayPool

    def run(settings, watcher, sources=None, **measure):
        points = tuple(
            Point("sweep", label, Scenario(**{"dataset": "digits", "hidden": [16], "device": "cpu", **given}))
            for label, given in settings.items()
        )
        suite = Suite("suite", "A suite", Measure(**{"rounds": 1, **measure}), points, "")
        with Recorder.begin(tmp_path / "s1", "s1", {}) as recorder:
            rules, pool = Rules(until(None), probe=False), RayPool(ray.datasets)
            pool._sources = pool._sources if sources is None else sources
            Session(suite, ray.cluster, pool, recorder, watcher, rules).run()
        return {row["label"]: row for row in recorder.runs}

    return run


def test_a_suite_trains(run, ray):
    watcher = Watcher()
    rows = run({"a": QUICK, "b": {**QUICK, "loop": "fit"}}, watcher)
    assert {(label, row["status"], row["error"]) for label, row in rows.items()} == {
        ("a", "ok", None),
        ("b", "ok", None),
    }
    ((_, first), (_, second)) = watcher.processes
    assert first == second
    (node,) = ray.cluster.nodes
    for row in rows.values():
        assert row["niceness"] == 0
        assert row["affinity"] == node.cores
        assert row["threads"] == len(node.cores)
        assert row["steps"] == 5
        assert row["train_seconds"] > 0
        assert row["machine_id"] == ray.cluster.fingerprints[node.node_id].machine_id
        assert row["dataset_sha256"] == ray.cluster.dataset_sha256["digits"]
        assert row["modules"][0] == imported(["bench"])[0]
        assert [text.split()[0] for text in row["modules"]] == ["bench", "tensorflow", "keras", "numpy"]


def test_a_worker_sees_nothing_of_the_folder_that_the_command_is_in(ray, hostile):  # noqa: ARG001
    import ray as library

    path = library.get(library.remote(lambda: sys.path).remote())
    assert str(hostile) not in path
    assert "" not in path


def test_a_process_that_imported_another_bench_fails_its_run(run):
    rows = run({"a": QUICK}, Watcher(), sources={}, retries=1)
    assert (rows["a"]["status"], rows["a"]["attempt"], rows["a"]["flags"]) == ("failed", 1, ())
    assert "imported another bench than the command has: bench " in rows["a"]["error"]
    assert "\n" not in rows["a"]["error"]


def test_a_run_on_some_cores_is_pinned_to_them(run):
    watcher = Watcher()
    rows = run({"a": {**QUICK, "cpus": 1}}, watcher)
    ((_, place),) = watcher.places
    assert rows["a"]["status"] == "ok", rows["a"]["error"]
    assert rows["a"]["affinity"] == place.cores
    assert (len(place.cores), rows["a"]["threads"]) == (1, 1)


def test_a_killed_process_costs_its_run_one_attempt_and_no_other_run(run):
    """Ray tries nothing again by itself: it would show here as an attempt that nobody counted."""
    watcher = Watcher(kill={"long"})
    rows = run({"long": {**LONG, "batch_size": 100}, "quick": QUICK}, watcher, retries=1)
    assert (rows["long"]["status"], rows["long"]["attempt"]) == ("lost", 2)
    assert rows["long"]["flags"] == ("retried",)
    pid = watcher.processes[1][1].pid
    assert rows["long"]["error"].startswith(f"its process {pid} is gone without a reason, as if killed from")
    assert (rows["quick"]["status"], rows["quick"]["error"]) == ("ok", None)
    assert [label for label, _ in watcher.processes] == ["long", "long", "quick"]
    assert len({process for _, process in watcher.processes}) == 3


def test_a_process_that_ends_itself_is_not_tried_again(run):
    watcher = Watcher(kill={"long"}, by=signal.SIGSEGV)
    rows = run({"long": {**LONG, "batch_size": 100}}, watcher, retries=1)
    assert (rows["long"]["status"], rows["long"]["attempt"], rows["long"]["flags"]) == ("failed", 1, ())
    pid = watcher.processes[0][1].pid
    assert rows["long"]["error"] == f"its process {pid} ended itself (SIGSEGV): Segmentation fault"


@pytest.fixture
def little_memory():
    """What Ray's processes take from now on comes out of 1,200 MiB; skipped where that cannot be had."""
    (raylet,) = (one for one in psutil.Process().children(recursive=True) if one.name() == "raylet")
    with memory_group(1200 * 2**20) as group:
        group.enter(raylet)
        yield
        group.leave(raylet)


@pytest.mark.usefixtures("ray", "little_memory")
def test_a_process_that_the_kernel_kills_for_memory_ran_out_of_the_host_s(run):
    rows = run({"large": {**QUICK, "hidden": [50_000]}}, Watcher(), retries=1, timeout_seconds=60.0)
    assert (rows["large"]["status"], rows["large"]["attempt"]) == ("oom_host", 1)
    assert rows["large"]["error"].endswith("for want of memory, of which its control group has 1,200 MiB")


def test_a_run_past_its_time_is_killed(run):
    watcher = Watcher()
    rows = run({"long": LONG}, watcher, timeout_seconds=3.0)
    assert rows["long"]["status"] == "timeout"
    await_end([process for _, process in watcher.processes])


DRIVER = """
import sys
from pathlib import Path

from bench.analysis.repetition import until
from bench.cli.watchers import Silent
from bench.data.datasets import load
from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster, share
from bench.orchestration.on_ray.pool import RayPool
from bench.orchestration.runs import Cluster
from bench.orchestration.session import Rules, Session
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.suite import Measure, Point, Suite

class Watcher(Silent):
    def started(self, run, places): print("started", run.round, flush=True)
    def finished(self, run, row): print("finished", row["run_id"], row["status"], flush=True)

scenario = Scenario(dataset="digits", hidden=[16], device="cpu", batch_size=10_000, epochs=1)
suite = Suite("suite", "A suite", Measure(rounds=50), (Point("sweep", "quick", scenario),), "")
datasets = {"digits": load("digits", None)}
with Recorder.begin(Path(sys.argv[1]), "s1", {}) as recorder, ray_cluster("local"):
    nodes, fingerprints = inspect_nodes()
    pool = RayPool(share(datasets))
    Session(suite, Cluster(nodes, fingerprints, {}), pool, recorder, Watcher(), Rules(until(None))).run()
"""


def marked(mark):
    """Every process that was started, by however many steps, with `mark` in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BENCH_TEST_MARK") == mark:
                found.append(process)
        except psutil.Error:  # not ours, or gone
            continue
    return found


def test_a_driver_killed_in_mid_session_loses_no_finished_run_and_leaves_no_process(tmp_path, environ):
    mark = uuid.uuid4().hex
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path / "s1")],
        env={**environ, "BENCH_TEST_MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with driver:
        lines = []
        for line in driver.stdout:
            lines.append(line.split())
            if lines[-1] == ["started", "2"]:
                break
        of_ray = [process.name() for process in marked(mark)]
        driver.send_signal(signal.SIGKILL)
    (finished,) = (line for line in lines if line[0] == "finished")
    assert finished[2] == "ok"
    assert {"raylet", "gcs_server"} <= set(of_ray)
    runs = read_sessions([str(tmp_path)]).runs
    assert runs.column("run_id").to_pylist() == [finished[1]]
    await_end(marked(mark))
    assert marked(mark) == []
