"""How many workers of a request a node has room for, and which cores and GPUs each of them gets."""

from functools import lru_cache
from typing import NamedTuple

from bench.orchestration.scheduling.masks import lowest, mask, members
from bench.orchestration.scheduling.request import Allocation, Node, Request, Shape

GPU_CORES = 2  # one for the thread that waits for the GPU, one for the threads that give it work


class Free(NamedTuple):
    """What of a node may be taken: its cores and GPUs as bits."""

    node: Node
    cores: int
    gpus: int


class Room(NamedTuple):
    """How many workers may be on a node of one shape: none below so many free `cores` and `gpus`.

    Each takes `cores_each` and `gpus_each`, and there are `most` at most.
    """

    most: int
    cores: int = 0
    gpus: int = 0
    cores_each: int = 1
    gpus_each: int = 0

    def on(self, cores: int, gpus: int) -> int:
        """How many go where so much is free."""
        if cores < self.cores or gpus < self.gpus:
            return 0
        workers = cores // self.cores_each
        if self.gpus_each and gpus // self.gpus_each < workers:
            workers = gpus // self.gpus_each
        return workers if workers < self.most else self.most

    def least_cores(self, workers: int) -> int:
        """How many cores must be free for `workers`."""
        return max(self.cores, workers * self.cores_each)


def idle(node: Node) -> Free:
    """All of `node`."""
    return Free(node, mask(node.cores), (1 << node.gpus) - 1)


def without(free: Free, cores: int, gpus: int) -> Free:
    """`free` less these cores and GPUs."""
    return Free(free.node, free.cores & ~cores, free.gpus & ~gpus)


def given_back(free: Free, request: Request, allocation: Allocation) -> Free:
    """`free` and what `request` had: all of the node where nobody else could be there."""
    if request.exclusive:
        return idle(free.node)
    return Free(free.node, free.cores | allocation.core_mask, free.gpus | allocation.gpu_mask)


@lru_cache(maxsize=4096)
def room(request: Request, shape: Shape) -> Room:
    """The room for `request` on nodes of `shape`: no more than it has workers."""
    if request.accelerator not in (None, shape.accelerator) or request.gpus > shape.gpus_of_a_process:
        return Room(0)
    takes_all = request.cpus is None and not request.gpus
    return Room(
        most=1 if request.spread else request.workers,
        cores=shape.cores if takes_all or request.exclusive else 0,
        gpus=shape.gpus if request.exclusive else 0,
        cores_each=1 if takes_all else _cores_each(request, shape, 1),
        gpus_each=request.gpus,
    )


def workers_on(request: Request, free: Free) -> int:
    """How many workers of `request` may go where `free` is."""
    return room(request, free.node.shape).on(free.cores.bit_count(), free.gpus.bit_count())


def allocate(request: Request, free: Free, workers: int) -> list[Allocation]:
    """What each of `workers` gets of `free`, which has room for them.

    Cores near their GPUs go first where the node knows which those are, and lowest numbers where it does not.
    """
    node, cores, gpus = free.node, free.cores, members(free.gpus) if request.gpus else ()
    each, allocations = _cores_each(request, node.shape, workers), list[Allocation]()
    for number in range(workers):
        mine = gpus[number * request.gpus : (number + 1) * request.gpus]
        near = _near(node, mine) & cores
        chosen = lowest(near, each)
        chosen |= lowest(cores ^ near, each - chosen.bit_count())
        cores ^= chosen
        allocations.append(Allocation(node, members(chosen), mine))
    return allocations


def _cores_each(request: Request, shape: Shape, workers: int) -> int:
    """How many cores each of `workers` on a node of `shape` gets."""
    if request.cpus is not None:
        return request.cpus
    if request.gpus:
        share = shape.cores * request.gpus // max(shape.gpus, 1)
        return max(share, min(GPU_CORES, shape.cores), 1)
    return max(shape.cores // workers, 1)


def _near(node: Node, gpus: tuple[int, ...]) -> int:
    bits = 0
    for gpu in gpus:
        if gpu < len(node.cores_near_gpu):
            bits |= mask(node.cores_near_gpu[gpu])
    return bits
