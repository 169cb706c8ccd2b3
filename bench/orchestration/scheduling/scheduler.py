"""Which run goes where and when: the runs that wait, the slots that are open, and what is free."""

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.orchestration.pool import Pool, SlotId
from bench.orchestration.runs import Run
from bench.orchestration.scheduling.infeasible import infeasible
from bench.orchestration.scheduling.ledger import Ledger
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.scheduling.queue import Queue, Turn
from bench.orchestration.scheduling.request import Allocation, Allocations, Node, Request, whole
from bench.orchestration.scheduling.reservations import Reservations, overlap
from bench.orchestration.scheduling.slots import IdleSlots, Slot, State
from bench.orchestration.scheduling.twins import Twins

MOST_PASSED = 4096
"""Runs whose twins are at work are passed over, so many at most for one slot."""
Clock = Callable[[], float]


@dataclass(frozen=True)
class Dispatched:
    """What came of an attempt to start what waits.

    Slots that were open and have a run now, slots that were opened for one, and runs that no node can hold.
    """

    given: tuple[Slot, ...]
    opened: tuple[Slot, ...]
    lost: tuple[Run, ...]


class Scheduler:
    """Starts what fits, in order. Nothing overtakes a run on what it waits for.

    Where `order` knows how long runs take, whoever will be done before others can have what they wait for may
    have it meanwhile (backfilling: Lifka 1995, doi:10.1007/3-540-60153-8_35).

    What an attempt costs does not depend on how much waits: runs of equal requests wait in a queue of their
    own, of which only the first is tried, and only where something became free that it could have.
    """

    def __init__(
        self, nodes: Iterable[Node], pool: Pool, clock: Clock, order: Order, twins_together: bool = False
    ) -> None:
        """With `twins_together` a node may run several rounds of one scenario at once."""
        self._ledger, self._pool, self._clock, self._order = Ledger(nodes, order.knows), pool, clock, order
        self.queue = Queue(order)
        self.slots: dict[SlotId, Slot] = {}
        self._idle = IdleSlots()
        self._twins = Twins(twins_together)
        self._reservations = Reservations(self._ledger, self.queue, self._idle, order, clock)
        self._awake: dict[Request, None] = {}
        self._infeasible: dict[Request, str | None] = {}
        self._dropped = False
        self._given, self._opened = list[Slot](), list[Slot]()
        self.busy = 0
        """How many slots have a run."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes that are left, by id."""
        return self._ledger.nodes

    @property
    def stirred(self) -> bool:
        """Whether anything has changed since the last `dispatch` that lets a run start, or be given up."""
        return bool(self._awake) or self._dropped

    def add(self, run: Run) -> None:
        """`run` waits."""
        self.queue.add(run, self._clock())
        self._awake[run.request] = None

    def dispatch(self, near_end: bool = False) -> Dispatched:
        """Give runs that wait to idle slots of equal requests, or to new ones where there is room.

        `near_end`: what waits now are the last of the session's runs.
        """
        lost = self._lost() if self._dropped else ()
        self._given, self._opened = [], []
        while self._awake:  # again where slots were ended to make room, of which something is left
            self._start_awake(near_end)
        return Dispatched(tuple(self._given), tuple(self._opened), tuple(lost))

    def open_for_probe(self, node_ids: Collection[str], request: Request) -> Slot | None:
        """A new slot for `request` on just these nodes; None where there is no room for it on them."""
        if len(node_ids) == 1:
            allocations = self._ledger.take(replace(request, node_id=next(iter(node_ids))))
        else:
            others = [whole(node) for node_id, node in self._ledger.nodes.items() if node_id not in node_ids]
            allocations = self._ledger.take(request, others)
        return None if allocations is None else self._open(request, allocations, None)

    def let_go(self, slot: Slot) -> None:
        """The slot's run is over."""
        if slot.run is not None:
            self._twins.ended(slot.run, slot.node_ids)
            self._reservations.over(slot)
            slot.run = None
            self.busy -= 1

    def release(self, slot: Slot) -> None:
        """The slot could take another run."""
        slot.state = State.IDLE
        if slot.request not in self.queue.requests() and any(self.queue.rivals(slot.request)):
            self.close(slot.slot_id)  # others wait for what it holds
            return
        self._idle.add(slot)
        self._wake(slot)

    def close(self, slot_id: SlotId) -> None:
        """End a slot's processes and free what it held."""
        slot = self.slots.pop(slot_id)
        self.let_go(slot)
        self._idle.remove(slot)
        self._ledger.give_back(slot.request, slot.allocations)
        self._pool.close(slot_id)
        self._wake(slot)

    def close_all(self) -> None:
        """End every process."""
        for slot_id in list(self.slots):
            self.close(slot_id)

    def drop(self, node_id: str) -> None:
        """Forget a node that died."""
        self._ledger.drop(node_id)
        self._dropped = True
        self._infeasible.clear()

    def infeasible(self, request: Request) -> str | None:
        """Why the nodes that are left could never hold `request`; None where they could."""
        if request not in self._infeasible:
            nodes, there = self._ledger.nodes, request.node_id
            could = nodes.values() if there is None else [nodes[there]] if there in nodes else ()
            self._infeasible[request] = infeasible(request, could)
        return self._infeasible[request]

    def _start_awake(self, near_end: bool) -> None:
        """Start the runs of those requests that could have what became free, as their turns come."""
        awake, self._awake = self._awake, {}
        waiting = [request for request in awake if self.queue.first(request) and self._may_fit(request)]
        turns = [(self._turn(request), number) for number, request in enumerate(waiting)]
        heapq.heapify(turns)
        while turns:
            number = turns[0][1]
            request = waiting[number]
            if self.queue.sort_for(self._turn(request), near_end):  # other turns than those that are known
                self._reservations.clear()
                self._awake |= dict.fromkeys(waiting[left] for _, left in turns)
                return
            started = self._may_fit(request) and self._start_next(request)
            if started and self.queue.first(request):
                heapq.heapreplace(turns, (self._turn(request), number))
            else:
                heapq.heappop(turns)

    def _may_fit(self, request: Request) -> bool:
        """Whether as much is free as it takes at least, what idle slots hold included."""
        beside = self._idle.held_on(request.node_id)
        return bool(self._idle.of(request)) or self._ledger.could_hold(request, beside)

    def _turn(self, request: Request) -> Turn:
        """Of the first run that waits with it."""
        run = self.queue.first(request)
        assert run is not None
        return self.queue.turn(run)

    def _lost(self) -> Sequence[Run]:
        """What waits and could never be held by the nodes that are left."""
        self._dropped = False
        self._reservations.clear()
        self._awake.update(dict.fromkeys(self.queue.requests()))
        hopeless = [request for request in self.queue.requests() if self.infeasible(request)]
        return [run for request in hopeless for run in self.queue.take_all(request)]

    def _wake(self, slot: Slot) -> None:
        """Something became free on its nodes: who could use that is tried again."""
        self._awake |= dict.fromkeys(self.queue.requests_on(slot.node_ids))

    def _start_next(self, request: Request) -> bool:
        """Give one of the runs of `request` what it needs, if only what it is waiting for must be opened."""
        run = self.queue.first(request)
        assert run is not None
        ahead = (other for other in self.queue.ahead_of(run) if not self._twins.on(other))
        held = self._reservations.held_from(run, ahead)
        slot = self._reuse(request, held)
        if slot is not None:
            self._given.append(slot)
            return True
        return self._open_for(request, run, held) or self._open_in_place_of_idle(run, held)

    def _reuse(self, request: Request, held: Sequence[Allocation]) -> Slot | None:
        """An idle slot of equal request, with the first run that may go there."""
        for slot in self._idle.of(request):
            if not overlap(slot.allocations, held):
                run = self._allowed_on(request, slot.node_ids)
                if run is not None:
                    self._idle.remove(slot)
                    self._give(slot, run)
                    return slot
        return self._backfill(request) if held and self._order.knows else None

    def _allowed_on(self, request: Request, node_ids: Collection[str]) -> Run | None:
        """The first that has no twin at work on these nodes."""
        turns = self.queue.turns(request, MOST_PASSED)
        return next((run for run in turns if not self._twins.on(run) & set(node_ids)), None)

    def _backfill(self, request: Request) -> Slot | None:
        """An idle slot that others wait for, with the first run that will be done before they can have it."""
        for slot in self._idle.of(request):
            run = self._short_enough(request, self._reservations.until(request, slot.allocations))
            if run is not None and not self._twins.on(run) & slot.node_ids:
                self._idle.remove(slot)
                self._give(slot, run)
                return slot
        return None

    def _short_enough(self, request: Request, until: float | None) -> Run | None:
        return None if until is None else self.queue.first_within(request, until - self._clock())

    def _open_for(self, request: Request, run: Run, held: Sequence[Allocation]) -> bool:
        """A new slot, for the first run that may go there."""
        allocations = self._ledger.take(request, held)
        if allocations is None:
            return bool(held) and self._order.knows and self._open_to_backfill(request)
        there = self._allowed_on(request, {allocation.node.node_id for allocation in allocations})
        if there is None:  # it may find another node, where no twin is
            self._ledger.give_back(request, allocations)
            nodes = self._ledger.nodes
            twins = [whole(nodes[node_id]) for node_id in self._twins.on(run) if node_id in nodes]
            allocations, there = self._ledger.take(request, [*held, *twins]), run
        if allocations is not None:
            self._open(request, allocations, there)
        return allocations is not None

    def _open_to_backfill(self, request: Request) -> bool:
        allocations = self._ledger.take(request)
        if allocations is None:
            return False
        run = self._short_enough(request, self._reservations.until(request, allocations))
        if run is None or self._twins.on(run):
            self._ledger.give_back(request, allocations)
            return False
        self._open(request, allocations, run)
        return True

    def _open_in_place_of_idle(self, run: Run, held: Sequence[Allocation]) -> bool:
        """End idle slots of other requests where `run` finds room by that; none where it would not."""
        others = [slot for slot in self._idle.on(run.request.node_id) if slot.request != run.request]
        idle = [slot for slot in others if not overlap(slot.allocations, held)]
        if not idle:
            return False
        releases = [(slot.request, slot.allocations) for slot in idle]
        found = self._ledger.first_fit(run.request, releases, held)
        if found is None:
            return False
        number, allocations = found
        wanted = {allocation.node.node_id for allocation in allocations}
        for slot in idle[:number]:
            if slot.node_ids & wanted:
                self.close(slot.slot_id)
        return self._open_for(run.request, run, held)

    def _open(self, request: Request, allocations: Allocations, run: Run | None) -> Slot:
        slot = Slot(self._pool.open(allocations, request), allocations, request, None)
        self.slots[slot.slot_id] = slot
        self._opened.append(slot)
        if run is not None:
            self._give(slot, run)
        return slot

    def _give(self, slot: Slot, run: Run) -> None:
        turn, slot.since = self.queue.turn(run), self.queue.remove(run)
        self._twins.began(run, slot.node_ids)
        self._reservations.began(slot, run, turn)
        slot.run = run
        self.busy += 1
