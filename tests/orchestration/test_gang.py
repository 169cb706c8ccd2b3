from dataclasses import replace

import pytest

from bench.orchestration.gang import by_role, member, seats
from bench.orchestration.placement import Ledger, Need
from bench.training.member import Member

PARAMETER_SERVER = Need("cpu", 1, 0, None, strategy="parameter_server", workers=2, servers=1)
MIRRORED = replace(PARAMETER_SERVER, strategy="multi_worker_mirrored", servers=0)


def seated(need, nodes):
    """Role, index, node and cores of each process."""
    placed = seats(need, Ledger(nodes).take(need))
    return [(seat.role, seat.index, seat.place.node.name, seat.place.cores) for seat in placed]


class TestSeats:
    def test_one_process_is_a_worker(self, node):
        assert seated(Need("cpu", 2, 0, None), [node()]) == [("worker", 0, "n1", (0, 1))]

    def test_each_worker_has_its_place(self, node):
        assert seated(MIRRORED, [node()]) == [("worker", 0, "n1", (0,)), ("worker", 1, "n1", (1,))]

    def test_chief_and_servers_share_the_cores_of_the_workers_beside_them(self, node):
        need = replace(PARAMETER_SERVER, spread=True, servers=2)
        assert seated(need, [node("a"), node("b")]) == [
            ("chief", 0, "a", (0,)),
            ("worker", 0, "a", (0,)),
            ("worker", 1, "b", (0,)),
            ("ps", 0, "b", (0,)),
            ("ps", 1, "a", (0,)),
        ]

    def test_they_have_all_of_them(self, node):
        assert seated(PARAMETER_SERVER, [node()])[0] == ("chief", 0, "n1", (0, 1))

    def test_only_workers_see_gpus(self, node):
        need = replace(PARAMETER_SERVER, kind="gpu", gpus=1)
        placed = seats(need, Ledger([node(cores=4, gpus=2)]).take(need))
        assert [(seat.role, seat.kind(need), seat.place.gpus) for seat in placed] == [
            ("chief", "cpu", ()),
            ("worker", "gpu", (0,)),
            ("worker", "gpu", (1,)),
            ("ps", "cpu", ()),
        ]

    def test_each_sits_in_the_bundle_of_the_worker_beside_it(self, node):
        need = replace(PARAMETER_SERVER, spread=True, servers=3)
        placed = seats(need, Ledger([node("a"), node("b")]).take(need))
        bundles = {seat.bundle: seat.place.node.name for seat in placed}
        assert bundles == {0: "a", 1: "b"}
        assert all(bundles[seat.bundle] == seat.place.node.name for seat in placed)


def test_everyone_is_told_all_addresses(node):
    placed = seats(PARAMETER_SERVER, Ledger([node()]).take(PARAMETER_SERVER))
    addresses = by_role(placed, ["h:1", "h:2", "h:3", "h:4"])
    assert addresses == {"chief": ("h:1",), "worker": ("h:2", "h:3"), "ps": ("h:4",)}
    assert member(PARAMETER_SERVER, placed[2], addresses) == Member(
        "parameter_server", 1, "worker", 1, addresses
    )


@pytest.mark.parametrize("need", [MIRRORED, PARAMETER_SERVER])
def test_one_process_leads_and_comes_first(node, need):
    placed = seats(need, Ledger([node()]).take(need))
    assert [member(need, seat, {}).leads for seat in placed] == [True] + [False] * (len(placed) - 1)
