"""Nodes sorted by what decides how many workers they have room for, so that few are looked at."""

import heapq
import sys
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator, Mapping

from bench.orchestration.scheduling.request import Request, Shape
from bench.orchestration.scheduling.room import Free, Room, room, workers_on

Entry = tuple[int, str]
"""A node by the number of its free cores, negative where most go first, and by its id."""
Candidate = tuple[int, int, str]
"""A node with room: minus the number of workers that it holds, then its entry. The least goes first."""
Aside = Mapping[str, Free | None]
"""Nodes by id that do not count as they were entered, but as this, or not at all (None)."""
_Type = str | None
_Lists = dict[tuple[Shape, int], list[Entry]]

_LAST: Entry = (sys.maxsize, "")


class Index:
    """Which nodes have room for a request, the best first.

    Those of one shape with as many free GPUs are a sorted list, and those of them with room for so many
    workers a stretch of it. So a search costs what the lists and the nodes that it gives are, however many
    nodes there are. For workers that fill few nodes, those with room for most of them go first; then, and
    where each worker has a node of its own, those with the most free cores, or with the fewest where the
    index is `tight`; then those with the lowest id.
    """

    def __init__(self, tight: bool) -> None:
        self._tight = tight
        self._free: dict[str, Free] = {}
        self._types: dict[_Type, _Lists] = {}

    @property
    def free(self) -> Mapping[str, Free]:
        """What is free of each node, by id."""
        return self._free

    def put(self, free: Free) -> None:
        """Enter a node with what of it is free, in place of what was."""
        self.remove(free.node.node_id)
        self._free[free.node.node_id] = free
        lists = self._types.setdefault(free.node.accelerator, {})
        insort(lists.setdefault((free.node.shape, free.gpus.bit_count()), []), self._entry(free))

    def remove(self, node_id: str) -> None:
        """Strike a node; nothing happens where there is none of that id."""
        free = self._free.pop(node_id, None)
        if free is None:
            return
        lists, alike = self._types[free.node.accelerator], (free.node.shape, free.gpus.bit_count())
        entries = lists[alike]
        del entries[bisect_left(entries, self._entry(free))]
        if not entries:
            del lists[alike]
        if not lists:
            del self._types[free.node.accelerator]

    def candidates(self, request: Request, aside: Aside) -> Iterator[Iterator[Candidate]]:
        """Nodes with room for `request`: all of them, or, for GPUs, those with each type of GPU in turn."""
        if request.node_id is not None:
            free = aside.get(request.node_id, self._free.get(request.node_id))
            yield self._one_by_one(request, [free])
            return
        walk = _tightly if self._tight else _loosely
        for types in self._choices(request, aside):
            others = (free for free in aside.values() if free and free.node.accelerator in types)
            found = [self._one_by_one(request, others)]
            for (shape, gpus), entries in self._lists(types):
                found.append(walk(entries, room(request, shape, gpus), aside))
            yield heapq.merge(*found)

    def emptied(self, request: Request, aside: Aside) -> Iterator[Iterator[Candidate]]:
        """As `candidates`, were the nodes idle; of those with as much room in order of what is free now."""
        for types in self._choices(request, aside):
            found = list[Iterator[Candidate]]()
            for (shape, _), entries in self._lists(types):
                workers = room(request, shape, shape.gpus).on(shape.cores)
                found.append(_all(entries, workers, aside, request.node_id))
            yield heapq.merge(*found)

    def _choices(self, request: Request, aside: Aside) -> Collection[Collection[_Type]]:
        """Types of nodes that are looked at together. GPUs of one group are of one type: the best node's."""
        if request.accelerator is not None:
            return [[request.accelerator]] if request.accelerator in self._types else []
        if not request.gpus or len(self._types) == 1:
            return [self._types]
        return [[accelerator] for accelerator in sorted(self._types, key=lambda it: self._first(it, aside))]

    def _lists(self, types: Collection[_Type]) -> Iterator[tuple[tuple[Shape, int], list[Entry]]]:
        for accelerator in types:
            yield from self._types[accelerator].items()

    def _one_by_one(self, request: Request, nodes: Iterable[Free | None]) -> Iterator[Candidate]:
        """Those of `nodes` with room."""
        found = list[Candidate]()
        for free in nodes:
            if free and (workers := workers_on(request, free)):
                found.append((-workers, *self._entry(free)))
        return iter(sorted(found))

    def _first(self, accelerator: _Type, aside: Aside) -> Entry:
        """The first of the nodes of a type, be there room or not."""
        lists = self._types[accelerator].values()
        entered = (next((entry for entry in entries if entry[1] not in aside), _LAST) for entries in lists)
        others = (self._entry(f) for f in aside.values() if f and f.node.accelerator == accelerator)
        return min(min(entered), min(others, default=_LAST))

    def _entry(self, free: Free) -> Entry:
        cores = free.cores.bit_count()
        return (cores if self._tight else -cores), free.node.node_id


def _loosely(entries: list[Entry], there: Room, aside: Aside) -> Iterator[Candidate]:
    """Those with room of `entries` where most free cores go first: so the roomiest do."""
    for entry in entries:
        workers = there.on(-entry[0])
        if not workers:
            return
        if entry[1] not in aside:
            yield -workers, *entry


def _tightly(entries: list[Entry], there: Room, aside: Aside) -> Iterator[Candidate]:
    """Those with room of `entries` where fewest free cores go first: as roomy ones are a stretch of it."""
    end = len(entries)
    while end and (workers := there.on(entries[end - 1][0])):
        begin = bisect_left(entries, (there.least_cores(workers), ""))
        for number in range(begin, end):
            if entries[number][1] not in aside:
                yield -workers, *entries[number]
        end = begin


def _all(entries: list[Entry], workers: int, aside: Aside, node_id: str | None) -> Iterator[Candidate]:
    """All of `entries`, each with room for so many, or the one of that id alone."""
    if workers:
        for entry in entries:
            if entry[1] not in aside and node_id in (None, entry[1]):
                yield -workers, *entry
