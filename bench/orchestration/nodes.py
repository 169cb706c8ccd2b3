"""What a cluster's nodes are: looked at from a process on each, then named and given their cores. No Ray."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.machine.affinity import allowed_cores, cores_near_gpu, usable_cores
from bench.machine.files import ROOT, read_text
from bench.machine.fingerprint import Fingerprint, fingerprint
from bench.machine.nvml import open_nvml
from bench.orchestration.scheduling.request import Node

_BOOT_ID = "proc/sys/kernel/random/boot_id"
_TRAINING = ("keras", "tensorflow")  # imported only once a run starts there


@dataclass(frozen=True)
class Declared:
    """A node as it told the cluster when it joined: so many CPUs and GPUs, whatever it has."""

    node_id: str
    name: str
    address: str
    cpus: int
    gpus: int = 0
    accelerator: str | None = None


@dataclass(frozen=True)
class Sight:
    """A node as a process there sees it.

    `boot_id` is the same for all nodes that share a kernel, None where it does not tell. Of the `allowed`
    cores a quota may pay for `paid` only. `slices` are the names of the MIG slices that its GPUs are cut
    into. `missing` are packages that training needs and that are not there.
    """

    boot_id: str | None
    allowed: tuple[int, ...]
    paid: int
    cores_near_gpu: tuple[tuple[int, ...], ...] = ()
    slices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


Seen = tuple[Declared, Sight]


def look(root: Path = ROOT) -> tuple[Sight, Fingerprint]:
    """What this process sees of its node. `root` stands for `/`; tests pass a made-up tree."""
    near, slices = _gpus()
    sight = Sight(
        boot_id=read_text(root / _BOOT_ID),
        allowed=allowed_cores(root),
        paid=len(usable_cores(root)),
        cores_near_gpu=near,
        slices=slices,
        missing=tuple(name for name in _TRAINING if find_spec(name) is None),
    )
    return sight, fingerprint()


def as_nodes(seen: Sequence[Seen]) -> tuple[Node, ...]:
    """The nodes by name, each with its cores and with what is known of its GPUs.

    The cores near GPUs are left out where NVML sees other GPUs than the node declares: nobody knows then
    which of them Ray hands out.
    """
    names, cores = _names([declared for declared, _ in seen]), _deal(seen)
    nodes = (
        Node(
            node_id=declared.node_id,
            name=names[declared.node_id],
            cores=cores[declared.node_id],
            gpus=declared.gpus,
            accelerator=declared.accelerator,
            address=declared.address,
            cores_near_gpu=sight.cores_near_gpu if len(sight.cores_near_gpu) == declared.gpus else (),
            slices=sight.slices,
        )
        for declared, sight in seen
    )
    return tuple(sorted(nodes, key=lambda node: node.name))


def _deal(seen: Iterable[Seen]) -> dict[str, tuple[int, ...]]:
    """Cores for every node id: as many as the node declares CPUs, as far as it may use and its quota pays.

    Nodes that share a host (test clusters; two pods with CPU limits, but without cpusets) get different
    ones. Only where together they declare more CPUs than there are cores do they share some: then the
    cores that the fewest have go round again.
    """
    dealt, cores = Counter[tuple[str, int]](), dict[str, tuple[int, ...]]()
    # Who may use few cores chooses before who may use many.
    for declared, sight in sorted(seen, key=lambda it: (len(it[1].allowed), it[0].name, it[0].node_id)):
        host = sight.boot_id or declared.address
        least_used = sorted(sight.allowed, key=lambda core: (dealt[host, core], core))
        taken = least_used[: min(declared.cpus, sight.paid)]
        dealt.update((host, core) for core in taken)
        cores[declared.node_id] = tuple(sorted(taken))
    return cores


def _names(nodes: Iterable[Declared]) -> dict[str, str]:
    """A distinct name for every node id: equal ones get the address, and a number where that is equal too."""
    ordered = sorted(nodes, key=lambda node: node.node_id)
    names = [node.name for node in ordered]
    names = [
        f"{n}-{node.address}" if names.count(n) > 1 else n for n, node in zip(names, ordered, strict=True)
    ]
    names = [f"{n}-{names[: i + 1].count(n)}" if names.count(n) > 1 else n for i, n in enumerate(names)]
    return {node.node_id: name for node, name in zip(ordered, names, strict=True)}


def _gpus() -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """The cores near each GPU, in NVML's order, and the names of MIG slices; empty where there is no NVML."""
    nvml = open_nvml()
    if nvml is None:
        return (), ()
    try:
        return tuple(cores_near_gpu(device, nvml) or () for device in nvml.devices), nvml.slice_names
    finally:
        nvml.close()
