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
from bench.orchestration.scheduling.queue import Turn
from bench.orchestration.scheduling.request import Allocation, Allocations, Request, whole
from bench.orchestration.scheduling.slots import Slot

MOST_RESERVATIONS = 8
"""Of runs that wait: those after them may be overtaken, and move up."""


@dataclass(frozen=True)
class _Reservation:
    """What the run of a turn waits for, and when that is expected to be free (None: nobody knows)."""

    turn: Turn
    allocations: Allocations
    until: float | None


class Reservations:
    """One for the next run of each request, in the order of their turns, beside those before it.

    Where `order` knows how long runs take, that is the very cores that will be free soonest, else nodes as a
    whole, those with the most free now.
    """

    def __init__(self, ledger: Ledger, order: Order, clock: Callable[[], float]) -> None:
        self._ledger, self._order, self._clock = ledger, order, clock
        self._known: dict[Request, _Reservation] = {}
        self._running, self._end = SortedList(), dict[SlotId, float]()

    def held_from(self, run: Run, turn: Turn) -> list[Allocation]:
        """What `run` may not have, since it is awaited and `run` would not be done by then."""
        if not self._known:
            return []
        seconds = self._order.expected(run)
        ends = self._clock() + seconds if seconds is not None else math.inf
        return [
            allocation
            for request, reserved in self._known.items()
            if request != run.request
            and reserved.turn < turn
            and (reserved.until is None or ends > reserved.until)
            for allocation in reserved.allocations
        ]

    def until(self, allocations: Allocations) -> float | None:
        """Until when nobody they are kept for can have these anyway; None where nobody knows."""
        untils = [r.until for r in self._known.values() if overlap(allocations, r.allocations)]
        return None if None in untils else min((until for until in untils if until is not None), default=None)

    def began(self, slot: Slot, run: Run) -> None:
        """`slot` has `run` from now on, until that is `over`."""
        if self._order.knows:
            self._end[slot.slot_id] = end = self._clock() + (self._order.expected(run) or 0.0)
            self._running.add((end, slot.slot_id, slot))

    def over(self, slot: Slot) -> None:
        """It has no run any more."""
        end = self._end.pop(slot.slot_id, None)
        if end is not None:
            self._running.remove((end, slot.slot_id, slot))

    def keep(self, run: Run, turn: Turn, idle: Sequence[Slot]) -> None:
        """What `run` waits for is kept from those after it; `idle` are the open slots without a run."""
        known = self._known.get(run.request)
        if known and known.turn == turn and (known.until is None or known.until > self._clock()):
            return
        if known or len(self._known) < MOST_RESERVATIONS:
            held = [a for before in self._known.values() if before.turn < turn for a in before.allocations]
            self._known[run.request] = self._made(run, turn, held, idle)

    def settle(self, request: Request) -> None:
        """What a run of `request` waited for it has; those after it may have chosen otherwise for that."""
        mine = self._known.pop(request, None)
        if mine is not None:
            self._known = {other: r for other, r in self._known.items() if r.turn < mine.turn}

    def clear(self) -> None:
        """Nothing is kept any more."""
        self._known.clear()

    def _made(self, run: Run, turn: Turn, held: Sequence[Allocation], idle: Sequence[Slot]) -> _Reservation:
        """Nothing of what is `held` for those before it."""
        if not self._order.knows:
            return _Reservation(turn, self._ledger.awaited(run.request, held), None)
        by_end = itertools.chain(idle, (slot for _, _, slot in self._running))
        found = self._ledger.first_fit(run.request, ((s.request, s.allocations) for s in by_end), held)
        if found is None:
            return _Reservation(turn, (), None)
        number, allocations = found
        until = self._running[number - len(idle) - 1][0] if number > len(idle) else self._clock()
        kept = tuple(whole(a.node) for a in allocations) if run.request.exclusive else allocations
        return _Reservation(turn, kept, until)


def overlap(allocations: Allocations, held: Iterable[Allocation]) -> bool:
    """Whether any core or GPU of `allocations` is held."""
    return any(
        allocation.node.node_id == other.node.node_id
        and (allocation.core_mask & other.core_mask or allocation.gpu_mask & other.gpu_mask)
        for other in held
        for allocation in allocations
    )
