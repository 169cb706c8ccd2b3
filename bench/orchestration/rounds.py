"""Which runs a session has: every scenario once in every round, and on until its times are enough."""

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.orchestration.runs import Run
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.scheduling.request import Node, Request
from bench.records.measurement import Status
from bench.records.suite import Point, Suite

Settled = Callable[[Sequence[float]], bool]
"""Whether step times in seconds, one per run of a scenario on one machine, are enough of them."""


@dataclass(frozen=True)
class Left:
    """What a session still has: whether the nodes that are left could hold a request, and their machines."""

    holds: Callable[[Request], bool]
    machines: Callable[[], frozenset[str]]


@dataclass(slots=True)
class _Repetition:
    """A scenario so far: its last round, how many of its runs have not ended, and its step times.

    Those are by machine and, where it runs on each, by node. `barren` runs in a row gave none.
    """

    number: int
    point: Point
    round: int = 0
    missing: int = 0
    barren: int = 0
    step_seconds: dict[tuple[str | None, str | None], list[float]] = field(default_factory=dict)


class Rounds:
    """The runs of a suite, each scenario on each of `nodes`; on whichever will do where there are none.

    The first `[measure] rounds` of them are handed out whole. From there on each scenario goes on by itself,
    once all of its runs so far have ended, until `settled`.
    """

    def __init__(
        self,
        suite: Suite,
        nodes: Sequence[Node],
        request_of: Callable[[Point, Node | None], Request],
        order: Order,
        settled: Settled,
        session_id: str,
        left: Left,
    ) -> None:
        self._suite, self._measure, self._nodes = suite, suite.measure, tuple(nodes) or (None,)
        self._request_of, self._order, self._settled = request_of, order, settled
        self._session_id, self._left = session_id, left
        self._handed_out = 0
        self._known = {p.scenario.scenario_id: _Repetition(n, p) for n, p in enumerate(suite.points)}
        self._places: dict[int, array[int]] = {}
        self._beyond = (self._measure.least_rounds - self._measure.rounds) * self.size

    @property
    def more(self) -> bool:
        """Whether there is a round of all scenarios to come."""
        return self._handed_out < self._measure.rounds

    @property
    def size(self) -> int:
        """How many runs a round of all scenarios has."""
        return len(self._suite.points) * len(self._nodes)

    @property
    def least_to_come(self) -> int:
        """How many runs are to come beside those handed out, at least where times have to be precise."""
        return (self._measure.rounds - self._handed_out) * self.size + self._beyond

    def next(self) -> list[Run]:
        """The next round, whole and in its order."""
        self._handed_out += 1
        for known in self._known.values():
            known.round = self._handed_out
            known.missing += len(self._nodes)
        return self._ordered(self._handed_out)

    def ended(self, run: Run, status: Status, machine: str | None, step_seconds: float | None) -> list[Run]:
        """`run` has ended so; gives the runs that the scenario goes on with for that."""
        known = self._known[run.point.scenario.scenario_id]
        known.missing -= 1
        if self._measure.precision is None:
            return []
        known.barren += 1
        if status == "ok" and step_seconds is not None:
            known.barren = 0
            where = machine, run.node.name if run.node else None
            known.step_seconds.setdefault(where, []).append(step_seconds)
        if known.missing or self.more:
            return []
        runs = list(self._once_more(known)) if self._goes_on(known) else []
        self._count_down(known, goes_on=bool(runs))
        return runs

    def _goes_on(self, known: _Repetition) -> bool:
        """What gave no step time in the least number of rounds would give none in more.

        Of machines and nodes that were lost no more times are to be had.
        """
        fruitless = not known.step_seconds or known.barren >= self._measure.least_rounds * len(self._nodes)
        if known.round >= self._measure.most_rounds or fruitless:
            return False
        names = {node.name if node else None for node in self._nodes_left(known.point)}
        machines = self._left.machines()
        times = [
            times
            for (machine, name), times in known.step_seconds.items()
            if name in names and (machine is None or machine in machines)
        ]
        return bool(names) and not (times and all(map(self._settled, times)))

    def _ordered(self, number: int) -> list[Run]:
        """All of a round, each with its place in it."""
        runs = [self._run(point, node, number) for point in self._suite.points for node in self._nodes]
        ordered = self._order(runs, self._key(number))
        return [replace(run, order=place) for place, run in enumerate(ordered, start=1)]

    def _once_more(self, known: _Repetition) -> Iterator[Run]:
        known.round += 1
        for node, number in self._nodes_left(known.point).items():
            place = self._place(known.round, known.number * len(self._nodes) + number)
            known.missing += 1
            yield replace(self._run(known.point, node, known.round), order=place)

    def _nodes_left(self, point: Point) -> dict[Node | None, int]:
        """Those that could still hold a scenario, with their numbers among all."""
        nodes = enumerate(self._nodes)
        return {node: n for n, node in nodes if self._left.holds(self._request_of(point, node))}

    def _count_down(self, known: _Repetition, goes_on: bool) -> None:
        """What of the least number of rounds is no more to come."""
        least = self._measure.least_rounds
        missed = 1 if goes_on and known.round <= least else 0 if goes_on else max(least - known.round, 0)
        self._beyond -= missed * len(self._nodes)

    def _place(self, number: int, index: int) -> int:
        """Where the run of that index comes in a round's shuffle, from 1."""
        if number not in self._places:
            indices = list(range(self.size))
            random.Random(self._key(number)).shuffle(indices)
            places = array("l", bytes(len(indices) * array("l").itemsize))
            for place, shuffled in enumerate(indices, start=1):
                places[shuffled] = place
            self._places[number] = places
        return self._places[number][index]

    def _key(self, number: int) -> str:
        return f"{self._session_id}/{number}"

    def _run(self, point: Point, node: Node | None, number: int) -> Run:
        return Run(point, number, 0, self._request_of(point, node), node)
