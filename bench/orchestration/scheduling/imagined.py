"""What would be free beside what is held for others, and once more is given back."""

from collections.abc import Iterable, Mapping

from bench.orchestration.scheduling.request import Allocation, Request
from bench.orchestration.scheduling.room import Free, given_back, without, workers_on


class Imagined:
    """What is left of `free` by what is `held` for others: `aside` has the nodes that differ, by id."""

    def __init__(self, free: Mapping[str, Free], held: Iterable[Allocation]) -> None:
        self._free = free
        self._held = dict[str, tuple[int, int]]()
        self._given_back = dict[str, Free]()
        self._workers = dict[str, int]()
        self.aside = dict[str, Free]()
        for allocation in held:
            node_id = allocation.node.node_id
            cores, gpus = self._held.get(node_id, (0, 0))
            self._held[node_id] = cores | allocation.core_mask, gpus | allocation.gpu_mask
        for node_id, (cores, gpus) in self._held.items():
            now = free.get(node_id)
            if now and (now.cores & cores or now.gpus & gpus):
                self.aside[node_id] = without(now, cores, gpus)

    def give_back(self, released: Request, allocation: Allocation, request: Request) -> int:
        """For how many more workers of `request`, always the same, there is room with `allocation`, too."""
        node_id = allocation.node.node_id
        now = self._given_back.get(node_id) or self._free.get(node_id)
        if now is None or request.node_id not in (None, node_id):
            return 0
        before = self._workers.get(node_id)
        if before is None:
            before = workers_on(request, self.aside.get(node_id, now))
        then = self._given_back[node_id] = given_back(now, released, allocation)
        left = self.aside[node_id] = without(then, *self._held[node_id]) if node_id in self._held else then
        workers = self._workers[node_id] = workers_on(request, left)
        return workers - before
