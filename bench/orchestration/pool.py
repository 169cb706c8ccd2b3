"""What a session asks of whoever holds the processes, and what it hears from them.

A slot is an allocation for each worker of a run, and whoever holds them. It takes one job after another, each
of which has processes of its own, that start with it and end with it.
"""

from dataclasses import dataclass
from typing import Protocol

from bench.orchestration.scheduling.request import Allocations, Request
from bench.records.measurement import Epoch, Measurement, Phase, Status
from bench.records.probe import Moment, Probe
from bench.records.scenario import Precision, Scenario

SlotId = int


@dataclass(frozen=True)
class Task:
    """One run to train.

    With `cold_compile` XLA compiles everything, also what an earlier run of the scenario has compiled.
    """

    run_id: str
    scenario: Scenario
    seed: int
    cold_compile: bool = False


@dataclass(frozen=True)
class Job:
    """The runs that a slot's processes train together: of these there is one, so far."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Result:
    """What came of one run of a job."""

    measurement: Measurement
    epochs: tuple[Epoch, ...] = ()


@dataclass(frozen=True)
class Ready:
    """The slot holds its allocations, and takes jobs."""

    slot: SlotId


@dataclass(frozen=True)
class Started:
    """All processes of the slot's job or probe are up: TensorFlow has started in each, and they found each
    other."""

    slot: SlotId


@dataclass(frozen=True)
class Probed:
    """A process on each allocation has measured its limits, or could not (None).

    The slot takes jobs again.
    """

    slot: SlotId
    probes: tuple[Probe | None, ...]


@dataclass(frozen=True)
class PhaseBegan:
    """The slot's job does something else from now on."""

    slot: SlotId
    phase: Phase


@dataclass(frozen=True)
class EpochDone:
    """The slot's job has ended an epoch."""

    slot: SlotId
    epoch: Epoch


@dataclass(frozen=True)
class Finished:
    """The slot's job has ended, well or not, with a result for each of its tasks. All its processes are gone.

    The slot takes another job, unless it is `broken`. `node_id` is that of a node that is gone, where that is
    why the job was lost.
    """

    slot: SlotId
    results: tuple[Result, ...]
    broken: bool = False
    node_id: str | None = None


@dataclass(frozen=True)
class Died:
    """The slot is gone, and with it what its processes did, or it never came up.

    `node_id` is that of its node where that is gone, too.
    """

    slot: SlotId
    status: Status
    error: str
    node_id: str | None = None


Event = Ready | Started | Probed | PhaseBegan | EpochDone | Finished | Died


class Pool(Protocol):
    """Slots on the nodes of a cluster."""

    def open(self, allocations: Allocations, request: Request) -> SlotId:
        """Take `allocations`; `Ready` or `Died` follows."""

    def awaits(self, slot: SlotId) -> str:
        """What the start of a slot or of its processes waits for, for the message if it takes too long."""

    def probe(self, slot: SlotId, precisions: tuple[Precision, ...], moment: Moment) -> None:
        """Have processes of a ready slot measure its limits, at the end those that show whether they changed.

        `Started`, then `Probed` or `Died` follow.
        """

    def submit(self, slot: SlotId, job: Job) -> None:
        """Give a ready slot a job; `Started`, phases, epochs, and then `Finished` or `Died` follow."""

    def wait(self, seconds: float) -> list[Event]:
        """All that happened since the last call: at least one event, or none after `seconds`."""

    def close(self, slot: SlotId) -> None:
        """End all its processes at once, whatever they do. No event follows. Closing twice does nothing."""
