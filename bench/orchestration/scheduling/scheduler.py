"""Which run goes where and when: the runs that wait, the processes that are open, and what is free."""

import datetime
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.orchestration.pool import Pool, WorkerId
from bench.orchestration.runs import Run
from bench.orchestration.scheduling.infeasible import infeasible
from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.order import Order
from bench.orchestration.scheduling.request import Allocation, Allocations, Node, Request, whole
from bench.records.probe import Moment

START_SECONDS = 300.0  # processes that have not imported TensorFlow and found each other by then never will
MOST_HOLDS = 8  # of runs that wait: those after them may be overtaken, and move up
Clock = Callable[[], float]


@dataclass
class Worker:
    """The processes of one run at a time: what they hold, and what they do."""

    allocations: Allocations
    request: Request
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
        return frozenset(allocation.node.node_id for allocation in self.allocations)


@dataclass(frozen=True)
class Dispatched:
    """What came of an attempt to start what waits: workers with a new run, and runs that no node can hold."""

    given: tuple[WorkerId, ...]
    lost: tuple[Run, ...]


@dataclass(frozen=True)
class _Reservation:
    """What a run waits for that comes before others, and when it is expected to be free (None: unknown)."""

    allocations: Allocations
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
        waiting, holds = deque[Run](), list[_Reservation]()
        given, lost, hopeless = list[WorkerId](), list[Run](), set[tuple[Request, int]]()
        while self.pending:
            run = self.pending.popleft()
            held = self._held_from(run, holds)
            alike = run.request, len(held)
            if alike in hopeless:
                waiting.append(run)
            elif (reused := self._reuse(run, held)) is not None:
                given.append(reused)
            elif self._open(run, held) or self._open_in_place_of_idle(run, held):
                continue
            elif self._dropped and infeasible(run.request, self._ledger.nodes.values()):
                lost.append(run)
            else:
                hopeless.add(alike)
                waiting.append(run)
                if len(holds) < MOST_HOLDS:
                    holds.append(
                        self._hold(run, [allocation for hold in holds for allocation in hold.allocations])
                    )
        self.pending = waiting
        return Dispatched(tuple(given), tuple(lost))

    def open_for_probe(self, node_ids: Collection[str], request: Request) -> WorkerId | None:
        """A new worker of `request` on just these nodes; None where there is no room for it on them."""
        others = [whole(node) for node_id, node in self._ledger.nodes.items() if node_id not in node_ids]
        return self._start(request, others, None)

    def close(self, worker_id: WorkerId) -> None:
        """End a worker's processes and free what they held."""
        worker = self.workers.pop(worker_id)
        self._ledger.give_back(worker.request, worker.allocations)
        self._pool.close(worker_id)

    def close_all(self) -> None:
        """End every process."""
        for worker_id in list(self.workers):
            self.close(worker_id)

    def drop(self, node_id: str) -> None:
        """Forget a node that died."""
        self._ledger.drop(node_id)
        self._dropped = True

    def _held_from(self, run: Run, holds: Iterable[_Reservation]) -> list[Allocation]:
        """What `run` may not have, since it would not be done when it is awaited."""
        seconds = self._order.expected(run)
        ends = self._clock() + seconds if seconds is not None else math.inf
        return [p for hold in holds if hold.until is None or ends > hold.until for p in hold.allocations]

    def _hold(self, run: Run, held: Sequence[Allocation]) -> _Reservation:
        """What `run` waits for, nothing of what is held for those before it."""
        if not self._order.knows:
            return _Reservation(self._ledger.awaited(run.request, held), None)
        imagined = self._ledger.copy()
        for worker in sorted(self.workers.values(), key=self._ends):
            imagined.give_back(worker.request, worker.allocations)
            allocations = imagined.take(run.request, held)
            if allocations:
                return _Reservation(
                    tuple(whole(p.node) for p in allocations) if run.request.exclusive else allocations,
                    self._ends(worker),
                )
        return _Reservation((), None)

    def _ends(self, worker: Worker) -> float:
        """When it is expected to be done."""
        seconds = self._order.expected(worker.run) if worker.run else 0.0
        return (worker.began or self._clock()) + (seconds or 0.0)

    def _reuse(self, run: Run, held: Sequence[Allocation]) -> WorkerId | None:
        """A worker of this round that is done with another scenario of the same needs."""
        for worker_id, worker in self.workers.items():
            if worker.idle and worker.request == run.request and not _overlap(worker.allocations, held):
                worker.run = run
                return worker_id
        return None

    def _open(self, run: Run, held: Sequence[Allocation]) -> bool:
        return self._start(run.request, held, run) is not None

    def _start(self, request: Request, held: Sequence[Allocation], run: Run | None) -> WorkerId | None:
        allocations = self._ledger.take(request, held)
        if allocations is None:
            return None
        worker_id = self._pool.open(allocations, request)
        self.workers[worker_id] = Worker(allocations, request, self._clock() + START_SECONDS, run)
        return worker_id

    def _open_in_place_of_idle(self, run: Run, held: Sequence[Allocation]) -> bool:
        """End idle workers of other needs until `run` finds a place; none of them where it would not."""
        idle = {i: w for i, w in self.workers.items() if w.idle and not _overlap(w.allocations, held)}
        imagined = self._ledger.copy()
        for worker in idle.values():
            imagined.give_back(worker.request, worker.allocations)
        if not imagined.take(run.request, held):
            return False
        one_of_it = replace(run.request, workers=1)
        for worker_id, worker in idle.items():
            if all(infeasible(one_of_it, [allocation.node]) for allocation in worker.allocations):
                continue
            self.close(worker_id)
            if self._open(run, held):
                return True
        return False


def _overlap(allocations: Allocations, held: Iterable[Allocation]) -> bool:
    """Whether any core or GPU of `allocations` is held."""
    return any(
        allocation.node == other.node
        and (set(allocation.cores) & set(other.cores) or set(allocation.gpus) & set(other.gpus))
        for other in held
        for allocation in allocations
    )
