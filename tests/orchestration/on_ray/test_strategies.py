"""`bench run` as a user has it, on a real cluster of three nodes: all strategies, scaling, and every node."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.records.store import read_sessions
from tests.caches import cache_with_digits
from tests.orchestration.clusters import nodes_here

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STRATEGIES = """
title = "All strategies"

[measure]
rounds = 1

[[sweep]]
name = "one_device"
dataset = "digits"
hidden = [64]
batch_size = 1000
epochs = 2
cpus = 1
jit = false

[[sweep]]
name = "replicas"
dataset = "digits"
hidden = [64]
batch_size = 1000
epochs = 2
cpus = 1
jit = false
devices = 2
matrix.strategy = ["mirrored", "central_storage"]

[[sweep]]
name = "workers"
dataset = "digits"
hidden = [64]
batch_size = 1000
epochs = 2
cpus = 1
jit = false
placement = "spread"
matrix.workers = [3, 4]
matrix.strategy = ["multi_worker_mirrored", "parameter_server"]
exclude = [{workers = 4, strategy = "parameter_server"}]
"""
ONE = """
title = "One scenario"

[[sweep]]
name = "one"
dataset = "digits"
hidden = [16]
batch_size = 1000
epochs = 1
cpus = 1
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """The tests' own cache of data sets, and a terminal that is wide enough for every column."""
    return {
        **os.environ,
        "BENCH_CACHE": str(cache_with_digits(tmp_path_factory.mktemp("cache"))),
        "COLUMNS": "200",
    }


@pytest.fixture
def bench(environ, tmp_path):
    """Runs the command, here; gives what it printed, and the rows of the session that it wrote."""

    def run(suite, *options):
        (tmp_path / "suite.toml").write_text(suite)
        command = [sys.executable, "-m", "bench", "run", "suite.toml", "--results", "results", *options]
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        rows = read_sessions([str(tmp_path / "results")]).runs.to_pylist()
        return SimpleNamespace(status=done.returncode, printed=done.stdout, rows=rows)

    return run


def test_all_five_strategies_run_on_three_nodes(bench):
    nodes = [{"num_cpus": 1, "node_name": name} for name in ("n1", "n2", "n3")]
    with nodes_here(*nodes) as cluster:
        done = bench(STRATEGIES, "--address", cluster.address, "--timeout", "120", "--no-probe")
    rows = {(row["strategy"], row["workers"] * row["devices"]): row for row in done.rows}
    assert done.status == 1
    infeasible = rows.pop(("multi_worker_mirrored", 4))
    assert infeasible["status"] == "infeasible"
    assert infeasible["error"] == "needs 4 nodes, one for each worker, and only 3 could hold one"
    assert {key: row["status"] for key, row in rows.items()} == {
        ("one_device", 1): "ok",
        ("mirrored", 2): "ok",
        ("central_storage", 2): "ok",
        ("multi_worker_mirrored", 3): "ok",
        ("parameter_server", 3): "ok",
    }
    assert sorted(rows["multi_worker_mirrored", 3]["nodes"]) == ["n1", "n2", "n3"]
    one = rows["one_device", 1]
    for key in (("mirrored", 2), ("central_storage", 2), ("multi_worker_mirrored", 3)):
        assert rows[key]["val_loss"] == pytest.approx(one["val_loss"], rel=1e-3)
    assert "Strong scaling" in done.printed


def test_every_scenario_runs_on_every_node_which_are_held_against_each_other(bench):
    nodes = [{"num_cpus": 1, "node_name": name} for name in ("n1", "n2")]
    with nodes_here(*nodes) as cluster:
        done = bench(ONE, "--address", cluster.address, "--every-node", "--no-probe", "--rounds", "2")
    runs = [(row["node"], row["round"], row["status"]) for row in done.rows]
    assert sorted(runs) == [(node, number, "ok") for node in ("n1", "n2") for number in (1, 2)]
    assert "Nodes: in this session, each against the other of" in done.printed
