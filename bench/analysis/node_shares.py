"""How much of each of its nodes a run had: what of them nobody else could have meanwhile."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.orchestration.scheduling.room import GPU_CORES
from bench.records.run_table import Rows, RunTable
from bench.records.tables import Row

RUN_COLUMNS = (
    *("session_id", "node", "nodes", "machine_id", "machine", "machines", "cpus", "devices", "workers"),
    "device_name",
)
"""Of `runs`, all that is read here."""
MACHINE_COLUMNS = (
    *("session_id", "node", "machine_id", "machine", "cpu_cores_logical", "cgroup_cores"),
    *("cgroup_cpu_limit", "gpu_count", "gpu_name"),
)
"""Of `machines`, all that is read here."""


@dataclass(frozen=True)
class NodeFacts:
    """A node as a session had it; `cores` and `gpus` are None where nobody recorded them."""

    session_id: str
    node: str | None
    machine_id: str | None
    machine: str | None
    cores: int | None = None
    gpus: int | None = None
    gpu_names: frozenset[str] = frozenset()


Share = tuple[NodeFacts, float]
"""A node, and the part of it, up to 1, that a run had."""


def node_shares(runs: RunTable, machines: Iterable[Row]) -> Iterator[tuple[Rows, tuple[Share, ...]]]:
    """Rows that had the same of the same nodes, and what they had; `machines` are rows of that table.

    A run has of a node the share of its cores or of its GPUs, whichever is larger (the dominant share: Ghodsi
    and others 2011): what it leaves of the other one is of use to few. Without `cpus` a run on a CPU has all
    of the node, one on GPUs its GPUs' share of the cores, `GPU_CORES` at least. Workers on one node add up.
    Where nobody knows what the node has, a run has all of it. `exclusive` suites and clusters that declare
    fewer CPUs than a node has are not told by the tables: there a run that asks for few cores has more than
    is said here.
    """
    known = {(facts.session_id, facts.node): facts for facts in map(_facts, machines)}
    columns = [runs.codes(name) for name in RUN_COLUMNS]
    for rows in runs.groups(*RUN_COLUMNS):
        first = int(rows[0])
        had = {name: column[first] for name, column in zip(RUN_COLUMNS, columns, strict=True)}
        yield rows, tuple(_shares(had, known))


def _shares(had: Mapping[str, Any], known: Mapping[tuple[str, str | None], NodeFacts]) -> Iterator[Share]:
    workers = had["workers"] or 1
    names = had["nodes"] or (had["node"],) * workers
    machines = had["machines"] or ()
    for place, (node, number) in enumerate(Counter(names).items()):
        machine = machines[names.index(node)] if len(machines) == len(names) else None
        told = NodeFacts(
            session_id=had["session_id"],
            node=node,
            machine_id=had["machine_id"] if place == 0 else None,
            machine=had["machine"] if place == 0 else machine,
        )
        facts = known.get((had["session_id"], node), told)
        yield facts, _share(facts, number, had["cpus"], had["devices"] or 1, had["device_name"])


def _share(facts: NodeFacts, workers: int, cpus: int | None, devices: int, device_name: str | None) -> float:
    """Of one node, for so many workers on it."""
    gpus = facts.gpus if device_name in facts.gpu_names else None
    of_gpus = workers * devices / gpus if gpus else 0.0
    if cpus is None and gpus:
        cores = facts.cores or 0
        cpus = max(cores * devices // gpus, min(GPU_CORES, cores))
    of_cores = workers * cpus / facts.cores if cpus is not None and facts.cores else 0.0 if gpus else 1.0
    return min(max(of_gpus, of_cores), 1.0)


def _facts(row: Row) -> NodeFacts:
    limits = [row.get(name) for name in ("cpu_cores_logical", "cgroup_cores", "cgroup_cpu_limit")]
    return NodeFacts(
        session_id=row["session_id"],
        node=row["node"],
        machine_id=row["machine_id"],
        machine=row["machine"],
        cores=max(int(min(limit for limit in limits if limit)), 1) if any(limits) else None,
        gpus=row.get("gpu_count"),
        gpu_names=frozenset(name for name in row.get("gpu_name") or () if name),
    )
