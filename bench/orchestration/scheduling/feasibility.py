"""Which scenarios the nodes at hand could ever hold, told before anything is started. No Ray."""

import re
from collections.abc import Iterable, Sequence

from bench.machine.affinity import usable_cores
from bench.machine.nvml import open_nvml
from bench.orchestration.scheduling.infeasible import infeasible
from bench.orchestration.scheduling.request import Node, one_of_each, request_of
from bench.records.suite import Point

_TYPE = re.compile(r"\w+\s+([A-Z0-9]+)")
"""Of "NVIDIA H100 80GB HBM3" the "H100", as Ray names a node's accelerator type."""


def this_machine() -> Node:
    """The node that a Ray which is started here would have."""
    types, slices, nvml = list[str](), tuple[str, ...](), open_nvml()
    if nvml is not None:
        try:
            types = [_accelerator(nvml.gpu(index).name) for index in range(nvml.count)]
            slices = nvml.slice_names
        finally:
            nvml.close()
    accelerator = next(iter(types), None) or None
    return Node("here", "this machine", usable_cores(), len(types), accelerator, slices=slices)


def impossible(points: Iterable[Point], nodes: Sequence[Node], exclusive: bool) -> dict[str, str]:
    """Why, by scenario id, of those of `points` that `nodes` can never hold."""
    kinds = one_of_each(nodes)
    requests = {point.scenario.scenario_id: request_of(point.scenario, kinds, exclusive) for point in points}
    reasons = {request: infeasible(request, nodes) for request in set(requests.values())}
    return {scenario_id: reason for scenario_id, request in requests.items() if (reason := reasons[request])}


def _accelerator(name: str | None) -> str:
    found = _TYPE.match(name or "")
    return found[1] if found else ""
