"""Looking at what dead processes left, each on its own node, by tasks of Ray."""

from collections.abc import Sequence

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import RayError  # noqa: TID253
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: TID253

from bench.orchestration.processes.death import Birth, Remains, remains

LOOK_SECONDS = 15.0  # a new process may have to start for it, on a machine that is short of memory


def remains_of(dead: Sequence[tuple[str, Birth]]) -> list[Remains | None]:
    """What is left of processes, each given by its node's id and its birth; None where nobody can look."""
    asked = [_look(node_id, born) for node_id, born in dead]
    done, _ = ray.wait(asked, num_returns=len(asked), timeout=LOOK_SECONDS)
    return [_answer(reference) if reference in done else None for reference in asked]


def _look(node_id: str, born: Birth) -> ray.ObjectRef:
    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(remains).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
    return task.remote(born)


def _answer(reference: ray.ObjectRef) -> Remains | None:
    try:
        found: Remains = ray.get(reference)
    except RayError:
        return None
    return found
