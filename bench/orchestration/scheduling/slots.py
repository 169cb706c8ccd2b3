"""Slots: what each holds, what it does now, and until when."""

import datetime
import heapq
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from bench.orchestration.pool import SlotId
from bench.orchestration.runs import Run
from bench.orchestration.scheduling.request import Allocations, Request, whole
from bench.records.probe import Moment


class State(Enum):
    """What a slot does now."""

    OPENING = auto()
    """It waits for what it is to hold."""
    IDLE = auto()
    """It could take a run."""
    STARTING_PROBE = auto()
    """The processes that will measure its limits start."""
    PROBING = auto()
    STARTING_RUN = auto()
    """The processes of its run start."""
    RUNNING = auto()


@dataclass(eq=False)
class Slot:
    """The allocations of one run at a time.

    `run` is what it has to run, if only once it is open and probed; it had waited `since` then. Once it was
    given to processes it has the times when it `began` and was `started_at`, the latter by the calendar.
    `moment` is that of the session at which it is probed, since it was `asked` to.
    """

    slot_id: SlotId
    allocations: Allocations
    request: Request
    run: Run | None
    state: State = State.OPENING
    since: float = 0.0
    began: float | None = None
    started_at: datetime.datetime | None = None
    moment: Moment | None = None
    asked: float = 0.0

    @cached_property
    def node_ids(self) -> frozenset[str]:
        """The nodes that it is on."""
        return frozenset(allocation.node.node_id for allocation in self.allocations)

    @property
    def probes(self) -> bool:
        """Whether a probe is under way in it."""
        return self.state in (State.STARTING_PROBE, State.PROBING)

    @property
    def trains(self) -> bool:
        """Whether a run was given to its processes."""
        return self.state in (State.STARTING_RUN, State.RUNNING)


class IdleSlots:
    """Slots that could take a run: of a request, and on a node, those first that have been for longest."""

    def __init__(self) -> None:
        self._of: dict[Request, dict[SlotId, Slot]] = {}
        self._on: dict[str | None, dict[SlotId, Slot]] = {}
        self._held: Counter[tuple[str | None, str]] = Counter()

    def of(self, request: Request) -> Collection[Slot]:
        """Those that were opened for `request`."""
        return self._of.get(request, {}).values()

    def on(self, node_id: str | None) -> Collection[Slot]:
        """Those on a node, or all of them (None)."""
        return self._on.get(node_id, {}).values()

    def held_on(self, node_id: str | None) -> tuple[int, int]:
        """How many cores and GPUs would be free there without them."""
        return self._held[node_id, "cores"], self._held[node_id, "gpus"]

    def add(self, slot: Slot) -> None:
        """It could."""
        for slots in self._with(slot):
            slots[slot.slot_id] = slot
        self._count(slot, 1)

    def remove(self, slot: Slot) -> None:
        """It could no longer; nothing happens where it could not."""
        if slot.slot_id in self._of.get(slot.request, ()):
            for slots in self._with(slot):
                del slots[slot.slot_id]
            self._count(slot, -1)

    def _with(self, slot: Slot) -> list[dict[SlotId, Slot]]:
        on = [self._on.setdefault(node_id, {}) for node_id in (None, *slot.node_ids)]
        return [self._of.setdefault(slot.request, {}), *on]

    def _count(self, slot: Slot, sign: int) -> None:
        nodes = {allocation.node.node_id: whole(allocation.node) for allocation in slot.allocations}
        for held in nodes.values() if slot.request.exclusive else slot.allocations:
            for node_id in (None, held.node.node_id):
                self._held[node_id, "cores"] += sign * len(held.cores)
                self._held[node_id, "gpus"] += sign * len(held.gpus)


class Deadlines:
    """When to look at which slot, at the latest: one deadline for each, of which the last counts."""

    def __init__(self) -> None:
        self._at: dict[SlotId, float] = {}
        self._heap: list[tuple[float, SlotId]] = []

    def set(self, slot_id: SlotId, at: float) -> None:
        """Look at it then."""
        self._at[slot_id] = at
        heapq.heappush(self._heap, (at, slot_id))
        if len(self._heap) > 2 * len(self._at) + 64:  # most were set anew since
            self._heap = [(at, slot_id) for slot_id, at in self._at.items()]
            heapq.heapify(self._heap)

    def clear(self, slot_id: SlotId) -> None:
        """Nothing is awaited of it."""
        self._at.pop(slot_id, None)

    def next(self) -> float | None:
        """The first of them; None where there is none."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def passed(self, now: float) -> list[SlotId]:
        """Whose deadline has come, each told once."""
        found = []
        while (at := self.next()) is not None and at <= now:
            _, slot_id = heapq.heappop(self._heap)
            del self._at[slot_id]
            found.append(slot_id)
        return found
