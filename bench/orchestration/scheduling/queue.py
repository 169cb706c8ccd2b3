"""The runs that wait for a slot: a queue for each resource request, each in the order of their turns."""

import itertools
import math
from collections.abc import Iterable, Iterator, KeysView

from sortedcontainers import SortedList

from bench.orchestration.runs import Run
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.scheduling.request import Request

Turn = tuple[int, float, int, int]
"""Whose is less comes first, whatever its request: stage, rank in the stage, round, order in the round."""
AGAIN, ENDING = -1, 0
"""Stages: what was lost is tried again first of all. Each round is one, and all that is left near the end."""


class Queue:
    """Runs by request, each queue sorted by turn.

    Rounds follow each other, each in the order that `order` gave it. `near_end` has all that waits go longest
    first instead, by what earlier runs of the scenarios took: a long run begun last would be waited for.
    """

    def __init__(self, order: Order) -> None:
        self._order, self._ending, self._round = order, False, 0
        self._queues: dict[Request, SortedList] = {}
        self._on: dict[str | None, dict[Request, None]] = {}
        self._turns: dict[int, Turn] = {}  # by id: it must not change while a run waits
        self._since: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def requests(self) -> KeysView[Request]:
        """Those that runs wait with."""
        return self._queues.keys()

    def requests_on(self, node_ids: Iterable[str]) -> Iterator[Request]:
        """Those of them that could use what becomes free on these nodes."""
        return itertools.chain.from_iterable(self._on.get(node_id, ()) for node_id in (None, *node_ids))

    def rivals(self, request: Request) -> Iterable[Request]:
        """Those of them that could use what `request` could, itself included."""
        return self._queues.keys() if request.node_id is None else self.requests_on([request.node_id])

    def ahead_of(self, run: Run) -> Iterator[Run]:
        """The next run of each other request that wants the same nodes as `run`, if it comes before that."""
        firsts = [self._queues[rival][0] for rival in self.rivals(run.request)]
        before = sorted(entry for entry in firsts if entry[0] < self._turns[id(run)])
        return (first for *_, first in before if first.request != run.request)

    def add(self, run: Run, now: float) -> None:
        """`run` waits for its turn from now on; one that is tried again comes before all that is not."""
        queue = self._queues.get(run.request)
        if queue is None:
            queue = self._queues[run.request] = SortedList()
            self._on.setdefault(run.request.node_id, {})[run.request] = None
        self._turns[id(run)] = self._turn(run)
        self._since[id(run)] = now
        queue.add(self._entry(run))

    def remove(self, run: Run) -> float:
        """`run` waits no longer; gives since when it had."""
        queue = self._queues[run.request]
        queue.remove(self._entry(run))
        del self._turns[id(run)]
        if not queue:
            self._strike(run.request)
        return self._since.pop(id(run))

    def take_all(self, request: Request) -> list[Run]:
        """All that wait with `request`, which wait no longer."""
        found = [run for *_, run in self._queues.get(request, ())]
        for run in found:
            del self._turns[id(run)], self._since[id(run)]
        if found:
            self._strike(request)
        return found

    def turn(self, run: Run) -> Turn:
        """When it is that `run`, which waits, comes."""
        return self._turns[id(run)]

    def first(self, request: Request) -> Run | None:
        """Whose turn it is of those with `request`; None where there are none."""
        queue = self._queues.get(request)
        return queue[0][-1] if queue else None

    def turns(self, request: Request, most: int) -> Iterator[Run]:
        """The first `most` of those with `request`, in order. The queue must not change meanwhile."""
        return (run for *_, run in itertools.islice(self._queues.get(request, ()), most))

    def first_within(self, request: Request, seconds: float) -> Run | None:
        """The first of the stage that is next which is expected to take no longer.

        Of an order that knows; within a stage it has the longest first.
        """
        queue = self._queues[request]
        stage = queue[0][0][0]
        if stage == AGAIN:
            return None
        index = queue.bisect_left(((stage, -seconds, 0, 0),))
        if index == len(queue):
            return None
        turn, _, run = queue[index]
        return run if turn[0] == stage else None

    def sort_for(self, turn: Turn, near_end: bool) -> bool:
        """Sort all that waits anew where `turn` begins a round, by the times that are known by then.

        And where the end comes near, or where runs are added so that it does not any more. Gives whether
        turns have changed by that.
        """
        stage = turn[0]
        if near_end == self._ending and stage <= self._round:
            return False
        knows_more = self._order.knows or near_end != self._ending
        self._ending, self._round = near_end, max(stage, self._round)
        if not knows_more:
            return False
        for request, queue in self._queues.items():
            runs = [run for *_, run in queue]
            self._turns |= {id(run): self._turn(run) for run in runs}
            self._queues[request] = SortedList(map(self._entry, runs))
        return True

    def _strike(self, request: Request) -> None:
        """Nobody waits with it any more."""
        del self._queues[request], self._on[request.node_id][request]

    def _entry(self, run: Run) -> tuple[Turn, int, Run]:
        """Sorts by turn; runs themselves are never compared."""
        return self._turns[id(run)], id(run), run

    def _turn(self, run: Run) -> Turn:
        if run.attempt > 1:
            return AGAIN, 0.0, run.round, run.order
        expected = self._order.expected(run)
        if not self._ending:
            return run.round, -(expected or 0.0), 0, run.order
        length = self._order.earlier(run) if expected is None else expected
        return ENDING, -math.inf if length is None else -length, run.round, run.order
