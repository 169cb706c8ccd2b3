"""Which run goes where and when: the runs that wait, the processes that are open, and what is free."""

import datetime
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.orchestration.order import Order
from bench.orchestration.placement import Ledger, Need, Node, Place, Places, infeasible, whole
from bench.orchestration.pool import Pool, WorkerId
from bench.orchestration.runs import Run
from bench.records.probe import Moment

START_SECONDS = 300.0  # processes that have not imported TensorFlow and found each other by then never will
MOST_HOLDS = 8  # of runs that wait: those after them may be overtaken, and move up
Clock = Callable[[], float]


@dataclass
class Worker:
    """The processes of one run at a time: what they hold, and what they do."""

    places: Places
    need: Need
    deadline: float
    run: Run | None
    ready: bool = False
    probing: Moment | None = None
    began: float | None = None
    started_at: datetime.datetime | None = None
    queue_seconds: float | None = None

    @property
    def busy(self) -> bool:
        """Whether something is awaited from it."""
        return self.run is not None or self.probing is not None

    @property
    def idle(self) -> bool:
        """Whether it could take a run."""
        return self.ready and not self.busy

    @property
    def node_ids(self) -> frozenset[str]:
        """The nodes that it is on."""
        return frozenset(place.node.node_id for place in self.places)


@dataclass(frozen=True)
class Dispatched:
    """What came of an attempt to start what waits: workers with a new run, and runs that no node can hold."""

    given: tuple[WorkerId, ...]
    lost: tuple[Run, ...]


@dataclass(frozen=True)
class _Hold:
    """What a run waits for that comes before others, and when it is expected to be free (None: unknown)."""

    places: Places
    until: float | None


class Dispatcher:
    """Starts what fits, in order. Nothing overtakes a run on what it waits for.

    Where `expected` knows how long runs take, that is the very cores that will be free soonest, and whoever
    will be done before that may have them meanwhile (backfilling: Lifka 1995, doi:10.1007/3-540-60153-8_35).
    """

    def __init__(self, nodes: Iterable[Node], pool: Pool, clock: Clock, order: Order) -> None:
        self._ledger, self._pool, self._clock = Ledger(nodes, order.knows), pool, clock
        self._order, self._dropped = order, False
        self.pending: deque[Run] = deque()
        self.workers: dict[WorkerId, Worker] = {}

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes that are left, by id."""
        return self._ledger.nodes

    def dispatch(self) -> Dispatched:
        """Give pending runs to idle workers of equal needs, or to new ones where there is room."""
        waiting, holds = deque[Run](), list[_Hold]()
        given, lost, hopeless = list[WorkerId](), list[Run](), set[tuple[Need, int]]()
        while self.pending:
            run = self.pending.popleft()
            held = self._held_from(run, holds)
            alike = run.need, len(held)
            if alike in hopeless:
                waiting.append(run)
            elif (reused := self._reuse(run, held)) is not None:
                given.append(reused)
            elif self._open(run, held) or self._open_in_place_of_idle(run, held):
                continue
            elif self._dropped and infeasible(run.need, self._ledger.nodes.values()):
                lost.append(run)
            else:
                hopeless.add(alike)
                waiting.append(run)
                if len(holds) < MOST_HOLDS:
                    holds.append(self._hold(run, [place for hold in holds for place in hold.places]))
        self.pending = waiting
        return Dispatched(tuple(given), tuple(lost))

    def open_for_probe(self, node_ids: Collection[str], need: Need) -> WorkerId | None:
        """A new worker of `need` on just these nodes; None where there is no room for it on them."""
        others = [whole(node) for node_id, node in self._ledger.nodes.items() if node_id not in node_ids]
        return self._start(need, others, None)

    def close(self, worker_id: WorkerId) -> None:
        """End a worker's processes and free what they held."""
        worker = self.workers.pop(worker_id)
        self._ledger.give_back(worker.need, worker.places)
        self._pool.close(worker_id)

    def close_all(self) -> None:
        """End every process."""
        for worker_id in list(self.workers):
            self.close(worker_id)

    def drop(self, node_id: str) -> None:
        """Forget a node that died."""
        self._ledger.drop(node_id)
        self._dropped = True

    def _held_from(self, run: Run, holds: Iterable[_Hold]) -> list[Place]:
        """What `run` may not have, since it would not be done when it is awaited."""
        seconds = self._order.expected(run)
        ends = self._clock() + seconds if seconds is not None else math.inf
        return [p for hold in holds if hold.until is None or ends > hold.until for p in hold.places]

    def _hold(self, run: Run, held: Sequence[Place]) -> _Hold:
        """What `run` waits for, nothing of what is held for those before it."""
        if not self._order.knows:
            return _Hold(self._ledger.awaited(run.need, held), None)
        imagined = self._ledger.copy()
        for worker in sorted(self.workers.values(), key=self._ends):
            imagined.give_back(worker.need, worker.places)
            places = imagined.take(run.need, held)
            if places:
                return _Hold(
                    tuple(whole(p.node) for p in places) if run.need.exclusive else places, self._ends(worker)
                )
        return _Hold((), None)

    def _ends(self, worker: Worker) -> float:
        """When it is expected to be done."""
        seconds = self._order.expected(worker.run) if worker.run else 0.0
        return (worker.began or self._clock()) + (seconds or 0.0)

    def _reuse(self, run: Run, held: Sequence[Place]) -> WorkerId | None:
        """A worker of this round that is done with another scenario of the same needs."""
        for worker_id, worker in self.workers.items():
            if worker.idle and worker.need == run.need and not _overlap(worker.places, held):
                worker.run = run
                return worker_id
        return None

    def _open(self, run: Run, held: Sequence[Place]) -> bool:
        return self._start(run.need, held, run) is not None

    def _start(self, need: Need, held: Sequence[Place], run: Run | None) -> WorkerId | None:
        places = self._ledger.take(need, held)
        if places is None:
            return None
        worker_id = self._pool.open(places, need)
        self.workers[worker_id] = Worker(places, need, self._clock() + START_SECONDS, run)
        return worker_id

    def _open_in_place_of_idle(self, run: Run, held: Sequence[Place]) -> bool:
        """End idle workers of other needs until `run` finds a place; none of them where it would not."""
        idle = {i: w for i, w in self.workers.items() if w.idle and not _overlap(w.places, held)}
        imagined = self._ledger.copy()
        for worker in idle.values():
            imagined.give_back(worker.need, worker.places)
        if not imagined.take(run.need, held):
            return False
        one_of_it = replace(run.need, workers=1)
        for worker_id, worker in idle.items():
            if all(infeasible(one_of_it, [place.node]) for place in worker.places):
                continue
            self.close(worker_id)
            if self._open(run, held):
                return True
        return False


def _overlap(places: Places, held: Iterable[Place]) -> bool:
    """Whether any core or GPU of `places` is held."""
    return any(
        place.node == other.node
        and (set(place.cores) & set(other.cores) or set(place.gpus) & set(other.gpus))
        for other in held
        for place in places
    )
