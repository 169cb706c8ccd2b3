"""What would be free beside what is held for others, and once more is given back."""

from collections.abc import Iterable, Mapping

from bench.orchestration.scheduling.request import Allocation, Request
from bench.orchestration.scheduling.room import Free, given_back, without, workers_on


class Imagined:
    """What of `free` is left by what is `held` for others. Only nodes that differ are looked at.

    `aside` has them, by id.
    """

    def __init__(self, free: Mapping[str, Free], held: Iterable[Allocation]) -> None:
        self._free = free
        self._held: dict[str, tuple[int, int]] = {}
        for allocation in held:
            cores, gpus = self._held.get(allocation.node.node_id, (0, 0))
            self._held[allocation.node.node_id] = cores | allocation.core_mask, gpus | allocation.gpu_mask
        self._given_back: dict[str, Free] = {}
        self.aside: dict[str, Free] = {}
        for node_id, (cores, gpus) in self._held.items():
            now = free.get(node_id)
            if now and (now.cores & cores or now.gpus & gpus):
                self.aside[node_id] = without(now, cores, gpus)

    def give_back(self, released: Request, allocation: Allocation, request: Request) -> int:
        """For how many more workers of `request` there is room once `allocation` is given back, too."""
        node_id = allocation.node.node_id
        now = self._given_back.get(node_id) or self._free.get(node_id)
        if now is None:
            return 0
        self._given_back[node_id] = then = given_back(now, released, allocation)
        before, after = self.aside.get(node_id) or now, then
        if node_id in self._held:
            after = without(then, *self._held[node_id])
        self.aside[node_id] = after
        return workers_on(request, after) - workers_on(request, before)
