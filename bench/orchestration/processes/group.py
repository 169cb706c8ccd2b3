"""Who is who among the processes of one run. No Ray here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.orchestration.scheduling.request import Allocation, Allocations, Request
from bench.records.kinds import DeviceKind
from bench.training.role import Role, TaskType


@dataclass(frozen=True)
class ProcessSpec:
    """A process of a run: its part, and what it holds. `bundle` is the number of the worker beside it.

    What `trains` has its allocation's cores and GPUs. The chief and the servers of parameter_server train
    nothing: they share the cores of the workers on their node.
    """

    task_type: TaskType
    index: int
    allocation: Allocation
    bundle: int

    @property
    def trains(self) -> bool:
        """Whether it computes gradients, on devices of its own."""
        return self.task_type == "worker"

    def kind(self, request: Request) -> DeviceKind:
        """What its TensorFlow sees: a GPU's memory is only for those that train on it."""
        return request.kind if self.trains else "cpu"


def specs(request: Request, allocations: Allocations) -> tuple[ProcessSpec, ...]:
    """The processes of a run on `allocations`, which has one for each worker; who reports comes first."""
    workers = tuple(
        ProcessSpec("worker", number, allocation, number) for number, allocation in enumerate(allocations)
    )
    if request.strategy != "parameter_server":
        return workers
    chief = ProcessSpec("chief", 0, _beside(allocations, 0), 0)
    # From the last worker's node on backwards, since the chief is on the first's.
    numbers = [-1 - number % len(allocations) for number in range(request.servers)]
    servers = (
        ProcessSpec("ps", index, _beside(allocations, number), number % len(allocations))
        for index, number in enumerate(numbers)
    )
    return (chief, *workers, *servers)


def role(request: Request, spec: ProcessSpec, addresses: Mapping[TaskType, tuple[str, ...]]) -> Role:
    """What the process at `spec` is told of itself and the others."""
    return Role(request.strategy, request.devices, spec.task_type, spec.index, addresses)


def by_task_type(
    specified: Sequence[ProcessSpec], addresses: Sequence[str]
) -> dict[TaskType, tuple[str, ...]]:
    """The address of each of `specified`, by role and in order."""
    found: dict[TaskType, tuple[str, ...]] = {}
    for spec, address in zip(specified, addresses, strict=True):
        found[spec.task_type] = (*found.get(spec.task_type, ()), address)
    return found


def _beside(allocations: Allocations, number: int) -> Allocation:
    """All cores of the workers on the node of worker `number`, and none of their GPUs."""
    node = allocations[number].node
    cores = {core for allocation in allocations if allocation.node == node for core in allocation.cores}
    return Allocation(node, tuple(sorted(cores)))
