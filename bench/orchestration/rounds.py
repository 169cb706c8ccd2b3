"""Which runs a session has: every scenario once in every round, and on until its times are enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from bench.orchestration.runs import Run
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.scheduling.request import Node, Request
from bench.records.measurement import Status
from bench.records.suite import Point, Suite

Settled = Callable[[Sequence[float]], bool]
"""Whether step times in seconds, one per run of a scenario on one machine, are enough of them."""


@dataclass(slots=True)
class _Repetition:
    """A scenario so far: its last round, how many of its runs have not ended, and its step times by place."""

    point: Point
    round: int = 0
    missing: int = 0
    step_seconds: dict[object, list[float]] = field(default_factory=dict)


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
    ) -> None:
        self._suite, self._measure, self._nodes = suite, suite.measure, tuple(nodes) or (None,)
        self._request_of, self._order, self._settled = request_of, order, settled
        self._session_id = session_id
        self._handed_out = 0
        self._known = {p.scenario.scenario_id: _Repetition(p) for p in suite.points}
        self._places = lru_cache(maxsize=4)(self._places_in)

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
        return max(self._measure.least_rounds - self._handed_out, 0) * self.size

    def next(self) -> list[Run]:
        """The next round, whole and in its order."""
        self._handed_out += 1
        for repetition in self._known.values():
            repetition.round = self._handed_out
            repetition.missing += len(self._nodes)
        return self._ordered(self._handed_out)

    def ended(self, run: Run, status: Status, machine: str | None, step_seconds: float | None) -> list[Run]:
        """`run` has ended so; gives the runs that the scenario goes on with for that."""
        known = self._known[run.point.scenario.scenario_id]
        known.missing -= 1
        if self._measure.precision is None:
            return []
        if status == "ok" and step_seconds is not None:
            where = machine, run.node and run.node.name
            known.step_seconds.setdefault(where, []).append(step_seconds)
        return [] if known.missing or self.more or not self._goes_on(known) else self._once_more(known)

    def _goes_on(self, known: _Repetition) -> bool:
        """What gave no step time in the least number of rounds would give none in more."""
        if known.round >= self._measure.most_rounds or not known.step_seconds:
            return False
        return not all(map(self._settled, known.step_seconds.values()))

    def _once_more(self, known: _Repetition) -> list[Run]:
        known.round += 1
        known.missing = len(self._nodes)
        runs = [self._run(known.point, node, known.round) for node in self._nodes]
        places = self._places(known.round)
        return [replace(run, order=places[run.key]) for run in runs]

    def _ordered(self, number: int) -> list[Run]:
        """All of a round, each with its place in it."""
        runs = [self._run(point, node, number) for point in self._suite.points for node in self._nodes]
        ordered = self._order(runs, f"{self._session_id}/{number}")
        return [replace(run, order=place) for place, run in enumerate(ordered, start=1)]

    def _places_in(self, number: int) -> dict[str, int]:
        return {run.key: run.order for run in self._ordered(number)}

    def _run(self, point: Point, node: Node | None, number: int) -> Run:
        return Run(point, number, 0, self._request_of(point, node), node)
