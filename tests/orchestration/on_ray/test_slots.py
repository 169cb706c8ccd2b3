"""Slots on a real cluster, and what becomes of them and of each other when something is killed."""

import signal
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from bench.data.datasets import Dataset
from bench.orchestration.pool import Died, Finished, Job, Ready, Started, Task
from bench.orchestration.scheduling.request import Allocation, Node, Request
from bench.records.scenario import Scenario
from tests.orchestration.clusters import FORKS, alive, await_end, is_run, nodes_here, processes_of_clusters

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WAIT_SECONDS = 60.0
ONE = Request("cpu", 1, 0, None)


def task(epochs=1, **settings):
    wanted = {"dataset": "digits", "hidden": [16], "batch_size": 10_000, "epochs": epochs, **settings}
    return Job((Task("r", Scenario(**wanted), 0),))


QUICK, LONG = task(jit=False), task(epochs=1_000_000, batch_size=100)


@pytest.fixture(scope="module")
def digits():
    """Of the shape that every data set has, with nothing to learn."""
    images = np.random.default_rng(0).integers(0, 256, (70_000, 784), np.uint8)
    labels = np.arange(70_000, dtype=np.uint8) % 10
    splits = [
        part
        for at in (slice(50_000), slice(50_000, 60_000), slice(60_000, None))
        for part in (images[at], labels[at])
    ]
    return Dataset("digits", *splits, "hash", 0.5, 0.5, "generated")


@pytest.fixture(scope="module")
def here(digits):
    """A pool on a cluster of two nodes, of two CPUs and of one, beside a head that nobody kills."""
    from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster, share
    from bench.orchestration.on_ray.pool import RayPool

    named = [{"num_cpus": 2, "node_name": "n1"}, {"num_cpus": 1, "node_name": "n2"}]
    with nodes_here({"num_cpus": 0}, *named) as cluster, ray_cluster(cluster.address):
        nodes = {node.name: node for node in inspect_nodes()[0]}
        yield SimpleNamespace(cluster=cluster, nodes=nodes, pool=RayPool(share({"digits": digits})))


class Slots:
    """Of the pool: each of them is closed in the end."""

    def __init__(self, here):
        self._pool, self._nodes, self._open = here.pool, here.nodes, []

    def open(self, name, *cores):
        """A slot of one process, ready."""
        slot = self._pool.open((Allocation(self._nodes[name], cores),), ONE)
        self._open.append(slot)
        self.until(slot, Ready)
        return slot

    def close(self):
        for slot in self._open:
            self._pool.close(slot)

    def until(self, slot, kind):
        """The first event of that kind. Until then no other slot ends what it does."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            for event in self._pool.wait(WAIT_SECONDS):
                if event.slot == slot and isinstance(event, kind):
                    return event
                assert not isinstance(event, Finished | Died), event
        raise AssertionError(f"no {kind.__name__} after {WAIT_SECONDS:g} s")

    def end(self, slot, job=QUICK):
        """The measurement of a job."""
        self._pool.submit(slot, job)
        return measured(self.until(slot, Finished))

    def begin(self, slot):
        """Have it train for good, in a process that has started; gives that."""
        before = runs()
        self._pool.submit(slot, LONG)
        self.until(slot, Started)
        (process,) = runs() - before
        return process

    def actor(self, slot):
        """The process of the actor."""
        (part,) = self._pool._slots[slot]._parts
        return psutil.Process(part.born.process_id)


@pytest.fixture
def slots(here):
    slots = Slots(here)
    yield slots
    slots.close()


@pytest.fixture(scope="module")
def bystander(here):
    """The process of a run that goes on, on a node of its own, whatever is killed on the other.

    Stopped, as a debugger does it: it would take a core from the others for nothing.
    """
    slots = Slots(here)
    process = slots.begin(slots.open("n2", 0))
    process.suspend()
    yield process
    slots.close()


def runs():
    """The processes of runs on the tests' cluster."""
    return {process for process in processes_of_clusters() if is_run(process)}


def parent(process, name):
    """The one of those it descends from that has `name` in its command line or is called so."""
    return next(one for one in process.parents() if name == one.name() or name in "".join(one.cmdline()))


def measured(finished):
    (result,) = finished.results
    return result.measurement


def test_a_slot_takes_one_job_after_another_each_in_a_process_of_its_own(here, slots):
    slot = slots.open("n1", 0)
    assert here.pool.awaits(slot) == "nothing"
    first, second = slots.end(slot), slots.end(slot)
    assert (first.status, first.error, second.status) == ("ok", None, "ok")
    assert first.start_method == second.start_method == "forkserver"
    assert first.process_id != second.process_id
    assert not runs()


def test_a_run_s_process_that_is_killed_costs_its_run_alone(slots, bystander):
    slot = slots.open("n1", 0)
    process = slots.begin(slot)
    process.send_signal(signal.SIGKILL)
    lost = slots.until(slot, Finished)
    assert (measured(lost).status, lost.broken) == ("lost", False)
    assert measured(lost).error.startswith(f"its process {process.pid} is gone without a reason")
    process = slots.begin(slot)
    process.send_signal(signal.SIGSEGV)
    failed = measured(slots.until(slot, Finished))
    told = f"its process {process.pid} ended itself (SIGSEGV): Segmentation fault"
    assert (failed.status, failed.error) == ("failed", told)
    assert slots.end(slot).status == "ok"
    assert alive(bystander)


def test_a_slot_whose_actor_is_killed_is_gone_with_its_run(slots, bystander):
    slot = slots.open("n1", 0)
    process = slots.begin(slot)
    slots.actor(slot).send_signal(signal.SIGKILL)
    died = slots.until(slot, Died)
    assert (died.status, died.node_id) == ("lost", None)
    await_end([process])
    idle = slots.open("n1", 0)
    slots.actor(idle).send_signal(signal.SIGKILL)
    assert slots.until(idle, Died).status == "lost"
    assert alive(bystander)


def test_a_run_is_gone_with_its_slot(here, slots, bystander):
    slot = slots.open("n1", 0)
    process = slots.begin(slot)
    here.pool.close(slot)
    here.pool.close(slot)
    await_end([process])
    assert alive(bystander)


def test_what_a_node_has_for_its_runs_is_replaced_and_a_node_that_is_killed_is_named(here, slots, bystander):
    """First its fork server is killed, then who holds that, then its raylet."""
    killed = here.cluster.add_node(num_cpus=1, node_name="doomed")
    here.nodes["doomed"] = Node(killed.node_id, "doomed", (0,))
    slot = slots.open("doomed", 0)
    for victim in (FORKS, "NodeAgent"):
        process = slots.begin(slot)
        assert parent(process, FORKS).name() == FORKS
        parent(process, victim).send_signal(signal.SIGKILL)
        lost = slots.until(slot, Finished)
        assert (measured(lost).status, lost.broken) == ("lost", False)
        await_end([process])
        process = slots.begin(slot)  # of nobody's, so far: in a fresh interpreter
        here.pool.close(slot)
        await_end([process])
        slot = slots.open("doomed", 0)
    process = slots.begin(slot)
    raylet = parent(process, "raylet")
    those = [process, parent(process, FORKS), parent(process, "NodeAgent"), slots.actor(slot)]
    raylet.send_signal(signal.SIGKILL)
    died = slots.until(slot, Died)
    assert (died.status, died.node_id) == ("lost", killed.node_id)
    await_end(those)
    assert alive(bystander)
