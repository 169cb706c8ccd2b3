from dataclasses import replace

import pytest

from bench.orchestration.processes.group import by_task_type, role, specs
from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.request import Request
from bench.training.role import Role

PARAMETER_SERVER = Request("cpu", 1, 0, None, strategy="parameter_server", workers=2, servers=1)
MIRRORED = replace(PARAMETER_SERVER, strategy="multi_worker_mirrored", servers=0)


def specified(request, nodes):
    """Role, index, node and cores of each process."""
    placed = specs(request, Ledger(nodes).take(request))
    return [(spec.task_type, spec.index, spec.allocation.node.name, spec.allocation.cores) for spec in placed]


class TestSpecs:
    def test_one_process_is_a_worker(self, node):
        assert specified(Request("cpu", 2, 0, None), [node()]) == [("worker", 0, "n1", (0, 1))]

    def test_each_worker_has_its_place(self, node):
        assert specified(MIRRORED, [node()]) == [("worker", 0, "n1", (0,)), ("worker", 1, "n1", (1,))]

    def test_chief_and_servers_share_the_cores_of_the_workers_beside_them(self, node):
        request = replace(PARAMETER_SERVER, spread=True, servers=2)
        assert specified(request, [node("a"), node("b")]) == [
            ("chief", 0, "a", (0,)),
            ("worker", 0, "a", (0,)),
            ("worker", 1, "b", (0,)),
            ("ps", 0, "b", (0,)),
            ("ps", 1, "a", (0,)),
        ]

    def test_they_have_all_of_them(self, node):
        assert specified(PARAMETER_SERVER, [node()])[0] == ("chief", 0, "n1", (0, 1))

    def test_only_workers_see_gpus(self, node):
        request = replace(PARAMETER_SERVER, kind="gpu", gpus=1)
        placed = specs(request, Ledger([node(cores=4, gpus=2)]).take(request))
        assert [(spec.task_type, spec.kind(request), spec.allocation.gpus) for spec in placed] == [
            ("chief", "cpu", ()),
            ("worker", "gpu", (0,)),
            ("worker", "gpu", (1,)),
            ("ps", "cpu", ()),
        ]

    def test_each_sits_in_the_bundle_of_the_worker_beside_it(self, node):
        request = replace(PARAMETER_SERVER, spread=True, servers=3)
        placed = specs(request, Ledger([node("a"), node("b")]).take(request))
        bundles = {spec.bundle: spec.allocation.node.name for spec in placed}
        assert bundles == {0: "a", 1: "b"}
        assert all(bundles[spec.bundle] == spec.allocation.node.name for spec in placed)


def test_everyone_is_told_all_addresses(node):
    placed = specs(PARAMETER_SERVER, Ledger([node()]).take(PARAMETER_SERVER))
    addresses = by_task_type(placed, ["h:1", "h:2", "h:3", "h:4"])
    assert addresses == {"chief": ("h:1",), "worker": ("h:2", "h:3"), "ps": ("h:4",)}
    assert role(PARAMETER_SERVER, placed[2], addresses) == Role("parameter_server", 1, "worker", 1, addresses)


@pytest.mark.parametrize("wanted", [MIRRORED, PARAMETER_SERVER])
def test_one_process_leads_and_comes_first(node, wanted):
    placed = specs(wanted, Ledger([node()]).take(wanted))
    assert [role(wanted, spec, {}).leads for spec in placed] == [True] + [False] * (len(placed) - 1)
