"""Which cores and GPUs of which node are free: pure bookkeeping, no Ray.

Core sets are handed out whole and by number, so that no two runs ever share a core, near their GPUs where
the node knows which those are. GPUs are handed out lowest number first, as Ray does; where others use the
cluster, too, Ray may number them otherwise, and then only the nearness is lost.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from bench.orchestration.scheduling.imagined import Imagined, held_bits, left_by
from bench.orchestration.scheduling.index import Aside, Candidate, Index
from bench.orchestration.scheduling.request import Allocation, Allocations, Node, Request, whole
from bench.orchestration.scheduling.room import Free, allocate, given_back, idle, without

Release = tuple[Request, Allocations]
"""What `take` gave a request, to be given back."""


class Ledger:
    """Which cores and GPUs of which node are free.

    Of the nodes that would do, a run goes where most cores are free, and so where fewest others are; or, with
    `tight`, where fewest are, which leaves more room for those that need much.
    """

    def __init__(self, nodes: Iterable[Node], tight: bool = False) -> None:
        self._nodes = {node.node_id: node for node in nodes}
        self._index = Index(tight)
        for node in self._nodes.values():
            self._index.put(idle(node))

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by id."""
        return MappingProxyType(self._nodes)

    def could_hold(self, request: Request, beside: tuple[int, int] = (0, 0)) -> bool:
        """Whether as much is free, `beside` so many cores and GPUs, as `request` takes at least, wherever."""
        cores, gpus = request.least
        free_cores, free_gpus = self._free_on(request.node_id)
        return cores <= free_cores + beside[0] and gpus <= free_gpus + beside[1]

    def take(self, request: Request, held: Iterable[Allocation] = ()) -> Allocations | None:
        """Hold what `request` asks for, nothing of what is `held` for others; None where there is no room."""
        if not self.could_hold(request):
            return None
        allocations = self._find(request, left_by(held_bits(held), self._index.free))
        for allocation in allocations or ():
            free = self._index.free[allocation.node.node_id]
            left = without(free, allocation.core_mask, allocation.gpu_mask)
            self._index.put(Free(free.node, 0, 0) if request.exclusive else left)
        return allocations

    def awaited(self, request: Request, held: Iterable[Allocation] = ()) -> Allocations:
        """The nodes, whole, that a run of `request` had best wait for: those with the most free now.

        Empty where it cannot be placed beside what is `held` for others.
        """
        others: Aside = dict.fromkeys(allocation.node.node_id for allocation in held)
        for candidates in self._index.emptied(request, others):
            chosen = _choose(request, candidates)
            if chosen:
                return tuple(whole(self._nodes[node_id]) for node_id in chosen)
        return ()

    def first_fit(
        self, request: Request, releases: Iterable[Release], held: Iterable[Allocation] = ()
    ) -> tuple[int, Allocations] | None:
        """How many of `releases` have to be given back, in their order, for `request` to fit, and where.

        Nothing of what is `held` for others. None where it does not fit after all of them, either. Nothing is
        given back or taken.
        """
        bits = held_bits(held)
        now, then = left_by(bits, self._index.free), Imagined(request, self._index.free, bits)
        if self.could_hold(request) and (found := self._find(request, now)):
            return 0, found
        rooms = self._rooms(request, now)
        for number, (released, allocations) in enumerate(releases, start=1):
            gained = 0
            for allocation in allocations:
                workers = then.give_back(released, allocation)
                rooms[allocation.node.accelerator if request.gpus else None] += workers
                gained += workers
            enough = gained and max(rooms.values()) >= request.workers
            if enough and (found := self._find(request, then.aside)):
                return number, found
        return None

    def give_back(self, request: Request, allocations: Allocations) -> None:
        """Free what `take` held."""
        for allocation in allocations:
            free = self._index.free.get(allocation.node.node_id)
            if free is not None:
                self._index.put(given_back(free, request, allocation))

    def drop(self, node_id: str) -> None:
        """Forget a node that died."""
        self._index.remove(node_id)
        self._nodes.pop(node_id, None)

    def _free_on(self, node_id: str | None) -> tuple[int, int]:
        """How many cores and GPUs are free on a node, or on all of them together (None)."""
        if node_id is None:
            return self._index.cores, self._index.gpus
        free = self._index.free.get(node_id)
        return (free.cores.bit_count(), free.gpus.bit_count()) if free else (0, 0)

    def _find(self, request: Request, aside: Aside) -> Allocations | None:
        """Where `request` goes; None where it cannot."""
        for candidates in self._index.candidates(request, aside):
            chosen = _choose(request, candidates)
            if chosen:
                found = list[Allocation]()
                for node_id, workers in chosen.items():
                    found += allocate(request, aside.get(node_id) or self._index.free[node_id], workers)
                return tuple(found)
        return None

    def _rooms(self, request: Request, aside: Aside) -> Counter[str | None]:
        """How many workers of `request` there is room for, which are not all: of GPUs by their type."""
        rooms = Counter[str | None]()
        for candidates in self._index.candidates(request, aside):
            for workers, _, node_id in candidates:
                rooms[self._nodes[node_id].accelerator if request.gpus else None] -= workers
        return rooms


def _choose(request: Request, candidates: Iterator[Candidate]) -> dict[str, int] | None:
    """How many workers go on which of `candidates`, by the node's id; None where there is no room for all."""
    left, chosen = request.workers, dict[str, int]()
    for workers, _, node_id in candidates:
        chosen[node_id] = min(-workers, left)
        left -= chosen[node_id]
        if not left:
            return chosen
    return None
