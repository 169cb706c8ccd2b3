"""A slot on Ray: an actor for each process of its jobs, that are made, asked and ended together."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ray.exceptions import RayError  # noqa: TID253 -- one of the modules that own Ray
from ray.util.placement_group import placement_group_table, remove_placement_group  # noqa: TID253
from ray.util.scheduling_strategies import (  # noqa: TID253
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from bench.orchestration.on_ray.actor import Told
from bench.orchestration.on_ray.agents import Agents
from bench.orchestration.on_ray.bundles import group_for
from bench.orchestration.on_ray.calls import Answer, Calls
from bench.orchestration.on_ray.death import death
from bench.orchestration.on_ray.endings import Broken, End
from bench.orchestration.on_ray.liveness import Liveness
from bench.orchestration.on_ray.part import Part
from bench.orchestration.on_ray.progress import Progress, title
from bench.orchestration.pool import Died, Event, Job, Ready, SlotId
from bench.orchestration.processes.group import ProcessSpec, by_task_type, role, specs
from bench.orchestration.processes.work import Probing, Started, Work
from bench.orchestration.scheduling.request import Allocations, Request
from bench.training.role import ALONE, Role


@dataclass(frozen=True)
class Surroundings:
    """What all slots of a pool share; `datasets` are references, `sources` those of the command's `bench`."""

    datasets: Mapping[str, Any]
    calls: Calls
    agents: Agents
    liveness: Liveness
    sources: Mapping[str, str]


class Slot:
    """Number `number`, on `allocations`: one for each worker of `request`.

    Several processes are held together by a placement group, so that they get all of its bundles or none.
    """

    def __init__(
        self, number: SlotId, allocations: Allocations, request: Request, around: Surroundings
    ) -> None:
        self._number, self._allocations, self._request, self._around = number, allocations, request, around
        self._group = group_for(request, allocations) if request.grouped or request.exclusive else None
        self._specs = specs(request, allocations)
        self._parts = [
            Part(spec, self._where(spec), around.datasets, around.calls, self._died) for spec in self._specs
        ]
        self._nodes = dict.fromkeys(allocation.node for allocation in allocations)
        self._jobs = 0
        self._progress: Progress | None = None
        self._ports = dict[Part, int]()
        self._ready = self._closed = self._stopping = False
        for part in self._parts:
            part.ask("introduce", doing="its actor", then=self._introduced)
        for node in self._nodes:
            around.agents.on(node.node_id, self._may_be_ready)

    def awaits(self) -> str:
        """What has not been answered, and by whom."""
        state = placement_group_table(self._group).get("state") if self._group else None
        if state in ("PENDING", "PREPARED", "RESCHEDULING"):
            bundles = len(self._allocations)
            return f"its placement group of {bundles} bundles; see who holds the nodes by `ray status`"
        waiting = [self._title(part) + part.doing for part in self._parts if part.doing]
        return ", ".join(waiting) or ("nothing" if self._ready else "its node's fork server")

    def do(self, what: Job | Probing) -> None:
        """Start processes that do it: several once each has a port."""
        self._jobs += 1
        self._progress = Progress(self._number, self._jobs, what, self._request, self._specs)
        self._stopping = False
        self._ports.clear()
        if not self._request.grouped:
            alone = replace(ALONE, strategy=self._request.strategy, devices=self._request.devices)
            self._begin(self._progress, self._parts[0], alone)
            return
        for part in self._parts:
            part.ask("reserve", doing="its port", then=self._reserved)

    def close(self) -> None:
        """End every process, then free what Ray held for them. Nothing here may stop the rest."""
        self._closed = True
        for part in self._parts:
            part.close()
        if self._group is not None:
            with contextlib.suppress(Exception):
                remove_placement_group(self._group)

    def _where(self, spec: ProcessSpec) -> object:
        if self._group is None:
            return NodeAffinitySchedulingStrategy(spec.allocation.node.node_id, soft=False)
        return PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=spec.bundle)

    def _title(self, part: Part) -> str:
        return title(self._request, part.spec)

    def _introduced(self, part: Part, answer: Answer) -> list[Event]:
        part.born, part.doing = answer.result(), ""
        return self._may_be_ready()

    def _may_be_ready(self) -> list[Event]:
        """Once its actors are there, and on each of its nodes what their processes come from."""
        if self._closed or self._ready or any(part.born is None for part in self._parts):
            return []
        if not all(self._around.agents.on(node.node_id, self._may_be_ready) for node in self._nodes):
            return []
        self._ready = True
        return [Ready(self._number)]

    def _reserved(self, part: Part, answer: Answer) -> list[Event]:
        """Once every address is known, each process is told all of them."""
        self._ports[part], part.doing = answer.result(), ""
        if len(self._ports) < len(self._parts):
            return []
        assert self._progress is not None
        known = [f"{one.spec.allocation.node.address}:{self._ports[one]}" for one in self._parts]
        addresses = by_task_type(self._specs, known)
        for one in self._parts:
            self._begin(self._progress, one, role(self._request, one.spec, addresses))
        return []

    def _begin(self, progress: Progress, part: Part, who: Role) -> None:
        spec, node_id = part.spec, part.spec.allocation.node.node_id
        self._around.agents.on(node_id)  # where there is none any more, the next job has one
        work = Work(
            do=progress.what,
            kind=spec.kind(self._request),
            cores=spec.allocation.cores,
            role=who,
            deterministic=self._request.deterministic,
            sources=self._around.sources,
        )
        address = self._around.agents.address(node_id)
        doing = "its TensorFlow and the others"
        part.ask("work", progress.number, work, address, doing=doing, then=self._heard)

    def _heard(self, part: Part, answer: Answer) -> list[Event]:
        """What a process tells, and at last how it ended."""
        progress = self._progress
        assert progress is not None
        told: list[Told] = answer.result()
        end = told[-1] if isinstance(told[-1], End) else None
        reports = [report for report in told if not isinstance(report, End)]
        begun = any(isinstance(report, Started) for report in reports)
        doing = "" if begun or end else part.doing
        if end is None:
            part.ask("hear", doing=doing, then=self._heard)
        part.doing = doing
        events = progress.told(part.spec, reports)
        return [*events, *self._ended(progress, part, end)] if end else events

    def _ended(self, progress: Progress, part: Part, end: End) -> list[Event]:
        """Those that need not go on any more are ended, and waited for, but not on a node that is gone."""
        progress.ended(part.spec, end)
        gone = self._around.liveness.first_gone(self._allocations) if progress.lost else None
        if gone is not None:
            return self._conclude(progress, broken=True, node_id=gone.node_id)
        if not progress.open:
            return self._conclude(progress)
        if progress.needless and not self._stopping:
            self._stopping = True
            for other in self._parts:
                if other.spec in progress.open:
                    other.stop(progress.number)
        return []

    def _conclude(self, progress: Progress, broken: bool = False, node_id: str | None = None) -> list[Event]:
        """The slot does something else now, unless it is `broken`."""
        self._progress = None
        if broken:
            self.close()
        return [progress.conclusion(broken, node_id)]

    def _died(self, part: Part, error: RayError) -> list[Event]:
        """An actor is gone. Of a job that was over, or that broke for a better reason, that is told."""
        found = death(error, part.spec, part.born, self._around.liveness, self._title(part))
        progress = self._progress
        if progress is not None and isinstance(progress.what, Job) and progress.decided:
            progress.ended(part.spec, Broken(found.status, found.error))
            return self._conclude(progress, broken=True, node_id=found.node_id)
        self.close()
        return [Died(self._number, found.status, found.error, found.node_id)]
