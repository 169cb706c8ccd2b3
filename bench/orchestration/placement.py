"""Where a run may go: pure bookkeeping of cores and GPUs per node, no Ray.

Core sets are handed out whole and by number, so that no two runs ever share a core; GPUs are counted here and
numbered by Ray.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bench.records.kinds import DeviceKind
from bench.records.scenario import Scenario


@dataclass(frozen=True)
class Node:
    """A node of the cluster as it is when nothing of ours runs there."""

    node_id: str
    name: str
    cores: tuple[int, ...]
    gpus: int = 0
    accelerator: str | None = None


@dataclass(frozen=True)
class Need:
    """What the process of a run needs: runs of equal needs may follow each other in one process.

    `cpus` None stands for the node's share: all of its cores on a CPU, cores / GPUs per GPU.
    """

    kind: DeviceKind
    cpus: int | None
    gpus: int
    accelerator: str | None


@dataclass(frozen=True)
class Place:
    """Cores and GPUs on one node, held by one process."""

    node: Node
    cores: tuple[int, ...]
    gpus: int


def need_of(scenario: Scenario, nodes: Iterable[Node]) -> Need:
    """What `scenario` needs here; device "auto" is a GPU wherever the cluster has one that fits."""
    fitting = [n for n in nodes if n.gpus and scenario.accelerator in (None, n.accelerator)]
    wants_gpu = scenario.device == "gpu" or scenario.accelerator is not None or scenario.precision == "tf32"
    kind: DeviceKind = "gpu" if wants_gpu or (scenario.device == "auto" and fitting) else "cpu"
    gpus = scenario.devices if kind == "gpu" else 0
    return Need(kind, scenario.cpus, gpus, scenario.accelerator)


def infeasible(need: Need, nodes: Iterable[Node]) -> str | None:
    """Why no node could ever hold `need`, even when idle; None where one could."""
    nodes = list(nodes)
    if not nodes:
        return "needs a node, and none is left"
    if any(_share(need, node) for node in nodes):
        return None
    if need.gpus and not any(node.gpus for node in nodes):
        return "needs a GPU, and no node has one"
    kind = f"GPUs of type {need.accelerator}" if need.accelerator else "GPUs"
    nodes = [node for node in nodes if need.accelerator in (None, node.accelerator)]
    if not nodes:
        return f"needs {kind}, and no node has any"
    most_gpus = max(node.gpus for node in nodes)
    if need.gpus > most_gpus:
        return f"needs {need.gpus} {kind} on one node, and no node has more than {most_gpus}"
    most = max(len(node.cores) for node in nodes if node.gpus >= need.gpus)
    beside = " beside its GPUs" if need.gpus else ""
    return f"needs {need.cpus or 1} CPU cores{beside} on one node, and no node has more than {most}"


class Ledger:
    """Which cores and GPUs of which node are free."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.node_id: node for node in nodes}
        self._cores = {node.node_id: set(node.cores) for node in self._nodes.values()}
        self._gpus = {node.node_id: node.gpus for node in self._nodes.values()}

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by id."""
        return self._nodes

    def take(self, need: Need, held: Collection[str] = ()) -> Place | None:
        """Hold what `need` asks for on the node with the most free cores, none of `held`.

        None where no node has that much free.
        """
        free = [node_id for node_id in self._nodes if node_id not in held]
        for node_id in sorted(free, key=lambda n: (-len(self._cores[n]), n)):
            node = self._nodes[node_id]
            share = _share(need, node)
            if share is None or share > len(self._cores[node_id]) or need.gpus > self._gpus[node_id]:
                continue
            cores = tuple(sorted(self._cores[node_id]))[:share]
            self._cores[node_id] -= set(cores)
            self._gpus[node_id] -= need.gpus
            return Place(node, cores, need.gpus)
        return None

    def give_back(self, place: Place) -> None:
        """Free what `take` held."""
        if place.node.node_id in self._nodes:
            self._cores[place.node.node_id] |= set(place.cores)
            self._gpus[place.node.node_id] += place.gpus

    def drop(self, node_id: str) -> None:
        """Forget a node that died."""
        self._nodes.pop(node_id, None)


def _share(need: Need, node: Node) -> int | None:
    """How many cores `need` means on `node`; None where the node can never hold it."""
    if need.gpus > node.gpus or need.accelerator not in (None, node.accelerator):
        return None
    if need.cpus is None:
        cores = len(node.cores) if not need.gpus else len(node.cores) * need.gpus // node.gpus
    else:
        cores = need.cpus
    cores = max(cores, 1)
    return cores if cores <= len(node.cores) else None
