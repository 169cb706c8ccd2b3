"""Which nodes are gone, found out sooner than Ray says so."""

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray

from bench.orchestration.on_ray.vigil import Vigil
from bench.orchestration.scheduling.request import Allocations, Node

ANSWER_SECONDS = 5.0
KNOWN_SECONDS = 1.0


class Liveness:
    """Of the cluster's nodes, as Ray's own daemons there tell it: whoever answers is there.

    A node that did not answer once counts as gone from then on: what it holds is given up, and nobody waits
    for it again. Raises ClusterLostError where Ray's head is, since nobody could say.
    """

    def __init__(self, vigil: Vigil | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._vigil = vigil or Vigil()
        self._clock, self._known_at = clock, float("-inf")
        self._known: dict[str, Mapping[str, Any]] = {}
        self._gone: set[str] = set()

    def first_gone(self, allocations: Allocations) -> Node | None:
        """The first of these nodes that is gone, None where all are there."""
        self._vigil.check()
        nodes = dict.fromkeys(allocation.node for allocation in allocations)
        return next((node for node in nodes if self._is_gone(node.node_id)), None)

    def _is_gone(self, node_id: str) -> bool:
        if node_id not in self._gone and not _answers(self._nodes().get(node_id)):
            self._gone.add(node_id)
        return node_id in self._gone

    def _nodes(self) -> Mapping[str, Mapping[str, Any]]:
        """As Ray has them, asked for again after a moment alone: there may be a thousand.

        Or as it had them, while nobody there answers.
        """
        if self._clock() - self._known_at > KNOWN_SECONDS and (not self._known or self._vigil.answers()):
            self._known = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
            self._known_at = self._clock()
        return self._known


def _answers(node: Mapping[str, Any] | None) -> bool:
    if node is None:
        return False
    try:
        where = node["NodeManagerAddress"], node["NodeManagerPort"]
        socket.create_connection(where, timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True
