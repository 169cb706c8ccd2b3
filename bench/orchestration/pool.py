"""What the session loop asks of whoever holds the processes, and what it hears from them.

A worker, here, is all the processes that train one run at a time: one of them, or a gang.
"""

from dataclasses import dataclass
from typing import Protocol

from bench.orchestration.scheduling.placement import Allocations, Request
from bench.records.measurement import Epoch, Measurement, Phase, Status
from bench.records.probe import Probe
from bench.records.scenario import Precision, Scenario

WorkerId = int


@dataclass(frozen=True)
class Task:
    """One run for a worker to train."""

    run_id: str
    scenario: Scenario
    seed: int


@dataclass(frozen=True)
class Ready:
    """All processes have started, imported TensorFlow and found each other."""

    worker: WorkerId


@dataclass(frozen=True)
class Probed:
    """Each place's process has measured its limits, or could not (None), and lives on all the same."""

    worker: WorkerId
    probes: tuple[Probe | None, ...]


@dataclass(frozen=True)
class PhaseBegan:
    """The worker's run does something else from now on."""

    worker: WorkerId
    phase: Phase


@dataclass(frozen=True)
class EpochDone:
    """The worker's run has ended an epoch."""

    worker: WorkerId
    epoch: Epoch


@dataclass(frozen=True)
class Finished:
    """The worker's run has ended, well or not. It lives on unless it is `broken`.

    `node_id` is that of a node that is gone, where that is why the run was lost.
    """

    worker: WorkerId
    measurement: Measurement
    epochs: tuple[Epoch, ...]
    broken: bool = False
    node_id: str | None = None


@dataclass(frozen=True)
class Died:
    """A process of the worker is gone, or never came up; `node_id` is that of its node where that is, too."""

    worker: WorkerId
    status: Status
    error: str
    node_id: str | None = None


Event = Ready | Probed | PhaseBegan | EpochDone | Finished | Died


class Pool(Protocol):
    """Processes on the nodes of a cluster."""

    def open(self, allocations: Allocations, request: Request) -> WorkerId:
        """Start the processes that hold `allocations`; `Ready` or `Died` follows."""

    def awaits(self, worker: WorkerId) -> str:
        """What the start of a worker waits for, for the message when it takes too long."""

    def probe(self, worker: WorkerId, precisions: tuple[Precision, ...]) -> None:
        """Have a ready worker measure its limits; `Probed` or `Died` follows."""

    def submit(self, worker: WorkerId, task: Task) -> None:
        """Give a ready worker a run; phases, epochs, and then `Finished` or `Died` follow."""

    def wait(self, seconds: float) -> list[Event]:
        """What happened since the last call: at least one event, or none after `seconds`."""

    def close(self, worker: WorkerId) -> None:
        """End all processes of it at once, whatever they do. No event follows. Closing twice does nothing."""
