"""Whoever is next in turn is not kept waiting by those after it, whatever they could have meanwhile."""

import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.orchestration.runs import Run
from bench.orchestration.scheduling.policy import LongestFirst, Order
from bench.orchestration.scheduling.request import Node, Request
from bench.orchestration.scheduling.scheduler import Scheduler
from bench.orchestration.scheduling.slots import State
from bench.records.scenario import Scenario
from bench.records.suite import Point

REQUESTS = [
    Request("cpu", 1, 0, None),
    Request("cpu", 2, 0, None),
    Request("cpu", None, 0, None),
    Request("cpu", 1, 0, None, strategy="multi_worker_mirrored", workers=3),
    Request("cpu", 1, 0, None, strategy="multi_worker_mirrored", workers=2, spread=True),
    Request("cpu", 1, 0, None, strategy="multi_worker_mirrored", workers=5),
]
POINTS = [Point("s", f"r{n}", Scenario(hidden=(8,), batch_size=100 + n)) for n in range(60)]
NODES = [Node(f"n{number}", f"n{number}", tuple(range(cores))) for number, cores in enumerate((4, 4, 2))]


class Slots:
    """A pool of slots that are open at once."""

    def __init__(self):
        self._numbers = itertools.count()

    def open(self, *_):
        return next(self._numbers)

    def close(self, _slot):
        pass


class Simulation:
    """Runs of these `requests` that take as many `seconds`, given to whatever is free."""

    def __init__(self, requests, seconds, order, nodes=NODES):
        self.now, self.started, self._ends, self._numbers = 0.0, {}, [], itertools.count()
        self.runs = [Run(p, 1, n, r) for n, (p, r) in enumerate(zip(POINTS, requests, strict=False))]
        self._seconds = dict(zip(map(id, self.runs), seconds, strict=True))
        self.scheduler = Scheduler(nodes, Slots(), lambda: self.now, order)
        for run in self.runs:
            self.scheduler.add(run)
        self._dispatch()

    @property
    def next_in_turn(self):
        queue = self.scheduler.queue
        return min((queue.first(request) for request in queue.requests()), key=queue.turn, default=None)

    @property
    def running(self):
        """When each slot that has a run is free again, and the slot; by that time."""
        return [(at, slot) for at, _, slot in sorted(self._ends)]

    def step(self):
        """On to the next end of a run; gives whether there was one."""
        if not self._ends:
            return False
        self.now = self._ends[0][0]
        free = []
        while self._ends and self._ends[0][0] == self.now:
            free.append(heapq.heappop(self._ends)[2])
            self.scheduler.let_go(free[-1])
        for slot in free:
            self.scheduler.release(slot)
        self._dispatch()
        return True

    def _dispatch(self):
        done = self.scheduler.dispatch()
        for slot in (*done.given, *done.opened):
            slot.state = State.RUNNING
            self.started[id(slot.run)] = self.now
            heapq.heappush(self._ends, (self.now + self._seconds[id(slot.run)], next(self._numbers), slot))


def made(random, knows):
    """Some sixty runs, of which the longest take thirty times as long as the shortest."""
    requests = [random.choice(REQUESTS) for _ in POINTS]
    seconds = [float(random.randint(1, 30)) for _ in POINTS]
    ids = [point.scenario.scenario_id for point in POINTS]
    order = LongestFirst(dict(zip(ids, seconds, strict=True))) if knows else Order()
    return Simulation(requests, seconds, order)


def fits_at(simulation, run):
    """When there is room for `run`, did nobody else start."""
    scheduler, running = simulation.scheduler, simulation.running
    idle = [(simulation.now, slot) for slot in scheduler.slots.values() if slot.run is None]
    free_again = [*idle, *running]
    releases = [(slot.request, slot.allocations) for _, slot in free_again]
    number, _ = scheduler._ledger.first_fit(run.request, releases)
    return max([simulation.now, *(at for at, _ in free_again[:number])])


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=True))
def test_where_times_are_known_it_starts_as_soon_as_if_nobody_came_after_it(random):
    simulation, promised = made(random, knows=True), {}
    while (run := simulation.next_in_turn) is not None:
        promised.setdefault(id(run), fits_at(simulation, run))
        assert simulation.step()
    while simulation.step():
        pass
    assert len(simulation.started) == len(POINTS)
    assert all(simulation.started[run] <= at for run, at in promised.items())


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=True))
def test_where_they_are_not_it_starts_once_all_that_ran_before_it_was_next_are_over(random):
    simulation, promised = made(random, knows=False), {}
    while (run := simulation.next_in_turn) is not None:
        promised.setdefault(id(run), max(at for at, _ in simulation.running))
        assert simulation.step()
    while simulation.step():
        pass
    assert len(simulation.started) == len(POINTS)
    assert all(simulation.started[run] <= at for run, at in promised.items())


@pytest.mark.parametrize("knows", [False, True])
def test_nothing_is_reserved_while_nobody_could_have_anything(knows):
    """Each node is taken whole: whoever is next has it, and nobody else asks."""
    requests = [REQUESTS[2]] * 9 + [REQUESTS[1]] * 3
    seconds = [20.0 - n for n in range(12)]
    ids = [point.scenario.scenario_id for point in POINTS]
    known = LongestFirst(dict(zip(ids, seconds, strict=False)))
    simulation = Simulation(requests, seconds, known if knows else Order(), NODES[:1])
    for _ in range(8):
        assert not simulation.scheduler._reservations._known
        assert simulation.step()
    assert len(simulation.started) == 9
