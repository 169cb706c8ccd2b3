import pytest

from bench.analysis.node_shares import node_shares
from tests.runs import run_table

GPU = "NVIDIA H100"
BOX = {"session_id": "s", "machine_id": "aaaa", "machine": "a box", "cpu_cores_logical": 16}
GPUS = {"gpu_count": 8, "gpu_name": [GPU] * 8}


def shares(run, *machines):
    """What one run had of its nodes, by their names."""
    given = {"run_id": "r", "session_id": "s", "node": "n", "nodes": ["n"], "workers": 1, "devices": 1}
    ((_, found),) = node_shares(run_table([{**given, **run}]), machines)
    return {node.node: share for node, share in found}


@pytest.mark.parametrize(
    ("run", "machine", "share"),
    [
        ({"device_name": "a CPU"}, {}, 1.0),
        ({"device_name": "a CPU", "cpus": 4}, {}, 0.25),
        ({"device_name": "a CPU", "cpus": 4}, {"cgroup_cores": 8}, 0.5),
        ({"device_name": "a CPU", "cpus": 4}, {"cgroup_cpu_limit": 6.5}, 4 / 6),
        ({"device_name": "a CPU", "cpus": 32}, {}, 1.0),
        ({"device_name": "a CPU", "cpus": 2, "workers": 3, "nodes": ["n"] * 3}, {}, 6 / 16),
        ({"device_name": GPU}, GPUS, 1 / 8),
        ({"device_name": GPU, "devices": 4}, GPUS, 0.5),
        ({"device_name": GPU, "cpus": 8}, GPUS, 0.5),
        ({"device_name": GPU, "devices": 2, "workers": 2, "nodes": ["n"] * 2}, GPUS, 0.5),
        ({"device_name": GPU}, {**GPUS, "cpu_cores_logical": 8}, 2 / 8),
        ({"device_name": GPU}, {**GPUS, "cpu_cores_logical": None}, 1 / 8),
        ({"device_name": "a CPU"}, GPUS, 1.0),
        ({"device_name": "a CPU", "cpus": 4}, {"cpu_cores_logical": None}, 1.0),
    ],
)
def test_a_run_has_the_larger_of_its_shares_of_cores_and_of_gpus(run, machine, share):
    assert shares(run, {**BOX, "node": "n", **machine}) == {"n": pytest.approx(share)}


def test_a_node_that_nobody_described_is_had_whole():
    assert shares({"cpus": 1}) == {"n": 1.0}


def test_each_node_has_the_share_of_the_workers_that_are_on_it():
    machines = [{**BOX, "node": "n"}, {**BOX, "node": "m", "cpu_cores_logical": 4}]
    run = {"device_name": "a CPU", "cpus": 2, "workers": 3, "nodes": ["n", "n", "m"]}
    assert shares(run, *machines) == {"n": 0.25, "m": 0.5}


def test_rows_of_older_tables_have_their_one_node():
    assert shares({"nodes": None, "workers": 2}) == {"n": 1.0}


def test_runs_that_had_the_same_come_together():
    rows = [
        {"run_id": f"{number}", "session_id": "s", "node": node, "nodes": [node], "cpus": 1}
        for number, node in enumerate("nmnm")
    ]
    assert [found.tolist() for found, _ in node_shares(run_table(rows), [])] == [[0, 2], [1, 3]]
