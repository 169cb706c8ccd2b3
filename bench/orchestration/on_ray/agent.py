"""What a node has for a session: an actor that holds its fork server, with the data sets to be mapped.

But for the node that the command is on, if it holds that server itself.
"""

import os
from collections.abc import Mapping
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray

from bench.orchestration.processes.fork_server import ForkServer
from bench.orchestration.processes.lifeline import die_with_parent


class NodeAgent:
    """Plain class; `agents` makes it an actor. `datasets` are references, by name.

    Its process lives as long as the session and the node's daemon do, and the fork server as long as that.
    """

    def __init__(self, datasets: Mapping[str, Any]) -> None:
        die_with_parent(os.getppid())
        loaded = ray.get(list(datasets.values()))
        inside = ray._private.worker._global_node.get_session_dir_path()  # goes with a Ray of one's own
        self._server = ForkServer(dict(zip(datasets, loaded, strict=True)), inside)

    def address(self) -> str:
        """Where processes are to be had."""
        return self._server.address

    def live(self) -> None:
        """Returns once the fork server is gone, which it should not be."""
        self._server.wait()
