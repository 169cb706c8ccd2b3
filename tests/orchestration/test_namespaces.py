"""A cluster of two hosts with addresses of their own, as on a network: namespaces, a link, and a token."""

import json
from types import SimpleNamespace

import pytest

from tests.orchestration.clusters import JOIN, start_head, start_node, two_hosts

pytestmark = pytest.mark.slow

# What a program on one host finds out about a process in each place of a group that is spread over nodes.
SPREAD = """
import json, os, socket, sys

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from bench.orchestration.ray_cluster import inspect_nodes, ray_cluster

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


def test_a_host_whose_link_is_cut_is_left_out(hosts, tmp_path):
    hosts.link.cut()
    assert hosts.head.python(JOIN, hosts.address, cwd=tmp_path) == (0, "head\n")
