"""A Ray cluster: started here or joined, its nodes inspected, the data sets put where all can map them."""

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray  # noqa: TID253 -- one of the two modules that own Ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: TID253

from bench.data.datasets import Dataset
from bench.errors import ClusterError
from bench.machine.affinity import usable_cores
from bench.machine.fingerprint import Fingerprint, fingerprint
from bench.orchestration.placement import Node

OBJECT_STORE_BYTES = 512 * 2**20  # nine data sets of 55 MB; pages are taken as they are used
INSPECT_SECONDS = 120.0
CONNECT_SECONDS = 10.0
_ACCELERATOR = "accelerator_type:"


@contextmanager
def ray_cluster(address: str | None) -> Iterator[None]:
    """Ray, started on this machine or joined at `address` (or RAY_ADDRESS), until the block ends.

    A cluster that was started here ends with the block, and with this process, however that ends. Raises
    ClusterError where none can be started or reached.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    # Ray's default of 15 lets any other process slow a run down. Ray spells its settings in small letters.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    common: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
    }
    try:
        if address and address != "local":
            _check_reachable(address)
            ray.init(address=address, **common)
        else:
            ray.init(
                address="local",
                num_cpus=len(usable_cores()),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                **common,
            )
    except (ConnectionError, ValueError, RuntimeError, TimeoutError, OSError) as error:
        where = f"at {address}" if address else "on this machine"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"no Ray cluster {where}: {reason}; check --address, or leave it out to start one"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise OSError where nobody listens at `address`: Ray itself would try again for minutes."""
    if "://" in address:
        raise ValueError("a Ray client address; give the head node's HOST:PORT, from inside the cluster")
    host, _, port = address.rpartition(":")
    if address != "auto" and host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


def inspect_nodes() -> tuple[tuple[Node, ...], dict[str, Fingerprint]]:
    """Every live node with its cores and GPUs, and its fingerprint, taken by a task on the node itself.

    Raises ClusterError where no node answers.
    """
    alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    asked = {node["NodeID"]: _ask(node["NodeID"]) for node in alive}
    done, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=INSPECT_SECONDS)
    nodes, fingerprints = [], {}
    for node in alive:
        reference = asked[node["NodeID"]]
        if reference not in done:
            continue
        cores, seen = ray.get(reference)
        nodes.append(_node(node, cores))
        fingerprints[node["NodeID"]] = seen
    if not nodes:
        raise ClusterError(
            f"no node of the Ray cluster answered within {INSPECT_SECONDS:g} s; see `ray status`"
        )
    return tuple(nodes), fingerprints


def share(datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """References to the data sets in the object store: read once here, mapped by every worker."""
    return {name: ray.put(dataset) for name, dataset in datasets.items()}


def _ask(node_id: str) -> Any:  # noqa: ANN401 -- a Ray reference, untyped
    affinity = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return ray.remote(_look).options(num_cpus=0, max_retries=0, scheduling_strategy=affinity).remote()


def _look() -> tuple[tuple[int, ...], Fingerprint]:
    return usable_cores(), fingerprint()


def _node(described: Mapping[str, Any], cores: tuple[int, ...]) -> Node:
    resources = described["Resources"]
    types = [key.removeprefix(_ACCELERATOR) for key in resources if key.startswith(_ACCELERATOR)]
    return Node(
        node_id=described["NodeID"],
        name=described["NodeManagerHostname"],
        cores=cores[: int(resources["CPU"])],
        gpus=int(resources.get("GPU", 0)),
        accelerator=types[0] if types else None,
    )
