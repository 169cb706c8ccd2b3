"""The pool of processes on Ray: one actor per process, nothing retried by Ray itself."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray  # noqa: TID253 -- one of the two modules that own Ray
from ray.exceptions import (  # noqa: TID253
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: TID253

from bench.orchestration.placement import Place
from bench.orchestration.pool import Died, EpochDone, Event, Finished, Probed, Ready, Task, WorkerId
from bench.orchestration.ray_worker import RayWorker
from bench.records.kinds import DeviceKind
from bench.records.probe import Probe
from bench.records.scenario import Precision


@dataclass
class _Actor:
    handle: Any
    node_id: str
    starting: Any | None  # the reference of `start`, until it is done
    probing: Any | None = None  # that of `probe`
    stream: Any = None  # the generator of the run under way

    @property
    def awaited(self) -> Any | None:  # noqa: ANN401 -- a Ray reference, untyped
        return self.starting or self.probing or self.stream


class RayPool:
    """See `Pool`. `datasets` are references to the data sets in Ray's object store, by name."""

    def __init__(self, datasets: Mapping[str, Any]) -> None:
        self._datasets = datasets
        self._actors: dict[WorkerId, _Actor] = {}
        self._numbers = itertools.count(1)

    def open(self, place: Place, kind: DeviceKind) -> WorkerId:
        """An actor on the place's node, which asks Ray for what the place holds."""
        worker = next(self._numbers)
        options: dict[str, Any] = {
            "num_cpus": len(place.cores),
            "num_gpus": len(place.gpus),
            "max_restarts": 0,
            "max_task_retries": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(place.node.node_id, soft=False),
        }
        handle = ray.remote(RayWorker).options(**options).remote()
        self._actors[worker] = _Actor(handle, place.node.node_id, handle.start.remote(kind, place.cores))
        return worker

    def probe(self, worker: WorkerId, precisions: tuple[Precision, ...]) -> None:
        """One call of the actor."""
        actor = self._actors[worker]
        actor.probing = actor.handle.probe.remote(precisions)

    def submit(self, worker: WorkerId, task: Task) -> None:
        """The data go by reference: the worker maps them from the object store and copies nothing."""
        actor = self._actors[worker]
        run = actor.handle.run.options(num_returns="streaming")
        actor.stream = run.remote(task, self._datasets[task.scenario.dataset])

    def wait(self, seconds: float) -> list[Event]:
        """Blocks on Ray's own wait; no polling."""
        owners = {actor.awaited: worker for worker, actor in self._actors.items()}
        owners.pop(None, None)
        if not owners:
            return []
        done, _ = ray.wait(list(owners), num_returns=1, timeout=seconds, fetch_local=False)
        return [self._event(owners[ref]) for ref in done]

    def close(self, worker: WorkerId) -> None:
        """`ray.kill` ends the process at once, its threads and its GPU memory with it."""
        actor = self._actors.pop(worker, None)
        if actor is not None:
            ray.kill(actor.handle, no_restart=True)

    def _event(self, worker: WorkerId) -> Event:
        actor = self._actors[worker]
        try:
            if actor.starting is not None:
                ray.get(actor.starting)
                actor.starting = None
                return Ready(worker)
            if actor.probing is not None:
                return Probed(worker, self._probe_of(actor))
            value = ray.get(next(actor.stream))
        except StopIteration:
            actor.stream = None
            return Died(worker, "failed", "the process ended its run without a result")
        except RayError as error:
            return self._died(worker, error)
        if isinstance(value, tuple):
            actor.stream = None
            return Finished(worker, *value)
        return EpochDone(worker, value)

    def _probe_of(self, actor: _Actor) -> Probe | None:
        """A probe that raised in a process that lives is none; its machine has no limits in the tables."""
        reference, actor.probing = actor.probing, None
        try:
            return ray.get(reference)  # type: ignore[no-any-return]  # Ray is untyped
        except RayTaskError:
            return None

    def _died(self, worker: WorkerId, error: Exception) -> Died:
        """Why a process is gone, in the words of the tables."""
        # Ray's memory monitor ends the task, or the actor with the reason in its text.
        if isinstance(error, OutOfMemoryError) or (
            isinstance(error, RayActorError) and "OutOfMemory" in str(error)
        ):
            return Died(worker, "oom_host", _short(error))
        if isinstance(error, RayTaskError):
            return Died(worker, "failed", _short(error))
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        lost = self._actors[worker].node_id not in alive
        return Died(worker, "lost", _short(error), node_lost=lost)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
