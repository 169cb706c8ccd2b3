"""What came of a job, from how each of its processes ended. No Ray here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bench.orchestration.pool import Result
from bench.orchestration.processes.together import together
from bench.orchestration.processes.work import Limits, Results
from bench.records.measurement import Epoch, Measurement, Status


@dataclass(frozen=True)
class Broken:
    """A process has ended without what it was to give. That it was `stopped` is no reason of its own."""

    status: Status
    error: str
    stopped: bool = False


End = Results | Limits | Broken
"""The last that is told of a process."""
_Reason = tuple[Status, str]


@dataclass(frozen=True)
class Ending:
    """How a process ended that is called `name` (nothing, where it is the only one) and sat on `node_id`."""

    name: str
    node_id: str
    end: End

    @property
    def results(self) -> tuple[Result, ...]:
        """What it told: of each task, or nothing."""
        return self.end.results if isinstance(self.end, Results) else ()


def problem(end: End) -> Status | None:
    """The status by which the other processes are needless; None where it went well."""
    if isinstance(end, Broken):
        return end.status
    told = end.results if isinstance(end, Results) else ()
    return next((result.measurement.status for result in told if not _good(result)), None)


def results(
    tasks: int, ended: Sequence[Ending], leader: Ending | None, epochs: Sequence[Epoch]
) -> tuple[Result, ...]:
    """A result for each of so many tasks, where the processes have `ended` in this order.

    The `leader` is that one of them which tells of the job, None where nobody knows how it ended; `epochs`
    are those that it has told, of the first task where it has not told the results.
    """
    if leader is not None and leader.results:
        return tuple(_led(leader, result, ended, index) for index, result in enumerate(leader.results))
    status, error = _reason(ended, 0) or ("failed", "the process ended its run without a result")
    untold = Measurement(status=status, error=error)
    return tuple(Result(untold, () if index else tuple(epochs)) for index in range(tasks))


def _led(leader: Ending, told: Result, ended: Sequence[Ending], index: int) -> Result:
    """What the leader told, as far as the others let it stand. Who died once it was over does not matter."""
    others = [ending for ending in ended if ending is not leader and ending.results]
    measured = [told.measurement] + [ending.results[index].measurement for ending in others]
    if all(map(_well, measured)):
        nodes = [leader.node_id] + [ending.node_id for ending in others]
        return replace(told, measurement=together(measured, nodes))
    status, error = _reason(ended, index, leader) or ("failed", None)
    kept = Measurement(status) if _good(told) else told.measurement
    return replace(told, measurement=replace(kept, status=status, error=error))


def _reason(ended: Iterable[Ending], index: int, leader: Ending | None = None) -> _Reason | None:
    """The status of the task and why, by the first process that has a reason of its own.

    Where one dies, others may die of it, and say that a peer is gone: those are lost.
    """
    found = list[tuple[bool, bool, _Reason]]()
    for ending in ended:
        if isinstance(ending.end, Broken):
            status, error, in_run = ending.end.status, ending.name + ending.end.error, False
            if status == "lost" and ending.end.stopped:
                continue
        elif ending.results and not _good(ending.results[index]):
            measured, in_run = ending.results[index].measurement, True
            status, error = measured.status, f"{'' if ending is leader else ending.name}{measured.error}"
        else:
            continue
        found.append((status == "lost", in_run, (status, error)))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _good(result: Result) -> bool:
    return _well(result.measurement)


def _well(measured: Measurement) -> bool:
    return measured.status in ("ok", "diverged")
