"""What would be free beside what is held for others, and once more is given back."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bench.orchestration.scheduling.request import Allocation, Node, Request, Shape
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


class _There(NamedTuple):
    """A node of which something is given back: what is free then and not held, and for how many workers."""

    node: Node
    cores: int
    gpus: int
    workers: int


class Imagined:
    """For how many workers of `request` there is room once more than what is `free` now is given back.

    Nothing of what is `held` for others counts.
    """

    def __init__(self, request: Request, free: Mapping[str, Free], held: Bits) -> None:
        self._request, self._free, self._held = request, free, held
        self._there = dict[str, _There]()
        self._rooms = dict[Shape, Room]()

    def give_back(self, released: Request, allocation: Allocation) -> int:
        """For how many more workers there is room with `allocation`, too, which `released` had."""
        node = allocation.node
        before = self._there.get(node.node_id) or self._now(node.node_id)
        if before is None:
            return 0
        if released.exclusive:
            _, cores, gpus = idle(node)
        else:
            cores, gpus = before.cores | allocation.core_mask, before.gpus | allocation.gpu_mask
        self._there[node.node_id] = after = self._left(node, cores, gpus)
        return after.workers - before.workers

    @property
    def aside(self) -> dict[str, Free]:
        """The nodes that differ from what they are now, by id."""
        there = {node_id: Free(node, cores, gpus) for node_id, (node, cores, gpus, _) in self._there.items()}
        return left_by(self._held, self._free) | there

    def _now(self, node_id: str) -> _There | None:
        """A node as it is now; None where it is gone, or where the request may not be there."""
        now = self._free.get(node_id)
        if now is None or self._request.node_id not in (None, node_id):
            return None
        return self._left(*now)

    def _left(self, node: Node, cores: int, gpus: int) -> _There:
        """What of it is not held."""
        if held := self._held.get(node.node_id):
            cores, gpus = cores & ~held[0], gpus & ~held[1]
        there = self._rooms.get(node.shape)
        if there is None:
            there = self._rooms[node.shape] = room(self._request, node.shape)
        return _There(node, cores, gpus, there.on(cores.bit_count(), gpus.bit_count()))
