"""What the workers of one run hold on Ray: a placement group of one bundle for each."""

from collections.abc import Iterable

from ray.util.placement_group import (  # noqa: TID253 -- one of the modules that own Ray
    PlacementGroup,
    placement_group,
)

from bench.orchestration.scheduling.request import Allocation, Allocations, Request

_NODE_LABEL = "ray.io/node-id"


def group_for(request: Request, allocations: Allocations) -> PlacementGroup:
    """A bundle for each worker, on the very node that was chosen for it."""
    return placement_group(
        [_bundle(request, allocations, number) for number in range(len(allocations))],
        strategy="STRICT_SPREAD" if request.spread else "PACK",
        bundle_label_selector=[{_NODE_LABEL: allocation.node.node_id} for allocation in allocations],
    )


def _bundle(request: Request, allocations: Allocations, number: int) -> dict[str, float]:
    """What the worker holds; with `exclusive` the first one on a node also holds what nobody may have."""
    allocation = allocations[number]
    held = _resources([allocation])
    beside = [other for other in allocations if other.node == allocation.node]
    if request.exclusive and beside[0] is allocation:
        surplus = {"CPU": len(allocation.node.cores), "GPU": allocation.node.gpus}
        taken = _resources(beside)
        held = {name: held.get(name, 0) + surplus[name] - taken.get(name, 0) for name in surplus}
    return {name: amount for name, amount in held.items() if amount}


def _resources(allocations: Iterable[Allocation]) -> dict[str, float]:
    allocations = list(allocations)
    return {
        "CPU": sum(len(allocation.cores) for allocation in allocations),
        "GPU": sum(len(allocation.gpus) for allocation in allocations),
    }
