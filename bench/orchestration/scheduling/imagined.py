"""What would be free beside what is held for others, and once more is given back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.orchestration.scheduling.request import Allocation, Request
from bench.orchestration.scheduling.room import Free, Room, idle, room, without

Bits = Mapping[str, tuple[int, int]]
"""Cores and GPUs by the node's id."""


def held_bits(held: Iterable[Allocation]) -> Bits:
    """What is `held`, by node."""
    bits = dict[str, tuple[int, int]]()
    for allocation in held:
        cores, gpus = bits.get(allocation.node.node_id, (0, 0))
        bits[allocation.node.node_id] = cores | allocation.core_mask, gpus | allocation.gpu_mask
    return bits


def left_by(held: Bits, free: Mapping[str, Free]) -> dict[str, Free]:
    """The nodes of which something that is `free` is held, each with what of it is left."""
    left = dict[str, Free]()
    for node_id, (cores, gpus) in held.items():
        now = free.get(node_id)
        if now and (now.cores & cores or now.gpus & gpus):
            left[node_id] = without(now, cores, gpus)
    return left


@dataclass(slots=True)
class _Emptying:
    """A node of which something is given back: what is free then, what of it is held, and who has room."""

    cores: int
    gpus: int
    held_cores: int
    held_gpus: int
    room: Room
    workers: int = 0

    def count(self) -> int:
        """For how many workers more than at the last count there is room."""
        cores, gpus = self.cores & ~self.held_cores, self.gpus & ~self.held_gpus
        before, self.workers = self.workers, self.room.on(cores.bit_count(), gpus.bit_count())
        return self.workers - before


class Imagined:
    """For how many workers of `request` there is room once more than what is `free` now is given back.

    Nothing of what is `held` for others counts.
    """

    def __init__(self, request: Request, free: Mapping[str, Free], held: Bits) -> None:
        self._request, self._free, self._held = request, free, held
        self._emptying = dict[str, _Emptying]()

    def give_back(self, released: Request, allocation: Allocation) -> int:
        """For how many more workers there is room with `allocation`, too, which `released` had."""
        node = allocation.node
        there = self._emptying.get(node.node_id) or self._enter(node.node_id)
        if there is None:
            return 0
        if released.exclusive:
            _, there.cores, there.gpus = idle(node)
        else:
            there.cores |= allocation.core_mask
            there.gpus |= allocation.gpu_mask
        return there.count()

    @property
    def aside(self) -> dict[str, Free]:
        """The nodes that differ from what they are now, by id."""
        aside = left_by(self._held, self._free)
        for node_id, it in self._emptying.items():
            node = self._free[node_id].node
            aside[node_id] = Free(node, it.cores & ~it.held_cores, it.gpus & ~it.held_gpus)
        return aside

    def _enter(self, node_id: str) -> _Emptying | None:
        """A node as it is now; None where it is gone, or where the request may not be there."""
        now = self._free.get(node_id)
        if now is None or self._request.node_id not in (None, node_id):
            return None
        held, there = self._held.get(node_id, (0, 0)), room(self._request, now.node.shape)
        entered = self._emptying[node_id] = _Emptying(now.cores, now.gpus, *held, there)
        entered.count()
        return entered
