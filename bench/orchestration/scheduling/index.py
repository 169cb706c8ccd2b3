"""Nodes sorted by what decides how many workers they have room for, so that few are looked at."""

import heapq
import itertools
import sys
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping

from bench.orchestration.scheduling.request import Request, Shape
from bench.orchestration.scheduling.room import Free, Room, idle, room, workers_on

Entry = tuple[int, str]
"""A node by the number of its free cores, negative where most go first, and by its id."""
Candidate = tuple[int, int, str]
"""A node with room: minus the number of workers that it holds, then its entry. The least goes first."""
Aside = Mapping[str, Free | None]
"""Nodes by id that do not count as they were entered, but as this, or not at all (None)."""
_Lists = dict[Shape, dict[int, list[Entry]]]

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
        self._sign = 1 if tight else -1
        self._free: dict[str, Free] = {}
        self.cores = self.gpus = 0
        """How many are free on all nodes together."""
        self._types: dict[str | None, _Lists] = {}

    @property
    def free(self) -> Mapping[str, Free]:
        """What is free of each node, by id."""
        return self._free

    def put(self, free: Free) -> None:
        """Enter a node with what of it is free, in place of what was."""
        self.remove(free.node.node_id)
        self._free[free.node.node_id] = free
        self.cores += free.cores.bit_count()
        self.gpus += free.gpus.bit_count()
        by_gpus = self._types.setdefault(free.node.accelerator, {}).setdefault(free.node.shape, {})
        insort(by_gpus.setdefault(free.gpus.bit_count(), []), self._entry(free))

    def remove(self, node_id: str) -> None:
        """Strike a node; nothing happens where there is none of that id."""
        free = self._free.pop(node_id, None)
        if free is None:
            return
        self.cores -= free.cores.bit_count()
        self.gpus -= free.gpus.bit_count()
        entries = self._types[free.node.accelerator][free.node.shape][free.gpus.bit_count()]
        del entries[bisect_left(entries, self._entry(free))]

    def candidates(self, request: Request, aside: Aside) -> Iterable[Iterator[Candidate]]:
        """Nodes with room for `request`: all of them, or, for GPUs, those with each type of GPU in turn."""
        if request.node_id is not None:
            return [self._one_by_one(request, [aside.get(request.node_id, self._free.get(request.node_id))])]
        found = {accelerator: self._with_room(request, accelerator, aside) for accelerator in self._types}
        return self._in_turn(request, found, aside)

    def emptied(self, request: Request, aside: Aside) -> Iterable[Iterator[Candidate]]:
        """As `candidates`, were the nodes idle; of those with as much room in order of what is free now."""
        if request.node_id is not None:
            free = None if request.node_id in aside else self._free.get(request.node_id)
            return [self._one_by_one(request, [free and idle(free.node)])]
        found = {accelerator: self._idle(request, accelerator, aside) for accelerator in self._types}
        return self._in_turn(request, found, aside)

    def _in_turn(
        self, request: Request, found: Mapping[str | None, list[Iterator[Candidate]]], aside: Aside
    ) -> Iterable[Iterator[Candidate]]:
        """What was found, by type, merged. GPUs of one group are of one type: the first node's goes first."""
        if not request.gpus:
            return [heapq.merge(*itertools.chain.from_iterable(found.values()))]
        types = [accelerator for accelerator, ways in found.items() if ways]
        if len(types) > 1:
            types.sort(key=lambda accelerator: self._first(accelerator, aside))
        return (heapq.merge(*found[accelerator]) for accelerator in types)

    def _with_room(
        self, request: Request, accelerator: str | None, aside: Aside
    ) -> list[Iterator[Candidate]]:
        """Nodes of a type with room, each of the iterators in order."""
        found = list[Iterator[Candidate]]()
        walk, roomiest = (_loosely, 0) if self._sign < 0 else (_tightly, -1)
        for shape, by_gpus in self._types[accelerator].items():
            there = room(request, shape)
            if not there.most:
                continue
            for gpus, entries in by_gpus.items():
                if entries and there.on(abs(entries[roomiest][0]), gpus):
                    found.append(walk(entries, there, gpus, aside))
        others = [free for free in aside.values() if free and free.node.accelerator == accelerator]
        if others:
            found.append(self._one_by_one(request, others))
        return found

    def _idle(self, request: Request, accelerator: str | None, aside: Aside) -> list[Iterator[Candidate]]:
        """Nodes of a type that would have room, each of the iterators in order."""
        found = list[Iterator[Candidate]]()
        for shape, by_gpus in self._types[accelerator].items():
            workers = room(request, shape).on(shape.cores, shape.gpus)
            if workers:
                found += [_all(entries, workers, aside) for entries in by_gpus.values()]
        return found

    def _one_by_one(self, request: Request, nodes: Iterable[Free | None]) -> Iterator[Candidate]:
        """Those of `nodes` with room."""
        found = list[Candidate]()
        for free in nodes:
            if free and (workers := workers_on(request, free)):
                found.append((-workers, *self._entry(free)))
        return iter(sorted(found))

    def _first(self, accelerator: str | None, aside: Aside) -> Entry:
        """The first of the nodes of a type, be there room or not."""
        lists = itertools.chain.from_iterable(map(dict.values, self._types[accelerator].values()))
        entered = (next((entry for entry in entries if entry[1] not in aside), _LAST) for entries in lists)
        others = (self._entry(f) for f in aside.values() if f and f.node.accelerator == accelerator)
        return min(min(entered), min(others, default=_LAST))

    def _entry(self, free: Free) -> Entry:
        return self._sign * free.cores.bit_count(), free.node.node_id


def _loosely(entries: list[Entry], there: Room, gpus: int, aside: Aside) -> Iterator[Candidate]:
    """Those with room of `entries` where most free cores go first: so the roomiest do."""
    for entry in entries:
        workers = there.on(-entry[0], gpus)
        if not workers:
            return
        if entry[1] not in aside:
            yield -workers, *entry


def _tightly(entries: list[Entry], there: Room, gpus: int, aside: Aside) -> Iterator[Candidate]:
    """Those with room of `entries` where fewest free cores go first: as roomy ones are a stretch of it."""
    end = len(entries)
    while end and (workers := there.on(entries[end - 1][0], gpus)):
        begin = bisect_left(entries, (there.least_cores(workers), ""))
        for number in range(begin, end):
            if entries[number][1] not in aside:
                yield -workers, *entries[number]
        end = begin


def _all(entries: list[Entry], workers: int, aside: Aside) -> Iterator[Candidate]:
    """All of `entries`, each with room for so many."""
    return ((-workers, *entry) for entry in entries if entry[1] not in aside)
