"""The node agents of a session: one on each node with slots that this process does not serve itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import RayError  # noqa: TID253
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: TID253

from bench.orchestration.on_ray.agent import NodeAgent
from bench.orchestration.on_ray.calls import Answer, Calls
from bench.orchestration.pool import Event
from bench.orchestration.processes.fork_server import ForkServer

ATTEMPTS = 3
"""Of a node on which no agent comes up: there each process starts anew, which takes longer and no more."""


@dataclass(eq=False)
class _Agent:
    handle: Any
    address: str | None = None
    waiting: list[Callable[[], list[Event]]] = field(default_factory=list)


class Agents:
    """Each holds the data sets, given by reference, once for all processes of its node.

    A node that `held` has a fork server for, which this process has started on it, needs none before that
    server has ended.
    """

    def __init__(
        self, datasets: Mapping[str, Any], calls: Calls, held: Mapping[str, ForkServer] | None = None
    ) -> None:
        self._datasets, self._calls, self._held = datasets, calls, dict(held or {})
        self._agents: dict[str, _Agent] = {}
        self._failed: dict[str, int] = {}

    def on(self, node_id: str, then: Callable[[], list[Event]] | None = None) -> bool:
        """Whether the node's agent has come up, or never will. `then` is called once it is so.

        One is started where there is none.
        """
        if self._server(node_id) is not None:
            return True
        agent = self._agents.get(node_id)
        if agent is None and self._failed.get(node_id, 0) < ATTEMPTS:
            agent = self._start(node_id)
        if agent is None or agent.address is not None:
            return True
        if then is not None:
            agent.waiting.append(then)
        return False

    def address(self, node_id: str) -> str | None:
        """That of the node's fork server, None while there is none."""
        found = self._server(node_id) or self._agents.get(node_id)
        return found.address if found else None

    def _server(self, node_id: str) -> ForkServer | None:
        """The one that this process holds for the node; that it has ended is seen once somebody asks."""
        server = self._held.get(node_id)
        if server is None or server.is_alive():
            return server
        del self._held[node_id]
        self._failed[node_id] = self._failed.get(node_id, 0) + 1
        return None

    def _start(self, node_id: str) -> _Agent:
        there = NodeAffinitySchedulingStrategy(node_id, soft=False)
        options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2}
        handle = ray.remote(NodeAgent).options(scheduling_strategy=there, **options).remote(self._datasets)
        agent = self._agents[node_id] = _Agent(handle)
        self._calls.add(handle.address.remote(), lambda answer: self._told(node_id, agent, answer))
        return agent

    def _told(self, node_id: str, agent: _Agent, answer: Answer) -> list[Event]:
        try:
            agent.address = answer.result()
        except RayError:
            del self._agents[node_id]
            self._failed[node_id] = self._failed.get(node_id, 0) + 1
            if self._failed[node_id] < ATTEMPTS:
                self._start(node_id).waiting += agent.waiting
                return []
        else:
            self._calls.add(agent.handle.live.remote(), lambda _: self._gone(node_id))
        waiting, agent.waiting = agent.waiting, []
        return [event for then in waiting for event in then()]

    def _gone(self, node_id: str) -> list[Event]:
        """Its processes have ended with it, which those who wait for them hear from them."""
        self._failed[node_id] = self._failed.get(node_id, 0) + 1
        ray.kill(self._agents.pop(node_id).handle, no_restart=True)
        return []
