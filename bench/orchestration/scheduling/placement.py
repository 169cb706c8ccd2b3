"""Where a run may go: pure bookkeeping of cores and GPUs per node, no Ray.

Core sets are handed out whole and by number, so that no two runs ever share a core, near their GPUs where
the node knows which those are. GPUs are handed out lowest number first, as Ray does; where others use the
cluster, too, Ray may number them otherwise, and then only the nearness is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.records.kinds import DeviceKind
from bench.records.scenario import MULTI_PROCESS, Scenario, Strategy

GPU_CORES = 2  # one for the thread that waits for the GPU, one for the threads that give it work


@dataclass(frozen=True)
class Node:
    """A node of the cluster as it is when nothing of ours runs there.

    `address` is where other nodes reach it. `cores_near_gpu` has the cores on the NUMA node of each GPU; it
    is empty where nobody knows. `slices` are the names of the MIG slices that its GPUs are cut into, of which
    a process sees one.
    """

    node_id: str
    name: str
    cores: tuple[int, ...]
    gpus: int = 0
    accelerator: str | None = None
    address: str = "127.0.0.1"
    cores_near_gpu: tuple[tuple[int, ...], ...] = ()
    slices: tuple[str, ...] = ()

    @property
    def gpus_of_a_process(self) -> int:
        """How many GPUs one process may use: CUDA shows it no more than one MIG slice."""
        return min(self.gpus, 1) if self.slices else self.gpus


@dataclass(frozen=True)
class Request:
    """What the processes of a run need: runs of equal needs may follow each other in the same ones.

    `cpus` and `gpus` are those of each worker. `cpus` None stands for the node's share: on a CPU all of its
    cores, divided among the workers there; on GPUs cores / GPUs per GPU, but at least `GPU_CORES`. With
    `spread` each worker has a node of its own, else they fill as few as they can. Whether TensorFlow is
    `deterministic` is settled when it starts, for all runs of a process. With `exclusive` nobody else is on
    these nodes. `node_id` is the one node that will do, None where any does.
    """

    kind: DeviceKind
    cpus: int | None
    gpus: int
    accelerator: str | None
    strategy: Strategy = "one_device"
    devices: int = 1
    workers: int = 1
    servers: int = 0
    spread: bool = False
    deterministic: bool = False
    exclusive: bool = False
    node_id: str | None = None

    @property
    def grouped(self) -> bool:
        """Whether it takes several processes, fresh ones that find each other."""
        return self.strategy in MULTI_PROCESS


@dataclass(frozen=True)
class Allocation:
    """Cores and GPUs, by number, on one node, held by one process."""

    node: Node
    cores: tuple[int, ...]
    gpus: tuple[int, ...] = ()


Allocations = tuple[Allocation, ...]
"""One for each worker of a run; of one node they follow each other."""


@dataclass(frozen=True)
class _Free:
    """What of a node may be taken."""

    node: Node
    cores: frozenset[int]
    gpus: frozenset[int]

    @property
    def whole(self) -> bool:
        return len(self.cores) == len(self.node.cores) and len(self.gpus) == self.node.gpus


def request_of(scenario: Scenario, nodes: Iterable[Node], exclusive: bool = False) -> Request:
    """What `scenario` needs here; device "auto" is a GPU wherever the cluster has one that fits."""
    fitting = [n for n in nodes if n.gpus and scenario.accelerator in (None, n.accelerator)]
    wants_gpu = scenario.device == "gpu" or scenario.accelerator is not None or scenario.precision == "tf32"
    kind: DeviceKind = "gpu" if wants_gpu or (scenario.device == "auto" and fitting) else "cpu"
    return Request(
        kind,
        scenario.cpus,
        scenario.devices if kind == "gpu" else 0,
        scenario.accelerator,
        strategy=scenario.strategy,
        devices=scenario.devices,
        workers=scenario.workers,
        servers=scenario.servers if scenario.strategy == "parameter_server" else 0,
        spread=scenario.placement == "spread",
        deterministic=scenario.deterministic,
        exclusive=exclusive,
    )


def infeasible(request: Request, nodes: Iterable[Node]) -> str | None:
    """Why the cluster could never hold `request`, even when idle; None where it could."""
    nodes = [node for node in nodes if request.node_id in (None, node.node_id)]
    if not nodes:
        return "needs a node, and none is left"
    if _choose(request, [_idle(node) for node in nodes]):
        return None
    return _why_no_worker_fits(replace(request, workers=1), nodes) or _why_not_all(request, nodes)


class Ledger:
    """Which cores and GPUs of which node are free.

    Of the nodes that would do, a run goes where most cores are free, and so where fewest others are; or, with
    `tight`, where fewest are, which leaves more room for those that need much.
    """

    def __init__(self, nodes: Iterable[Node], tight: bool = False) -> None:
        self._free = {node.node_id: _idle(node) for node in nodes}
        self._tight = tight

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by id."""
        return {node_id: free.node for node_id, free in self._free.items()}

    def copy(self) -> "Ledger":
        """Another one, to imagine with."""
        imagined = Ledger((), self._tight)
        imagined._free = dict(self._free)
        return imagined

    def take(self, request: Request, held: Iterable[Allocation] = ()) -> Allocations | None:
        """Hold what `request` asks for, nothing of what is `held` for others; None where there is no room."""
        allocations = _choose(request, self._candidates(self._without(held), request))
        for allocation in allocations or ():
            free = self._free[allocation.node.node_id]
            left = replace(
                free, cores=free.cores - set(allocation.cores), gpus=free.gpus - set(allocation.gpus)
            )
            self._free[allocation.node.node_id] = _nothing(free.node) if request.exclusive else left
        return allocations

    def awaited(self, request: Request, held: Iterable[Allocation] = ()) -> Allocations:
        """The nodes, whole, that a run of `request` had best wait for: those with the most free now.

        Empty where it cannot be placed beside what is `held` for others.
        """
        emptied = [
            _idle(free.node)
            for free in self._candidates(self._free, request)
            if not _touches(free.node, held)
        ]
        nodes = dict.fromkeys(allocation.node for allocation in _choose(request, emptied) or ())
        return tuple(whole(node) for node in nodes)

    def first_fit(
        self, request: Request, releases: Sequence[tuple[Request, Allocations]], held: Iterable[Allocation]
    ) -> tuple[int, Allocations] | None:
        """How many of `releases` have to be given back until `request` fits, and where."""
        imagined, held = self.copy(), list(held)
        for number in range(len(releases) + 1):
            found = imagined.take(request, held)
            if found:
                return number, found
            if number < len(releases):
                imagined.give_back(*releases[number])
        return None

    def give_back(self, request: Request, allocations: Allocations) -> None:
        """Free what `take` held."""
        for allocation in allocations:
            free = self._free.get(allocation.node.node_id)
            if free is None:
                continue
            back = replace(
                free, cores=free.cores | set(allocation.cores), gpus=free.gpus | set(allocation.gpus)
            )
            self._free[allocation.node.node_id] = _idle(free.node) if request.exclusive else back

    def drop(self, node_id: str) -> None:
        """Forget a node that died."""
        self._free.pop(node_id, None)

    def _without(self, held: Iterable[Allocation]) -> dict[str, _Free]:
        left = dict(self._free)
        for allocation in held:
            free = left.get(allocation.node.node_id)
            if free is not None:
                cores, gpus = free.cores - set(allocation.cores), free.gpus - set(allocation.gpus)
                left[allocation.node.node_id] = replace(free, cores=cores, gpus=gpus)
        return left

    def _candidates(self, free: Mapping[str, _Free], request: Request) -> list[_Free]:
        sign = 1 if self._tight else -1
        return sorted(
            (f for node_id, f in free.items() if request.node_id in (None, node_id)),
            key=lambda f: (sign * len(f.cores), f.node.node_id),
        )


def whole(node: Node) -> Allocation:
    """All that `node` has."""
    return Allocation(node, node.cores, tuple(range(node.gpus)))


def _touches(node: Node, held: Iterable[Allocation]) -> bool:
    return any(allocation.node == node for allocation in held)


def _idle(node: Node) -> _Free:
    return _Free(node, frozenset(node.cores), frozenset(range(node.gpus)))


def _nothing(node: Node) -> _Free:
    return _Free(node, frozenset(), frozenset())


def _choose(request: Request, candidates: Sequence[_Free]) -> Allocations | None:
    """A place for each worker on the first of `candidates` that do; GPUs of one gang are of one type."""
    if not request.gpus:
        return _choose_alike(request, candidates)
    for accelerator in dict.fromkeys(free.node.accelerator for free in candidates):
        alike = [free for free in candidates if free.node.accelerator == accelerator]
        allocations = _choose_alike(request, alike)
        if allocations:
            return allocations
    return None


def _choose_alike(request: Request, candidates: Sequence[_Free]) -> Allocations | None:
    room = [(free, _room(request, free)) for free in candidates]
    if request.spread:
        room = [(free, min(workers, 1)) for free, workers in room]
    else:  # fewest nodes: the roomiest first, and of these the order of the candidates
        room.sort(key=lambda pair: -min(pair[1], request.workers))
    left, allocations = request.workers, list[Allocation]()
    for free, workers in room:
        here = min(workers, left)
        if here:
            allocations += _places(request, free, here)
            left -= here
    return None if left else tuple(allocations)


def _room(request: Request, free: _Free) -> int:
    """How many workers of `request` may go where `free` is."""
    node = free.node
    if request.accelerator not in (None, node.accelerator) or (request.exclusive and not free.whole):
        return 0
    if request.gpus > node.gpus_of_a_process:
        return 0
    by_gpu = len(free.gpus) // request.gpus if request.gpus else request.workers
    if request.cpus is None and not request.gpus:
        return min(by_gpu, len(node.cores)) if len(free.cores) == len(node.cores) else 0
    return min(by_gpu, len(free.cores) // _cores_each(request, node, 1))


def _cores_each(request: Request, node: Node, workers: int) -> int:
    """How many cores each of `workers` on `node` gets."""
    if request.cpus is not None:
        return request.cpus
    if request.gpus:
        share = len(node.cores) * request.gpus // max(node.gpus, 1)
        return max(share, min(GPU_CORES, len(node.cores)), 1)
    return max(len(node.cores) // workers, 1)


def _places(request: Request, free: _Free, workers: int) -> list[Allocation]:
    each = _cores_each(request, free.node, workers)
    cores, gpus, allocations = set(free.cores), sorted(free.gpus), list[Allocation]()
    for number in range(workers):
        mine = tuple(gpus[number * request.gpus : (number + 1) * request.gpus])
        near = {core for gpu in mine for core in _near(free.node, gpu)}
        chosen = sorted(cores, key=lambda core: (core not in near, core))[:each]
        cores -= set(chosen)
        allocations.append(Allocation(free.node, tuple(sorted(chosen)), mine))
    return allocations


def _near(node: Node, gpu: int) -> tuple[int, ...]:
    return node.cores_near_gpu[gpu] if gpu < len(node.cores_near_gpu) else ()


def _why_no_worker_fits(request: Request, nodes: Sequence[Node]) -> str | None:
    """Why none of `nodes` could hold even one worker; None where one could."""
    if any(_room(request, _idle(node)) for node in nodes):
        return None
    if request.gpus and not any(node.gpus for node in nodes):
        return "needs a GPU, and no node has one"
    kind = f"GPUs of type {request.accelerator}" if request.accelerator else "GPUs"
    nodes = [node for node in nodes if request.accelerator in (None, node.accelerator)]
    if not nodes:
        return f"needs {kind}, and no node has any"
    most_gpus = max(node.gpus for node in nodes)
    if request.gpus > most_gpus:
        return f"needs {request.gpus} {kind} on one node, and no node has more than {most_gpus}"
    nodes = [node for node in nodes if request.gpus <= node.gpus_of_a_process]
    if not nodes:
        return f"needs {request.gpus} {kind} in one process, and a process sees only one MIG slice"
    most = max(len(node.cores) for node in nodes if node.gpus >= request.gpus)
    beside = " beside its GPUs" if request.gpus else ""
    return f"needs {request.cpus or 1} CPU cores{beside} on one node, and no node has more than {most}"


def _why_not_all(request: Request, nodes: Sequence[Node]) -> str:
    """Why `nodes`, which could hold a worker, cannot hold all of them."""
    rooms = [_room(request, _idle(node)) for node in nodes]
    if request.spread:
        fitting = sum(room > 0 for room in rooms)
        return f"needs {request.workers} nodes, one for each worker, and only {fitting} could hold one"
    if not request.gpus:
        cores = _several(request.cpus or 1, "CPU core")
        return f"needs {request.workers} workers with {cores} each, and all nodes together hold {sum(rooms)}"
    each, remedy = _several(request.gpus, "GPU"), ""
    if _most_of_a_type(nodes, [node.gpus // request.gpus for node in nodes]) >= request.workers:
        each += f" and {_several(request.cpus or GPU_CORES, 'CPU core')}"
        remedy = "" if request.cpus else "; set cpus = 1 if a core must do for each"
    return (
        f"needs {request.workers} workers with {each} each, all of one type, "
        f"and no type's nodes hold more than {_most_of_a_type(nodes, rooms)}{remedy}"
    )


def _most_of_a_type(nodes: Sequence[Node], rooms: Sequence[int]) -> int:
    """How many workers the nodes with the same type of GPU have room for together: the most of any type."""
    by_type: dict[str | None, int] = {}
    for node, room in zip(nodes, rooms, strict=True):
        by_type[node.accelerator] = by_type.get(node.accelerator, 0) + room
    return max(by_type.values())


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
