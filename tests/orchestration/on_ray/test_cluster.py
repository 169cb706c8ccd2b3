"""A cluster of several nodes, joined: what its nodes are, and what their workers get."""

import hashlib
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.data.datasets import Dataset
from bench.errors import ClusterError
from bench.machine.affinity import allowed_cores
from tests.orchestration.clusters import nodes_here

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A folder that hides `bench` from the Pythons that have it as their PYTHONPATH."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "bench.py").write_text('raise ModuleNotFoundError("there is no bench here")\n')
    return folder


@pytest.fixture(scope="module")
def cluster(bare):
    """Three nodes: one named, one with GPUs that nobody has, and one that has neither name nor `bench`."""
    gpus = {"num_gpus": 2, "resources": {"accelerator_type:A100": 1}, "labels": {"rack": "one"}}
    with nodes_here(
        {"num_cpus": 1, "node_name": "head"},
        {"num_cpus": 1, "node_name": "gpus", **gpus},
        {"num_cpus": 1, "env_vars": {"PYTHONPATH": str(bare)}},
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def joined(cluster):
    """The module that joins clusters, with this one joined."""
    from bench.orchestration.on_ray import cluster as ray_cluster

    with ray_cluster.ray_cluster(cluster.address):
        yield ray_cluster


@pytest.fixture(scope="module")
def nodes(joined):
    """The cluster's nodes by name."""
    return {node.name: node for node in joined.inspect_nodes()[0]}


@pytest.fixture
def on(nodes):
    """Call a function in a process on the node of that name."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def on(name, function, *arguments):
        there = NodeAffinitySchedulingStrategy(nodes[name].node_id, soft=False)
        task = ray.remote(function).options(num_cpus=0, scheduling_strategy=there)
        return ray.get(task.remote(*arguments))

    return on


def test_a_node_has_the_name_that_it_was_given_else_its_host_s(nodes):
    assert set(nodes) == {"head", "gpus", socket.gethostname()}


def test_a_node_is_where_the_others_reach_it(nodes, cluster):
    host, _, _ = cluster.address.rpartition(":")
    assert {node.address for node in nodes.values()} == {host}


def test_a_node_has_the_gpus_that_it_declares(nodes):
    assert (nodes["gpus"].gpus, nodes["gpus"].accelerator) == (2, "A100")
    assert (nodes["head"].gpus, nodes["head"].accelerator) == (0, None)


def test_nodes_of_one_machine_share_a_core_only_where_it_has_too_few(nodes):
    dealt = Counter(core for node in nodes.values() for core in node.cores)
    assert [len(node.cores) for node in nodes.values()] == [1, 1, 1]
    assert len(dealt) == min(3, len(allowed_cores()))


def test_a_process_there_has_the_favour_that_this_one_has(on):
    assert on("head", lambda: os.getpriority(os.PRIO_PROCESS, 0)) == 0


def modules_of_bench():
    import bench.orchestration.on_ray.actor

    folder = Path(bench.__file__).parent
    return str(folder), sorted(str(file.relative_to(folder)) for file in folder.rglob("*.py"))


def test_a_node_without_bench_runs_the_driver_s_own(on, bare):
    alone = subprocess.run(
        [sys.executable, "-c", "import bench"],
        cwd=bare,
        env={**os.environ, "PYTHONPATH": str(bare)},
        capture_output=True,
        text=True,
    )
    assert "there is no bench here" in alone.stderr
    there, modules = on(socket.gethostname(), modules_of_bench)
    here, own = modules_of_bench()
    assert there != here
    assert modules == own


def test_an_actor_of_bench_starts_on_a_node_without_it(nodes):
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from bench.orchestration.on_ray.actor import SlotActor

    there = NodeAffinitySchedulingStrategy(nodes[socket.gethostname()].node_id, soft=False)
    actor = ray.remote(SlotActor).options(num_cpus=1, scheduling_strategy=there).remote({})
    assert ray.get(actor.__ray_ready__.remote()) is True
    ray.kill(actor)


def digest(dataset):
    return dataset.x_train.flags.writeable, hashlib.sha256(dataset.x_train.data).hexdigest()


def test_every_node_maps_the_data_that_were_shared(on, nodes, joined):
    images, labels = np.arange(784_000, dtype=np.uint8).reshape(1000, 784), np.zeros(1000, np.uint8)
    dataset = Dataset("digits", *(images, labels) * 3, "hash", 0.5, 0.5, "generated")
    reference = joined.share({"digits": dataset})["digits"]
    expected = (False, hashlib.sha256(images.data).hexdigest())
    assert {on(name, digest, reference) for name in nodes} == {expected}


def test_a_node_that_dies_while_it_is_looked_at_is_left_out(nodes, joined, cluster, monkeypatch, capfd):
    import ray

    dying = cluster.add_node(num_cpus=1, node_name="dying")
    ask = joined._ask

    def ask_the_dead(node_id):
        if node_id == dying.node_id:
            cluster.remove_node(dying, allow_graceful=False)
        return ask(node_id)

    monkeypatch.setattr(joined, "_ask", ask_the_dead)
    assert "dying" in {node["NodeName"] for node in ray.nodes() if node["Alive"]}
    left, fingerprints = joined.inspect_nodes()
    assert {node.name for node in left} == set(nodes)
    assert set(fingerprints) == {node.node_id for node in left}
    assert "dying" not in capfd.readouterr().out


def test_a_node_that_lacks_what_bench_depends_on_is_named(joined, cluster, tmp_path):
    (tmp_path / "pynvml.py").write_text("raise ModuleNotFoundError(\"No module named 'pynvml'\")\n")
    poor = cluster.add_node(num_cpus=1, node_name="poor", env_vars={"PYTHONPATH": str(tmp_path)})
    with pytest.raises(ClusterError) as raised:
        joined.inspect_nodes()
    assert str(raised.value) == (
        "node poor cannot run bench: ModuleNotFoundError: No module named 'pynvml'; "
        "install there what bench depends on"
    )
    cluster.remove_node(poor, allow_graceful=False)
