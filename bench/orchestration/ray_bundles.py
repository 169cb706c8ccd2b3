"""What the workers of one run hold on Ray: a placement group of one bundle for each."""

from collections.abc import Iterable

from ray.util.placement_group import (  # noqa: TID253 -- one of the modules that own Ray
    PlacementGroup,
    placement_group,
)

from bench.orchestration.placement import Need, Place, Places

_NODE_LABEL = "ray.io/node-id"


def group_for(need: Need, places: Places) -> PlacementGroup:
    """A bundle for each worker, on the very node that was chosen for it."""
    return placement_group(
        [_bundle(need, places, number) for number in range(len(places))],
        strategy="STRICT_SPREAD" if need.spread else "PACK",
        bundle_label_selector=[{_NODE_LABEL: place.node.node_id} for place in places],
    )


def _bundle(need: Need, places: Places, number: int) -> dict[str, float]:
    """What the worker holds; with `exclusive` the first one on a node also holds what nobody may have."""
    place = places[number]
    held = _resources([place])
    beside = [other for other in places if other.node == place.node]
    if need.exclusive and beside[0] is place:
        surplus = {"CPU": len(place.node.cores), "GPU": place.node.gpus}
        taken = _resources(beside)
        held = {name: held.get(name, 0) + surplus[name] - taken.get(name, 0) for name in surplus}
    return {name: amount for name, amount in held.items() if amount}


def _resources(places: Iterable[Place]) -> dict[str, float]:
    places = list(places)
    return {
        "CPU": sum(len(place.cores) for place in places),
        "GPU": sum(len(place.gpus) for place in places),
    }
