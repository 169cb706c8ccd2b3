"""The processes of one run on Ray: actors that are started, asked and ended together."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import RayTaskError  # noqa: TID253
from ray.util.placement_group import (  # noqa: TID253
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import (  # noqa: TID253
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from bench.orchestration.gang import Seat, by_role, member, seats
from bench.orchestration.placement import Need, Place, Places
from bench.orchestration.pool import EpochDone, Event, Finished, PhaseBegan, Probed, Ready, Task, WorkerId
from bench.orchestration.ray_worker import RayWorker
from bench.orchestration.together import together
from bench.records.measurement import Epoch, Measurement, Phase
from bench.records.probe import Probe
from bench.records.scenario import Precision
from bench.training.member import ALONE, Member

Call = Literal["reserve", "start", "probe", "run"]
_NODE_LABEL = "ray.io/node-id"
_DOING: dict[Call, str] = {
    "reserve": "its process and its port",
    "start": "its TensorFlow and the others",
    "probe": "its probe",
    "run": "its run",
}


@dataclass
class Process:
    """An actor, and the one call of it that is awaited beside its life."""

    seat: Seat
    handle: Any
    life: Any | None = None
    call: Call | None = None
    reference: Any = None
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


class Gang:
    """All processes of `worker`, of which there may be but one, on `places`.

    A gang of several is held together by a placement group, so that it gets all of its bundles or none.
    """

    def __init__(self, worker: WorkerId, places: Places, need: Need) -> None:
        self.worker, self._need, self.places = worker, need, places
        self._group = _placement_group(need, places) if need.gang or need.exclusive else None
        self._processes = [self._open(seat) for seat in seats(need, places)]
        for process in self._processes:
            if need.gang:
                process.life = process.handle.live.remote()
                process.ask("reserve")
            else:
                self._begin(process, self._alone())

    def awaited(self) -> dict[Any, Process]:
        """References of Ray to what may be answered next, and whose they are."""
        found = {p.reference: p for p in self._processes if p.reference is not None}
        return found | {p.life: p for p in self._processes if p.life is not None}

    def awaits(self) -> str:
        """What has not been answered, and by whom."""
        state = placement_group_table(self._group).get("state") if self._group else None
        if state in ("PENDING", "PREPARED", "RESCHEDULING"):
            return (
                f"its placement group of {len(self.places)} bundles; see who holds the nodes by `ray status`"
            )
        waiting = [p for p in self._processes if p.call is not None]
        return ", ".join(f"{self.name(p)}{_DOING[p.call]}" for p in waiting if p.call) or "nothing"

    def name(self, process: Process) -> str:
        """Which process of the gang it is, before a text about it; empty where there is but one."""
        seat = process.seat
        return f"{seat.role} {seat.index} on {seat.place.node.name}: " if self._need.gang else ""

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
        if call == "reserve":
            process.port = value
            return self._once_all_have(call, self._start)
        if call == "start":
            return self._once_all_have(call, lambda: Ready(self.worker))
        process.probe = value
        return self._once_all_have(
            "probe", lambda: Probed(self.worker, tuple(p.probe for p in self._training()))
        )

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

    def _open(self, seat: Seat) -> Process:
        options: dict[str, Any] = {
            "num_cpus": len(seat.place.cores) if seat.trains else 0,
            "num_gpus": len(seat.place.gpus),
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": 2 if self._need.gang else 1,  # a life beside its calls
            "scheduling_strategy": self._where(seat),
        }
        return Process(seat, ray.remote(RayWorker).options(**options).remote())

    def _where(self, seat: Seat) -> object:
        if self._group is None:
            return NodeAffinitySchedulingStrategy(seat.place.node.node_id, soft=False)
        return PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=seat.bundle)

    def _alone(self) -> Member:
        return replace(ALONE, strategy=self._need.strategy, devices=self._need.devices)

    def _start(self) -> None:
        """Every address is known: each process is told all of them."""
        known = [f"{p.seat.place.node.address}:{p.port}" for p in self._processes]
        addresses = by_role([p.seat for p in self._processes], known)
        for process in self._processes:
            self._begin(process, member(self._need, process.seat, addresses))

    def _begin(self, process: Process, who: Member) -> None:
        seat = process.seat
        process.ask("start", seat.kind(self._need), seat.place.cores, who, self._need.deterministic)

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
        told = [(p.result[0], p.seat.place.node.node_id) for p in self._driving() if p.result]
        measured, nodes = zip(*told, strict=True)
        return self._finish(together(measured, nodes), broken=False)

    def _finish(self, measured: Measurement, broken: bool) -> Event:
        leader = self._processes[0]
        epochs = leader.result[1] if leader.result else tuple(leader.epochs)
        return Finished(self.worker, measured, epochs, broken)

    def _training(self) -> Iterable[Process]:
        return [p for p in self._processes if p.seat.trains]

    def _driving(self) -> Iterable[Process]:
        alone = self._need.strategy == "parameter_server"
        return self._processes[:1] if alone else self._processes


def _placement_group(need: Need, places: Places) -> PlacementGroup:
    """A bundle for each worker, on the very node that was chosen for it."""
    return placement_group(
        [_bundle(need, places, number) for number in range(len(places))],
        strategy="STRICT_SPREAD" if need.spread else "PACK",
        bundle_label_selector=[{_NODE_LABEL: place.node.node_id} for place in places],
    )


def _bundle(need: Need, places: Places, number: int) -> dict[str, float]:
    """What the worker holds; with `exclusive` the first one on a node also holds what nobody may have."""
    place = places[number]
    held = _resources([place])
    beside = [other for other in places if other.node == place.node]
    if need.exclusive and beside[0] is place:
        surplus = {"CPU": len(place.node.cores), "GPU": place.node.gpus}
        taken = _resources(beside)
        held = {name: held.get(name, 0) + surplus[name] - taken.get(name, 0) for name in surplus}
    return {name: amount for name, amount in held.items() if amount}


def _resources(places: Iterable[Place]) -> dict[str, float]:
    places = list(places)
    return {
        "CPU": sum(len(place.cores) for place in places),
        "GPU": sum(len(place.gpus) for place in places),
    }
