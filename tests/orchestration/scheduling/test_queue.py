import itertools
from dataclasses import replace

import pytest

from bench.orchestration.runs import Run
from bench.orchestration.scheduling.policy import LongestFirst, Order
from bench.orchestration.scheduling.queue import Queue
from bench.orchestration.scheduling.request import Request
from bench.records.scenario import Scenario
from bench.records.suite import Point

ONE, TWO = Request("cpu", 1, 0, None), Request("cpu", 2, 0, None)
POINTS = [Point("s", label, Scenario(hidden=(8,), batch_size=100 + n)) for n, label in enumerate("abcd")]
SECONDS = {
    point.scenario.scenario_id: seconds for point, seconds in zip(POINTS, (1.0, 9.0, 3.0, 5.0), strict=True)
}


def runs(number, request=ONE):
    return [Run(point, number, order, request) for order, point in enumerate(POINTS, start=1)]


def taken(queue, request=ONE):
    """Labels with rounds, as their turns come."""
    found = []
    while run := queue.first(request):
        queue.sort_for(queue.turn(run), queue._ending)
        run = queue.first(request)
        found.append(f"{run.point.label}{run.round}")
        queue.remove(run)
    return " ".join(found)


@pytest.fixture
def queue():
    def make(order=None, rounds=(2, 1)):
        queue = Queue(order or Order())
        for run in [run for number in rounds for run in runs(number)]:
            queue.add(run, 7.0)
        return queue

    return make


def test_rounds_follow_each_other_each_in_its_order(queue):
    assert taken(queue()) == "a1 b1 c1 d1 a2 b2 c2 d2"


def test_the_longest_of_a_round_come_first_where_that_is_the_order(queue):
    assert taken(queue(LongestFirst(SECONDS))) == "b1 d1 c1 a1 b2 d2 c2 a2"


def test_near_the_end_rounds_are_one_by_what_earlier_ones_took(queue):
    order, ending = Order(), queue()
    ending._order = order
    for point in POINTS[:3]:
        order.taken(point.scenario, SECONDS[point.scenario.scenario_id])
    assert ending.sort_for(ending.turn(ending.first(ONE)), near_end=True)
    assert taken(ending) == "d1 d2 b1 b2 c1 c2 a1 a2"  # of d nobody knows


def test_a_round_goes_by_the_times_that_are_known_when_it_begins(queue):
    order = LongestFirst(SECONDS)
    waiting = queue(order, rounds=(1,))
    for run in runs(2):
        waiting.add(run, 0.0)
    order.taken(POINTS[0].scenario, 20.0)
    assert taken(waiting) == "a1 b1 d1 c1 a2 b2 d2 c2"


def test_what_is_tried_again_comes_before_all_else(queue):
    waiting = queue()
    again = replace(runs(2)[3], attempt=2)
    waiting.add(again, 0.0)
    assert waiting.first(ONE) is again


def test_each_request_has_a_queue_of_its_own(queue):
    waiting = queue(rounds=(1,))
    wide = runs(1, TWO)
    for run in wide:
        waiting.add(run, 0.0)
    assert (len(waiting), set(waiting.requests())) == (8, {ONE, TWO})
    assert waiting.take_all(TWO) == wide
    assert (len(waiting), waiting.first(TWO)) == (4, None)
    assert waiting.remove(waiting.first(ONE)) == 7.0


def test_what_comes_before_a_run_is_the_next_of_each_other_request_in_order(queue):
    waiting = queue(rounds=())
    three = replace(ONE, cpus=3)
    labelled = {ONE: runs(1)[1:], TWO: runs(1, TWO)[2:], three: runs(1, three)[:2]}
    for run in itertools.chain.from_iterable(labelled.values()):
        waiting.add(run, 0.0)
    firsts = {request: those[0] for request, those in labelled.items()}
    assert list(waiting.ahead_of(firsts[TWO])) == [firsts[three], firsts[ONE]]
    assert list(waiting.ahead_of(firsts[ONE])) == [firsts[three]]
    assert list(waiting.ahead_of(firsts[three])) == []


def test_what_must_be_on_one_node_and_on_another_are_no_rivals(queue):
    waiting = queue(rounds=())
    a, b = replace(ONE, node_id="a"), replace(ONE, node_id="b")
    for run in (runs(1, a)[0], runs(1, b)[1], runs(1, TWO)[2]):
        waiting.add(run, 0.0)
    assert set(waiting.rivals(a)) == {a, TWO}
    assert set(waiting.rivals(TWO)) == {a, b, TWO}
    assert set(waiting.requests_on(["b", "c"])) == {b, TWO}
    assert waiting.take_all(b)
    waiting.remove(waiting.first(TWO))
    assert set(waiting.requests_on(["a", "b"])) == {a}


def test_the_first_that_is_short_enough_is_found_within_its_stage(queue):
    waiting = queue(LongestFirst(SECONDS))
    assert waiting.first_within(ONE, 4.0).point.label == "c"
    assert waiting.first_within(ONE, 4.0).round == 1
    assert waiting.first_within(ONE, 0.5) is None
