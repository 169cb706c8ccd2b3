"""A ledger that looks at every node each time: what the one that does not has to agree with."""

from dataclasses import dataclass, replace

from bench.orchestration.scheduling.request import Allocation, whole


@dataclass(frozen=True)
class Free:
    node: object
    cores: frozenset
    gpus: frozenset

    @property
    def whole(self):
        return len(self.cores) == len(self.node.cores) and len(self.gpus) == self.node.gpus

    def without(self, allocation):
        cores, gpus = self.cores - set(allocation.cores), self.gpus - set(allocation.gpus)
        return replace(self, cores=cores, gpus=gpus)


class PlainLedger:
    def __init__(self, nodes, tight=False):
        self.free = {node.node_id: idle(node) for node in nodes}
        self.tight = tight

    def take(self, request, held=()):
        allocations = choose(request, self.candidates(self.left_by(held), request))
        for allocation in allocations or ():
            free = self.free[allocation.node.node_id]
            nothing = Free(free.node, frozenset(), frozenset())
            self.free[free.node.node_id] = nothing if request.exclusive else free.without(allocation)
        return allocations

    def awaited(self, request, held=()):
        nodes = {allocation.node for allocation in held}
        emptied = [idle(free.node) for free in self.candidates(self.free, request) if free.node not in nodes]
        chosen = dict.fromkeys(allocation.node for allocation in choose(request, emptied) or ())
        return tuple(whole(node) for node in chosen)

    def first_fit(self, request, releases, held=()):
        imagined = PlainLedger((), self.tight)
        imagined.free = dict(self.free)
        for number, release in enumerate([(request, ()), *releases]):
            imagined.give_back(*release)
            allocations = choose(request, self.candidates(imagined.left_by(held), request))
            if allocations:
                return number, allocations
        return None

    def give_back(self, request, allocations):
        for allocation in allocations:
            free = self.free.get(allocation.node.node_id)
            if free:
                cores, gpus = free.cores | set(allocation.cores), free.gpus | set(allocation.gpus)
                back = replace(free, cores=cores, gpus=gpus)
                self.free[free.node.node_id] = idle(free.node) if request.exclusive else back

    def drop(self, node_id):
        self.free.pop(node_id, None)

    def left_by(self, held):
        left = dict(self.free)
        for allocation in held:
            node_id = allocation.node.node_id
            if node_id in left:
                left[node_id] = left[node_id].without(allocation)
        return left

    def candidates(self, free, request):
        sign = 1 if self.tight else -1
        those = (f for node_id, f in free.items() if request.node_id in (None, node_id))
        return sorted(those, key=lambda f: (sign * len(f.cores), f.node.node_id))


def idle(node):
    return Free(node, frozenset(node.cores), frozenset(range(node.gpus)))


def choose(request, candidates):
    if not request.gpus:
        return choose_alike(request, candidates)
    for accelerator in dict.fromkeys(free.node.accelerator for free in candidates):
        alike = [free for free in candidates if free.node.accelerator == accelerator]
        if allocations := choose_alike(request, alike):
            return allocations
    return None


def choose_alike(request, candidates):
    room = [(free, workers_on(request, free)) for free in candidates]
    if request.spread:
        room = [(free, min(workers, 1)) for free, workers in room]
    else:
        room.sort(key=lambda pair: -min(pair[1], request.workers))
    left, allocations = request.workers, []
    for free, workers in room:
        here = min(workers, left)
        if here:
            allocations += allocate(request, free, here)
            left -= here
    return None if left else tuple(allocations)


def workers_on(request, free):
    node = free.node
    if request.accelerator not in (None, node.accelerator) or (request.exclusive and not free.whole):
        return 0
    if request.gpus > node.gpus_of_a_process:
        return 0
    by_gpu = len(free.gpus) // request.gpus if request.gpus else request.workers
    if request.cpus is None and not request.gpus:
        return min(by_gpu, len(node.cores)) if len(free.cores) == len(node.cores) else 0
    return min(by_gpu, len(free.cores) // cores_each(request, node, 1))


def cores_each(request, node, workers):
    if request.cpus is not None:
        return request.cpus
    if request.gpus:
        share = len(node.cores) * request.gpus // max(node.gpus, 1)
        return max(share, min(2, len(node.cores)), 1)
    return max(len(node.cores) // workers, 1)


def allocate(request, free, workers):
    each = cores_each(request, free.node, workers)
    cores, gpus, allocations = set(free.cores), sorted(free.gpus), []
    for number in range(workers):
        mine = tuple(gpus[number * request.gpus : (number + 1) * request.gpus])
        near = {core for gpu in mine for core in near_cores(free.node, gpu)}
        chosen = sorted(cores, key=lambda core: (core not in near, core))[:each]
        cores -= set(chosen)
        allocations.append(Allocation(free.node, tuple(sorted(chosen)), mine))
    return allocations


def near_cores(node, gpu):
    return node.cores_near_gpu[gpu] if gpu < len(node.cores_near_gpu) else ()
