"""The pool of processes on Ray: one actor per process, a placement group per gang, nothing retried by Ray."""

import itertools
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray
from ray.exceptions import (  # noqa: TID253
    ActorDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)

from bench.machine.modules import sources
from bench.orchestration.on_ray.death import remains_of
from bench.orchestration.on_ray.group import Process, ProcessGroup
from bench.orchestration.pool import Died, Event, Finished, Task, WorkerId
from bench.orchestration.processes.death import OomKills, cause
from bench.orchestration.scheduling.request import Allocations, Node, Request
from bench.orchestration.signals import heeded
from bench.records.measurement import Status
from bench.records.scenario import Precision

ANSWER_SECONDS = 5.0
_EXIT = re.compile(
    r"Worker exit detail: (?P<why>(?!Worker unexpectedly exits with a connection error).+?)\.?\s*$", re.M
)
"""What Ray knows of the end of a process, but for its guesses at what has closed a connection."""


class RayPool:
    """See `Pool`. `datasets` are references to the data sets in Ray's object store, by name."""

    def __init__(self, datasets: Mapping[str, Any]) -> None:
        self._datasets, self._sources, self._oom_kills = datasets, sources(), OomKills()
        self._gangs: dict[WorkerId, ProcessGroup] = {}
        self._stillborn: list[Event] = []
        self._numbers = itertools.count(1)

    def open(self, allocations: Allocations, request: Request) -> WorkerId:
        """An actor for each process, on its node, which asks Ray for what its place holds.

        Ray would wait for ever for a bundle on a node that is gone.
        """
        worker = next(self._numbers)
        gone = _first_gone(allocations) if request.grouped else None
        if gone:
            text = f"node {gone.name} does not answer"
            self._stillborn.append(Died(worker, "lost", text, gone.node_id))
        else:
            self._gangs[worker] = ProcessGroup(worker, allocations, request, self._sources)
        return worker

    def awaits(self, worker: WorkerId) -> str:
        """Which step of the start, and of whom."""
        return self._gangs[worker].awaits()

    def probe(self, worker: WorkerId, precisions: tuple[Precision, ...]) -> None:
        """One call of each actor that trains."""
        self._gangs[worker].probe(precisions)

    def submit(self, worker: WorkerId, task: Task) -> None:
        """The data go by reference: the worker maps them from the object store and copies nothing."""
        self._gangs[worker].submit(task, self._datasets[task.scenario.dataset])

    def wait(self, seconds: float) -> list[Event]:
        """Blocks on Ray's own wait; no polling. What only the gang itself has to know is no event."""
        if self._stillborn:
            return [self._stillborn.pop()]
        until = time.monotonic() + seconds
        while True:
            awaited = {ref: (g, p) for g in self._gangs.values() for ref, p in g.awaited().items()}
            if not awaited:
                return []
            left = max(until - time.monotonic(), 0.0)
            with heeded():  # here alone: nothing that was told is lost, nothing is recorded by half
                done, _ = ray.wait(list(awaited), num_returns=1, timeout=left, fetch_local=False)
            if not done:
                return []
            event = self._event(*awaited[done[0]], done[0])
            if event is not None:
                return [event]

    def close(self, worker: WorkerId) -> None:
        """`ray.kill` ends a process at once, its threads and its GPU memory with it."""
        gang = self._gangs.pop(worker, None)
        if gang is not None:
            gang.close()

    def _event(self, gang: ProcessGroup, process: Process, reference: Any) -> Event | None:  # noqa: ANN401
        try:
            event = gang.take(process, reference)
        except RayError as error:
            return gang.told_all() or _died(gang, process, error, self._oom_kills)
        if isinstance(event, Finished) and event.measurement.status == "lost":
            return _explained(gang, event, self._oom_kills)
        return event


def _died(gang: ProcessGroup, process: Process, error: Exception, oom_kills: OomKills) -> Died:
    """Why a process is gone, in the words of the tables."""
    text = gang.name(process) + _short(error)
    # Ray's memory monitor ends the task, or the actor with the reason in its text.
    if isinstance(error, OutOfMemoryError) or (
        isinstance(error, RayActorError) and "OutOfMemory" in str(error)
    ):
        return Died(gang.worker, "oom_host", text)
    if isinstance(error, RayTaskError):
        return Died(gang.worker, "failed", text)
    gone = _first_gone((process.spec.allocation,))
    if gone is not None:
        return Died(gang.worker, "lost", text, gone.node_id)
    known = _why(gang, gang.dead([process]), oom_kills) if isinstance(error, ActorDiedError) else None
    status, why = known or ("lost", text)
    detail = _EXIT.search(str(error)) if status == "lost" else None
    return Died(gang.worker, status, f"{why}; Ray says: {detail['why']}" if known and detail else why)


def _explained(gang: ProcessGroup, event: Finished, oom_kills: OomKills) -> Finished:
    """A run that its process calls lost, with the node that is gone, or the reason that another one died."""
    gone = _first_gone(gang.allocations)
    if gone is not None:
        return replace(event, node_id=gone.node_id)
    known = _why(gang, gang.dead(), oom_kills)
    if known is None:
        return event
    status, error = known
    return replace(event, measurement=replace(event.measurement, status=status, error=error))


def _why(gang: ProcessGroup, dead: Sequence[Process], oom_kills: OomKills) -> tuple[Status, str] | None:
    """The status of a run whose processes are `dead`, and the reason, of the first of them that has one.

    Where one dies, others may die of it, and say that a peer is gone.
    """
    born = [
        (process, node_id, oom_kills.unexplained(node_id, process.born))
        for process in dead
        for node_id in [process.spec.allocation.node.node_id]
        if process.born is not None
    ]
    left = remains_of([(node_id, birth) for _, node_id, birth in born]) if born else []
    found = list[tuple[Status, str]]()
    for (process, node_id, birth), remains in zip(born, left, strict=True):
        if remains is not None:
            status, text = cause(birth, remains, gang.kind(process))
            if status == "oom_host":
                oom_kills.explain(node_id, birth, remains)
            found.append((status, gang.name(process) + text))
    return next((known for known in found if known[0] != "lost"), found[0] if found else None)


def _first_gone(allocations: Allocations) -> Node | None:
    """The first node there that is gone: Ray takes its time to call one dead, its own daemon tells."""
    known = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    nodes = dict.fromkeys(allocation.node for allocation in allocations)
    return next((node for node in nodes if not _answers(known.get(node.node_id))), None)


def _answers(node: Mapping[str, Any] | None) -> bool:
    if node is None:
        return False
    try:
        where = node["NodeManagerAddress"], node["NodeManagerPort"]
        socket.create_connection(where, timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def _short(error: Exception) -> str:
    """What was raised in the process, where it was; else what Ray says of it."""
    if isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return f"{type(error).__name__}: {error}"[:2000]
