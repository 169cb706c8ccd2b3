from types import SimpleNamespace

import pytest

from bench.orchestration.scheduling import feasibility
from bench.orchestration.scheduling.feasibility import impossible, this_machine
from bench.orchestration.scheduling.request import Node
from bench.records.scenario import Scenario
from bench.records.suite import Point


def point(label, **settings):
    return Point("sweep", label, Scenario(hidden=[8], batch_size=100, **settings))


def test_only_what_no_node_could_ever_hold_is_named(node):
    points = [point("a"), point("b", device="gpu"), point("c", cpus=3)]
    assert impossible(points, [node(cores=2)], exclusive=False) == {
        points[1].scenario.scenario_id: "needs a GPU, and no node has one",
        points[2].scenario.scenario_id: "needs 3 CPU cores on one node, and no node has more than 2",
    }


def test_a_gang_counts_all_nodes(node):
    spread = {"strategy": "multi_worker_mirrored", "workers": 2, "placement": "spread"}
    points = [point("a", **spread)]
    assert impossible(points, [node("n1"), node("n2")], exclusive=True) == {}
    assert list(impossible(points, [node("n1")], exclusive=True)) == [points[0].scenario.scenario_id]


def test_this_machine_is_a_node_with_its_cores(monkeypatch):
    monkeypatch.setattr(feasibility, "open_nvml", lambda: None)
    here = this_machine()
    assert here.cores
    assert (here.gpus, here.accelerator) == (0, None)


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [("NVIDIA H100 80GB HBM3", "H100"), ("Tesla V100-SXM2-16GB", "V100"), (None, None)],
)
def test_its_gpus_are_of_the_type_that_ray_names(monkeypatch, name, accelerator):
    gpus = [SimpleNamespace(name=name)] * 2
    nvml = SimpleNamespace(count=2, slice_names=(), gpu=lambda index: gpus[index], close=lambda: None)
    monkeypatch.setattr(feasibility, "open_nvml", lambda: nvml)
    assert (this_machine().gpus, this_machine().accelerator) == (2, accelerator)


def test_a_process_sees_one_mig_slice_however_many_there_are():
    node = Node("n", "n", (0, 1, 2, 3), 4, "H100", slices=("H100 MIG 1g.10gb",) * 4)
    two, one = (point(str(n), device="gpu", strategy="mirrored", devices=n) for n in (2, 1))
    assert impossible([two, one], [node], exclusive=False) == {
        two.scenario.scenario_id: "needs 2 GPUs in one process, and a process sees only one MIG slice"
    }
