"""Why an actor is gone: what Ray says of it, and what its process left behind on its node."""

import re
from dataclasses import dataclass, replace

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import (  # noqa: TID253
    ActorDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: TID253

from bench.orchestration.on_ray.liveness import Liveness
from bench.orchestration.processes.death import Birth, Remains, cause, remains
from bench.orchestration.processes.group import ProcessSpec
from bench.records.measurement import Status

LOOK_SECONDS = 15.0  # a new process may have to start for it, on a machine that is short of memory
_EXIT = re.compile(
    r"Worker exit detail: (?P<why>(?!Worker unexpectedly exits with a connection error).+?)\.?\s*$", re.M
)
"""What Ray knows of the end of a process, but for its guesses at what has closed a connection."""


@dataclass(frozen=True)
class Death:
    """The status of what the actor did, why in one line, and the node that is gone, where one is."""

    status: Status
    error: str
    node_id: str | None = None


def death(error: RayError, spec: ProcessSpec, born: Birth | None, liveness: Liveness, name: str) -> Death:
    """Of the actor at `spec`, whose process was `born` so; texts call it `name`."""
    text = name + raised(error)
    # Ray's memory monitor ends actors by what they hold themselves, which is never what their runs do.
    if isinstance(error, OutOfMemoryError) or (
        isinstance(error, RayActorError) and "OutOfMemory" in str(error)
    ):
        return Death("lost", text)
    if isinstance(error, RayTaskError):
        return Death("failed", text)
    gone = liveness.first_gone((spec.allocation,))
    if gone is not None:
        return Death("lost", text, gone.node_id)
    left = _remains(spec.allocation.node.node_id, born) if isinstance(error, ActorDiedError) else None
    if left is None or born is None:
        return Death("lost", text)
    status, why = cause(born, left, "cpu")
    detail = _EXIT.search(str(error)) if status == "lost" else None
    return Death(status, f"{name}{why}; Ray says: {detail['why']}" if detail else name + why)


def raised(error: Exception) -> str:
    """What was raised in the process, where it was; else what Ray says of it."""
    if isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return f"{type(error).__name__}: {error}"[:2000]


def _remains(node_id: str, born: Birth | None) -> Remains | None:
    """What is left of the actor's process, by a task on its node; None where nobody can look.

    The kernel's kills for memory are not looked at: which of them were of runs is not known here.
    """
    if born is None:
        return None
    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(remains).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
    asked = task.remote(replace(born, oom_kills=None))
    done, _ = ray.wait([asked], timeout=LOOK_SECONDS)
    try:
        return ray.get(asked) if done else None
    except RayError:
        return None
