"""A cluster of two hosts with addresses of their own, as on a network: namespaces, a link, and a token."""

import json
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from tests.orchestration.clusters import JOIN, await_end, is_run, start_head, start_node, two_hosts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# What a program on one host finds out about a process in each place of a group that is spread over nodes.
SPREAD = """
import json, os, socket, sys

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster

class Worker:
    def listen(self):
        self.socket = socket.create_server((ray.util.get_node_ip_address(), 0))
        return self.socket.getsockname()

    def hears(self, address):
        with socket.create_connection(address, timeout=10) as caller:
            return caller.getpeername()[0], caller.getsockname()[0]

with ray_cluster(sys.argv[1]):
    nodes, _ = inspect_nodes()
    group = placement_group([{"CPU": 1}] * 2, strategy="STRICT_SPREAD")
    places = [PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=i) for i in range(2)]
    workers = [ray.remote(Worker).options(num_cpus=1, scheduling_strategy=place).remote() for place in places]
    addresses = ray.get([worker.listen.remote() for worker in workers])
    calls = [worker.hears.remote(address) for worker, address in zip(workers, reversed(addresses))]
    print(json.dumps({
        "nodes": {node.name: [node.address, node.cores] for node in nodes},
        "calls": ray.get(calls),
    }))
"""

# A gang with a worker on each host, for as many epochs as each run is to have, tried once; prints the epochs
# of each, then its status and error.
DRIVER = """
import sys
from pathlib import Path

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
    def epoch(self, run, epoch): print("epoch", epoch.epoch, flush=True)
    def finished(self, run, row): print(row["status"], row["error"], flush=True)

gang = {"strategy": "multi_worker_mirrored", "workers": 2, "placement": "spread", "cpus": 1}
datasets = {"digits": load("digits", None)}
with ray_cluster(sys.argv[1]):
    nodes, fingerprints = inspect_nodes()
    pool, cluster = RayPool(share(datasets)), Cluster(nodes, fingerprints, {})
    for epochs in map(int, sys.argv[3:]):
        scenario = Scenario(dataset="digits", hidden=[16], batch_size=5000, epochs=epochs, **gang)
        suite = Suite("suite", "A suite", Measure(rounds=1, retries=0), (Point("sweep", "a", scenario),), "")
        with Recorder.begin(Path(sys.argv[2]) / f"s{epochs}", f"s{epochs}", {}) as recorder:
            Session(suite, cluster, pool, recorder, Watcher(), Rules(lambda times: True, probe=False)).run()
"""
GONE_SECONDS = 120.0


@pytest.fixture(scope="module")
def hosts():
    """A head and another host, each with one CPU in a cluster that wants a token, and the link between."""
    with two_hosts() as (head, other, link):
        address = start_head(head, "--node-name", "head", "--num-cpus", 1, "--include-dashboard=false")
        start_node(other, address, "--node-name", "other", "--num-cpus", 1)
        yield SimpleNamespace(head=head, other=other, link=link, address=address)


def test_processes_on_two_hosts_reach_each_other(hosts, tmp_path):
    status, output = hosts.head.python(SPREAD, hosts.address, cwd=tmp_path)
    assert status == 0, output
    found = json.loads(output)
    assert {name: address for name, (address, _) in found["nodes"].items()} == {
        "head": "10.77.0.1",
        "other": "10.77.0.2",
    }
    assert sorted(found["calls"]) == [["10.77.0.1", "10.77.0.2"], ["10.77.0.2", "10.77.0.1"]]


def test_who_has_no_token_does_not_get_in(hosts, tmp_path):
    status, output = hosts.other.python(JOIN, hosts.address, cwd=tmp_path, without=["RAY_AUTH_MODE"])
    assert status == 1
    assert output.startswith(f"no Ray cluster at {hosts.address}: InvalidAuthToken")


def test_a_gang_trains_over_both_hosts_and_a_link_that_is_cut_ends_its_run_and_leaves_no_process(
    hosts, tmp_path
):
    driver = hosts.head.start(
        sys.executable, "-c", DRIVER, hosts.address, str(tmp_path), "2", "100000", cwd=tmp_path
    )
    told = []
    for line in driver.stdout:
        told.append(line)
        if told.count("epoch 2\n") == 2:
            break
    assert told[-4:] == ["epoch 2\n", "ok None\n", "epoch 1\n", "epoch 2\n"], "".join(told)
    hosts.link.cut()
    output, _ = driver.communicate(timeout=200)
    assert output.startswith("lost ") or "\nlost " in output, output
    await_end(runs_on(hosts.head))
    assert hosts.head.python(JOIN, hosts.address, cwd=tmp_path) == (0, "head\n")
    hosts.link.mend()
    until = time.monotonic() + GONE_SECONDS
    while left := runs_on(hosts.other):
        assert time.monotonic() < until, left
        psutil.wait_procs(left, timeout=0.5)


def runs_on(host):
    """The processes of runs there."""
    return [process for process in host.processes() if is_run(process)]
