"""What a run asks for, and what it gets: nodes, requests and allocations."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

from bench.orchestration.scheduling.masks import mask
from bench.records.kinds import DeviceKind
from bench.records.scenario import MULTI_PROCESS, Scenario, Strategy


class _Remembering:
    """A dataclass that works out what follows from its fields once.

    Other processes get its fields alone: there the same strings have other hashes.
    """

    def __getstate__(self) -> dict[str, object]:
        return {field.name: self.__dict__[field.name] for field in fields(self)}  # type: ignore[arg-type]


class Shape(NamedTuple):
    """What decides how many workers an idle node has room for: the number of its cores, and its GPUs."""

    cores: int
    gpus: int
    gpus_of_a_process: int
    accelerator: str | None


@dataclass(frozen=True)
class Node(_Remembering):
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

    def __hash__(self) -> int:
        return hash(self.node_id)

    @property
    def gpus_of_a_process(self) -> int:
        """How many GPUs one process may use: CUDA shows it no more than one MIG slice."""
        return min(self.gpus, 1) if self.slices else self.gpus

    @cached_property
    def shape(self) -> Shape:
        """Nodes of one shape have room for the same."""
        return Shape(len(self.cores), self.gpus, self.gpus_of_a_process, self.accelerator)


@dataclass(frozen=True)
class Request(_Remembering):
    """What the processes of a run need: runs of equal requests may follow each other in the same slot.

    `cpus` and `gpus` are those of each worker. `cpus` None stands for the node's share: on a CPU all of its
    cores, divided among the workers there; on GPUs cores / GPUs per GPU, but at least `room.GPU_CORES`. With
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

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(self.__getstate__().values()))

    @cached_property
    def least(self) -> tuple[int, int]:
        """How many cores and GPUs it takes, wherever that is, at least."""
        return self.workers * (self.cpus or 1), self.workers * self.gpus

    @property
    def grouped(self) -> bool:
        """Whether it takes several processes, fresh ones that find each other."""
        return self.strategy in MULTI_PROCESS


@dataclass(frozen=True)
class Allocation(_Remembering):
    """Cores and GPUs, by number, on one node, held by one process."""

    node: Node
    cores: tuple[int, ...]
    gpus: tuple[int, ...] = ()

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.node, self.cores, self.gpus))

    @cached_property
    def core_mask(self) -> int:
        """Its cores as bits."""
        return mask(self.cores)

    @cached_property
    def gpu_mask(self) -> int:
        """Its GPUs as bits."""
        return mask(self.gpus)


Allocations = tuple[Allocation, ...]
"""One for each worker of a run; of one node they follow each other."""


def request_of(scenario: Scenario, nodes: Iterable[Node], exclusive: bool = False) -> Request:
    """What `scenario` needs here; device "auto" is a GPU wherever the cluster has one that fits."""
    wants_gpu = scenario.device == "gpu" or scenario.accelerator is not None or scenario.precision == "tf32"
    kind: DeviceKind = "gpu" if wants_gpu or (scenario.device == "auto" and _fit(scenario, nodes)) else "cpu"
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


def one_of_each(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """A node of each shape: all that `request_of` has to look at."""
    return tuple({node.shape: node for node in nodes}.values())


def whole(node: Node) -> Allocation:
    """All that `node` has."""
    return Allocation(node, node.cores, tuple(range(node.gpus)))


def _fit(scenario: Scenario, nodes: Iterable[Node]) -> bool:
    """Whether any of `nodes` has a GPU for `scenario`."""
    return any(node.gpus and scenario.accelerator in (None, node.accelerator) for node in nodes)
