from dataclasses import replace

from bench.orchestration.scheduling.request import Allocation, Node, Request
from bench.orchestration.scheduling.slots import Deadlines, IdleSlots, Slot

A, B = (Node(name, name, (0, 1, 2, 3), 2) for name in "ab")
ONE = Request("cpu", 1, 0, None)


def test_the_last_deadline_of_each_counts():
    deadlines = Deadlines()
    for slot, at in ((1, 5.0), (2, 3.0), (1, 9.0), (3, 4.0)):
        deadlines.set(slot, at)
    deadlines.clear(3)
    assert deadlines.next() == 3.0
    assert deadlines.passed(8.0) == [2]
    assert deadlines.next() == 9.0
    assert deadlines.passed(8.9) == []
    assert deadlines.passed(9.0) == [1]
    assert deadlines.next() is None
    assert deadlines.passed(100.0) == []


class TestIdleSlots:
    def test_they_are_found_by_request_and_by_node(self):
        idle, pair = IdleSlots(), replace(ONE, workers=2)
        single = Slot(1, (Allocation(A, (0,)),), ONE, None)
        gang = Slot(2, (Allocation(A, (1, 2), (0,)), Allocation(B, (0, 1), (1,))), pair, None)
        idle.add(single)
        idle.add(gang)
        assert (list(idle.of(ONE)), list(idle.of(pair))) == ([single], [gang])
        assert (list(idle.on("a")), list(idle.on("b")), list(idle.on("c"))) == ([single, gang], [gang], [])
        assert list(idle.on(None)) == [single, gang]
        assert [idle.held_on(node) for node in ("a", "b", None)] == [(3, 1), (2, 1), (5, 2)]

    def test_one_that_is_taken_is_idle_no_more(self):
        idle, slot = IdleSlots(), Slot(1, (Allocation(A, (0,)),), ONE, None)
        idle.add(slot)
        idle.remove(slot)
        idle.remove(slot)
        assert not [*idle.of(ONE), *idle.on("a"), *idle.on(None)]
        assert idle.held_on("a") == idle.held_on(None) == (0, 0)

    def test_one_that_has_its_node_to_itself_holds_all_of_it(self):
        idle = IdleSlots()
        idle.add(Slot(1, (Allocation(A, (0,)),), replace(ONE, exclusive=True), None))
        assert idle.held_on("a") == (4, 2)
