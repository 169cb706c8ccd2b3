"""The processes of one run on Ray: actors that are started, asked and ended together."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import RayTaskError  # noqa: TID253
from ray.util.placement_group import placement_group_table, remove_placement_group  # noqa: TID253
from ray.util.scheduling_strategies import (  # noqa: TID253
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from bench.orchestration.on_ray.actor import RayWorker
from bench.orchestration.on_ray.bundles import group_for
from bench.orchestration.pool import EpochDone, Event, Finished, PhaseBegan, Probed, Ready, Task, WorkerId
from bench.orchestration.processes.death import Birth
from bench.orchestration.processes.group import ProcessSpec, by_task_type, role, specs
from bench.orchestration.processes.together import together
from bench.orchestration.scheduling.request import Allocations, Request
from bench.records.kinds import DeviceKind
from bench.records.measurement import Epoch, Measurement, Phase
from bench.records.probe import Probe
from bench.records.scenario import Precision
from bench.training.role import ALONE, Role

Call = Literal["introduce", "start", "probe", "run"]
_DOING: dict[Call, str] = {
    "introduce": "its process and its port",
    "start": "its TensorFlow and the others",
    "probe": "its probe",
    "run": "its run",
}


NOTICE_SECONDS = 2.0
"""Ray needs as long at most to say that a process is gone, once its peers have noticed."""


@dataclass(eq=False)
class Process:
    """An actor, and the one call of it that is awaited beside its life."""

    spec: ProcessSpec
    handle: Any
    life: Any | None = None
    call: Call | None = None
    reference: Any = None
    born: Birth | None = None
    port: int = 0
    probe: Probe | None = None
    result: tuple[Measurement, tuple[Epoch, ...]] | None = None
    epochs: list[Epoch] = field(default_factory=list)

    def ask(self, call: Call, *arguments: object, **options: object) -> None:
        """Call a method of the actor."""
        method = getattr(self.handle, call)
        self.call, self.reference = (
            call,
            (method.options(**options) if options else method).remote(*arguments),
        )

    def done(self) -> None:
        """The call has been answered."""
        self.call = self.reference = None


class ProcessGroup:
    """All processes of `worker`, of which there may be but one, on `allocations`.

    A gang of several is held together by a placement group, so that it gets all of its bundles or none. Each
    has to have imported the `bench` whose `sources` are given.
    """

    def __init__(
        self, worker: WorkerId, allocations: Allocations, request: Request, sources: Mapping[str, str]
    ) -> None:
        self.worker, self._request, self.allocations, self._sources = worker, request, allocations, sources
        self._group = group_for(request, allocations) if request.grouped or request.exclusive else None
        self._processes = [self._open(spec) for spec in specs(request, allocations)]
        for process in self._processes:
            if request.grouped:
                process.life = process.handle.live.remote()
            process.ask("introduce", request.grouped)

    def awaited(self) -> dict[Any, Process]:
        """References of Ray to what may be answered next, and whose they are."""
        found = {p.reference: p for p in self._processes if p.reference is not None}
        return found | {p.life: p for p in self._processes if p.life is not None}

    def awaits(self) -> str:
        """What has not been answered, and by whom."""
        state = placement_group_table(self._group).get("state") if self._group else None
        if state in ("PENDING", "PREPARED", "RESCHEDULING"):
            bundles = len(self.allocations)
            return f"its placement group of {bundles} bundles; see who holds the nodes by `ray status`"
        waiting = [p for p in self._processes if p.call is not None]
        return ", ".join(f"{self.name(p)}{_DOING[p.call]}" for p in waiting if p.call) or "nothing"

    def name(self, process: Process) -> str:
        """Which process of the gang it is, before a text about it; empty where there is but one."""
        spec = process.spec
        return (
            f"{spec.task_type} {spec.index} on {spec.allocation.node.name}: " if self._request.grouped else ""
        )

    def probe(self, precisions: tuple[Precision, ...]) -> None:
        """All at once, since they measure together how fast they sum up."""
        for process in self._training():
            process.probe = None
            process.ask("probe", precisions)

    def submit(self, task: Task, dataset: Any) -> None:  # noqa: ANN401 -- a Ray reference
        """To those that drive the run: each worker, or the one that coordinates them."""
        for process in self._driving():
            process.result, process.epochs = None, []
            process.ask("run", task, dataset, num_returns="streaming")

    def take(self, process: Process, reference: Any) -> Event | None:  # noqa: ANN401
        """What the answer behind `reference` means for the gang; raises Ray's error where it is one."""
        if reference == process.life:
            ray.get(process.life)
        if process.call == "run":
            return self._reported(process)
        call, value = process.call, None
        with contextlib.suppress(RayTaskError) if call == "probe" else contextlib.nullcontext():
            value = ray.get(reference)
        process.done()
        if call == "introduce":
            process.born, process.port = value
            return self._once_all_have(call, self._start)
        if call == "start":
            return self._once_all_have(call, lambda: Ready(self.worker))
        process.probe = value
        return self._once_all_have(
            "probe", lambda: Probed(self.worker, tuple(p.probe for p in self._training()))
        )

    def dead(self, known: Iterable[Process] = ()) -> list[Process]:
        """The processes that are gone, those that are `known` to be first."""
        lives = {p.life: p for p in self._processes if p.life is not None}
        gone = list[Process](known)
        ended, _ = ray.wait(list(lives), timeout=0.0 if gone else NOTICE_SECONDS) if lives else ([], [])
        if ended:  # there may be more
            ended, _ = ray.wait(list(lives), num_returns=len(lives), timeout=0.0)
        return gone + [lives[life] for life in ended if lives[life] not in gone]

    def kind(self, process: Process) -> DeviceKind:
        """What the process trains on."""
        return process.spec.kind(self._request)

    def told_all(self) -> Event | None:
        """The end of a run of which one process is gone, where it was over: who leads had told the result."""
        leader = self._processes[0]
        if leader.result is None or not any(p.call == "run" for p in self._processes):
            return None
        return self._finish(leader.result[0], broken=True)

    def close(self) -> None:
        """End every process, then free what Ray held for them. Nothing here may stop the rest."""
        for process in self._processes:
            with contextlib.suppress(Exception):
                ray.kill(process.handle, no_restart=True)
        if self._group is not None:
            with contextlib.suppress(Exception):
                remove_placement_group(self._group)

    def _open(self, spec: ProcessSpec) -> Process:
        options: dict[str, Any] = {
            "num_cpus": len(spec.allocation.cores) if spec.trains else 0,
            "num_gpus": len(spec.allocation.gpus),
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": 2 if self._request.grouped else 1,  # a life beside its calls
            "scheduling_strategy": self._where(spec),
        }
        return Process(spec, ray.remote(RayWorker).options(**options).remote())

    def _where(self, spec: ProcessSpec) -> object:
        if self._group is None:
            return NodeAffinitySchedulingStrategy(spec.allocation.node.node_id, soft=False)
        return PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=spec.bundle)

    def _alone(self) -> Role:
        return replace(ALONE, strategy=self._request.strategy, devices=self._request.devices)

    def _start(self) -> None:
        """Every address is known: each process of several is told all of them."""
        if not self._request.grouped:
            self._begin(self._processes[0], self._alone())
            return
        known = [f"{p.spec.allocation.node.address}:{p.port}" for p in self._processes]
        addresses = by_task_type([p.spec for p in self._processes], known)
        for process in self._processes:
            self._begin(process, role(self._request, process.spec, addresses))

    def _begin(self, process: Process, who: Role) -> None:
        spec = process.spec
        kind, deterministic = spec.kind(self._request), self._request.deterministic
        process.ask("start", kind, spec.allocation.cores, who, deterministic, self._sources)

    def _once_all_have(self, call: Call, then: Callable[[], Event | None]) -> Event | None:
        return None if any(p.call == call for p in self._processes) else then()

    def _reported(self, process: Process) -> Event | None:
        """A phase, an epoch or the result of a run that goes on."""
        try:
            value: Phase | Epoch | tuple[Measurement, tuple[Epoch, ...]] = ray.get(next(process.reference))
        except StopIteration:
            process.done()
            problem = Measurement(status="failed", error="the process ended its run without a result")
            return self._finish(problem, broken=True)
        if isinstance(value, str):
            return PhaseBegan(self.worker, value)
        if isinstance(value, Epoch):
            process.epochs.append(value)
            return EpochDone(self.worker, value)
        process.done()
        process.result = value
        measured = value[0]
        if measured.status not in ("ok", "diverged") and process is not self._processes[0]:
            error = f"{self.name(process)}{measured.error}"
            return self._finish(Measurement(status=measured.status, error=error), broken=True)
        if measured.status not in ("ok", "diverged"):
            return self._finish(measured, broken=True)
        return self._once_all_have("run", self._all_done)

    def _all_done(self) -> Event:
        told = [(p.result[0], p.spec.allocation.node.node_id) for p in self._driving() if p.result]
        measured, nodes = zip(*told, strict=True)
        return self._finish(together(measured, nodes), broken=False)

    def _finish(self, measured: Measurement, broken: bool) -> Event:
        leader = self._processes[0]
        epochs = leader.result[1] if leader.result else tuple(leader.epochs)
        return Finished(self.worker, measured, epochs, broken)

    def _training(self) -> Iterable[Process]:
        return [p for p in self._processes if p.spec.trains]

    def _driving(self) -> Iterable[Process]:
        alone = self._request.strategy == "parameter_server"
        return self._processes[:1] if alone else self._processes
