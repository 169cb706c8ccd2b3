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
    """How many workers there is room for by the number of free cores: none on fewer than `floor`.

    Each takes `each`, and there may be no more than `most` on one node.
    """

    floor: int
    each: int
    most: int

    def on(self, cores: int) -> int:
        """How many workers go on so many free cores."""
        return min(self.most, cores // self.each) if cores >= self.floor else 0

    def least_cores(self, workers: int) -> int:
        """On how many free cores `workers` go, but not on fewer."""
        return max(self.floor, workers * self.each)


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
def room(request: Request, shape: Shape, gpus: int) -> Room:
    """The room for `request`, on a node of `shape` of which so many GPUs are free."""
    takes_all = request.cpus is None and not request.gpus
    each = 1 if takes_all else _cores_each(request, shape, 1)
    floor = shape.cores if takes_all or request.exclusive else each
    return Room(floor, each, _most(request, shape, gpus))


def workers_on(request: Request, free: Free) -> int:
    """How many workers of `request` may go where `free` is: counted no further than it has."""
    there = room(request, free.node.shape, free.gpus.bit_count())
    return there.on(free.cores.bit_count())


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


def _most(request: Request, shape: Shape, gpus: int) -> int:
    """How many workers may be on a node of `shape` with so many free GPUs, whatever cores are free."""
    if request.accelerator not in (None, shape.accelerator) or request.gpus > shape.gpus_of_a_process:
        return 0
    if request.exclusive and gpus < shape.gpus:
        return 0
    wanted = 1 if request.spread else request.workers
    return min(wanted, gpus // request.gpus) if request.gpus else wanted


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
