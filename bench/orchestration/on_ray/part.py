"""One actor of a slot."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import RayError  # noqa: TID253

from bench.orchestration.on_ray.actor import SlotActor
from bench.orchestration.on_ray.calls import Answer, Calls
from bench.orchestration.pool import Event
from bench.orchestration.processes.death import Birth
from bench.orchestration.processes.group import ProcessSpec

THREADS = 4  # of an actor: its life, its job, what stops that, and what is asked between two jobs


class Part:
    """The actor whose processes are those of `spec`, where Ray is told by `where`.

    `datasets` are references, for processes that get them from no fork server. `died` is told of Ray's
    errors, also while nothing is asked: an actor that dies then takes no job with it.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        where: object,
        datasets: Mapping[str, Any],
        calls: Calls,
        died: Callable[["Part", RayError], list[Event]],
    ) -> None:
        self.spec, self._calls, self._died = spec, calls, died
        options: dict[str, Any] = {
            "num_cpus": len(spec.allocation.cores) if spec.trains else 0,
            "num_gpus": len(spec.allocation.gpus),
            "max_restarts": 0,
            "max_task_retries": 0,
            "max_concurrency": THREADS,
            "scheduling_strategy": where,
        }
        self._handle = ray.remote(SlotActor).options(**options).remote(datasets)
        self._asked: Any = None
        self.doing = ""
        self.born: Birth | None = None
        self._life = self._await(self._handle.live.remote(), lambda _, end: end.result())

    def ask(
        self, method: str, *arguments: object, doing: str, then: Callable[["Part", Answer], list[Event]]
    ) -> None:
        """Call a method of the actor, and `then` take the answer; `doing` says what for, if anybody asks."""
        self.doing = doing
        self._asked = self._await(getattr(self._handle, method).remote(*arguments), then)

    def stop(self, job: int) -> None:
        """End the process of the job of that number, which is told as any end of it."""
        self._handle.stop.remote(job)

    def close(self) -> None:
        """End the actor, and its process with it. Never fails."""
        self._calls.remove(self._asked)
        self._calls.remove(self._life)
        with contextlib.suppress(Exception):
            ray.kill(self._handle, no_restart=True)

    def _await(self, reference: Any, then: Callable[["Part", Answer], list[Event]]) -> Any:  # noqa: ANN401
        def answered(answer: Answer) -> list[Event]:
            try:
                return then(self, answer)
            except RayError as error:
                return self._died(self, error)

        self._calls.add(reference, answered)
        return reference
