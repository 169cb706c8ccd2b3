"""The pool of slots on Ray: nothing is retried by Ray, what has died is told."""

import itertools
from collections.abc import Mapping
from typing import Any

from bench.machine.modules import sources
from bench.orchestration.on_ray.agents import Agents
from bench.orchestration.on_ray.calls import Calls
from bench.orchestration.on_ray.liveness import Liveness
from bench.orchestration.on_ray.slot import Slot, Surroundings
from bench.orchestration.on_ray.vigil import Vigil
from bench.orchestration.pool import Died, Event, Job, SlotId
from bench.orchestration.processes.fork_server import ForkServer
from bench.orchestration.processes.work import Probing
from bench.orchestration.scheduling.request import Allocations, Request
from bench.records.probe import Moment
from bench.records.scenario import Precision


class RayPool:
    """See `Pool`. `datasets` are references to the data sets in Ray's object store, by name.

    `of_bench` are the `sources` that processes have to have, where not this one's, and `held` the fork
    servers that this process has started itself, by their nodes. `vigil` is over the cluster's head.
    """

    def __init__(
        self,
        datasets: Mapping[str, Any],
        of_bench: Mapping[str, str] | None = None,
        held: Mapping[str, ForkServer] | None = None,
        vigil: Vigil | None = None,
    ) -> None:
        self._vigil = vigil or Vigil()
        calls, told = Calls(self._vigil), sources() if of_bench is None else of_bench
        agents, liveness = Agents(datasets, calls, held), Liveness(self._vigil)
        self._around = Surroundings(datasets, calls, agents, liveness, told)
        self._slots: dict[SlotId, Slot] = {}
        self._stillborn: list[Event] = []
        self._numbers = itertools.count(1)

    def open(self, allocations: Allocations, request: Request) -> SlotId:
        """An actor for each process, on its node, which asks Ray for what its allocation has.

        Ray would wait for ever for a bundle on a node that is gone.
        """
        slot = next(self._numbers)
        grouped = request.grouped or request.exclusive
        gone = self._around.liveness.first_gone(allocations) if grouped else None
        if gone:
            text = f"node {gone.name} does not answer"
            self._stillborn.append(Died(slot, "lost", text, gone.node_id))
        else:
            self._slots[slot] = Slot(slot, allocations, request, self._around)
        return slot

    def awaits(self, slot: SlotId) -> str:
        """Which step of the start, and of whom."""
        return self._slots[slot].awaits()

    def probe(self, slot: SlotId, precisions: tuple[Precision, ...], moment: Moment) -> None:
        """A process on each allocation, all at once: they measure together how fast they sum up."""
        self._slots[slot].do(Probing(precisions, moment))

    def submit(self, slot: SlotId, job: Job) -> None:
        """The data are there already: processes map what their node's fork server has."""
        self._slots[slot].do(job)

    def wait(self, seconds: float) -> list[Event]:
        """Blocks until Ray has an answer; no polling. What only a slot itself has to know is no event.

        Raises ClusterLostError once Ray's head is gone.
        """
        if self._stillborn:
            events, self._stillborn = self._stillborn, []
            return events
        return self._around.calls.answered(seconds)

    def close(self, slot: SlotId) -> None:
        """`ray.kill` ends an actor at once, and with it its process, which hangs on it.

        Where Ray's head is gone there is nobody to ask: what is left ends with this process.
        """
        found = self._slots.pop(slot, None)
        if found is not None and not self._vigil.lost:
            found.close()
