"""What runs that wait for much are kept, so that those that want less do not have it one after the other."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sortedcontainers import SortedList

from bench.orchestration.pool import SlotId
from bench.orchestration.runs import Run
from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.scheduling.queue import Queue, Turn
from bench.orchestration.scheduling.request import Allocation, Allocations, Request, whole
from bench.orchestration.scheduling.slots import IdleSlots, Slot

MOST_RESERVATIONS = 8
"""Of runs that wait: those after them may be overtaken, and move up."""


@dataclass(frozen=True)
class _Reservation:
    """What the run of a turn waits for, and when that is expected to be free (None: nobody knows)."""

    turn: Turn
    allocations: Allocations
    until: float | None


class Reservations:
    """One for the next run of each request, beside those before it in the order of their turns.

    It is made once somebody after that run could have something that is free: nobody asks before. Where
    `order` knows how long runs take, it is the very cores that will be free soonest, else nodes as a whole,
    those with the most free then.
    """

    def __init__(
        self, ledger: Ledger, queue: Queue, idle: IdleSlots, order: Order, clock: Callable[[], float]
    ) -> None:
        self._ledger, self._queue, self._idle, self._order, self._clock = ledger, queue, idle, order, clock
        self._known: dict[Request, _Reservation] = {}
        self._running, self._end = SortedList(), dict[SlotId, float]()

    def held_from(self, run: Run, ahead: Iterable[Run]) -> list[Allocation]:
        """What `run` may not have, since some of those `ahead` await it and `run` would not be done by then.

        Those `ahead` wait, too, and come before it, in this order.
        """
        seconds = self._order.expected(run)
        ends = self._clock() + seconds if seconds is not None else math.inf
        kept, held = list[Allocation](), list[Allocation]()
        for other in itertools.islice(ahead, MOST_RESERVATIONS):
            reserved = self._of(other, kept)
            kept += reserved.allocations
            if reserved.until is None or ends > reserved.until:
                held += reserved.allocations
        return held

    def until(self, request: Request, allocations: Allocations) -> float | None:
        """Until when nobody they are kept for can have these anyway; None where nobody knows.

        `request` is that of whoever wants them meanwhile.
        """
        rivals = (self._known.get(rival) for rival in self._queue.rivals(request))
        untils = [r.until for r in rivals if r and overlap(allocations, r.allocations)]
        return None if None in untils else min((until for until in untils if until is not None), default=None)

    def began(self, slot: Slot, run: Run, turn: Turn) -> None:
        """`slot` has `run`, whose `turn` it was, from now on, until that is `over`.

        What it waited for it has; those after it may choose otherwise for that.
        """
        self._known.pop(run.request, None)
        self._forget_after(turn, run.request)
        if self._order.knows:
            self._end[slot.slot_id] = end = self._clock() + (self._order.expected(run) or 0.0)
            self._running.add((end, slot.slot_id, slot))

    def over(self, slot: Slot) -> None:
        """It has no run any more."""
        end = self._end.pop(slot.slot_id, None)
        if end is not None:
            self._running.remove((end, slot.slot_id, slot))

    def clear(self) -> None:
        """Nothing is kept any more."""
        self._known.clear()

    def _of(self, run: Run, kept: Sequence[Allocation]) -> _Reservation:
        """For `run`, which waits: nothing of what is `kept` for those before it."""
        known, turn = self._known.get(run.request), self._queue.turn(run)
        if known and known.turn == turn and (known.until is None or known.until > self._clock()):
            return known
        self._forget_after(turn, run.request)
        self._known[run.request] = made = self._made(run, turn, kept)
        return made

    def _forget_after(self, turn: Turn, request: Request) -> None:
        """What those chose that come later and want the same nodes."""
        if self._known:
            for rival in self._queue.rivals(request):
                known = self._known.get(rival)
                if known and known.turn > turn:
                    del self._known[rival]

    def _made(self, run: Run, turn: Turn, kept: Sequence[Allocation]) -> _Reservation:
        if not self._order.knows:
            return _Reservation(turn, self._ledger.awaited(run.request, kept), None)
        idle = list(self._idle.on(run.request.node_id))
        by_end = itertools.chain(idle, (slot for _, _, slot in self._running))
        found = self._ledger.first_fit(run.request, ((s.request, s.allocations) for s in by_end), kept)
        if found is None:
            return _Reservation(turn, (), None)
        number, allocations = found
        until = self._running[number - len(idle) - 1][0] if number > len(idle) else self._clock()
        mine = tuple(whole(a.node) for a in allocations) if run.request.exclusive else allocations
        return _Reservation(turn, mine, until)


def overlap(allocations: Allocations, held: Iterable[Allocation]) -> bool:
    """Whether any core or GPU of `allocations` is held."""
    return any(
        allocation.node.node_id == other.node.node_id
        and (allocation.core_mask & other.core_mask or allocation.gpu_mask & other.gpu_mask)
        for other in held
        for allocation in allocations
    )
