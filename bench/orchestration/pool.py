"""What the session loop asks of whoever holds the processes, and what it hears from them."""

from dataclasses import dataclass
from typing import Protocol

from bench.orchestration.placement import Place
from bench.records.kinds import DeviceKind
from bench.records.measurement import Epoch, Measurement, Status
from bench.records.probe import Probe
from bench.records.scenario import Precision, Scenario

WorkerId = int


@dataclass(frozen=True)
class Task:
    """One run for a process to train."""

    run_id: str
    scenario: Scenario
    seed: int


@dataclass(frozen=True)
class Ready:
    """A process has started and imported TensorFlow."""

    worker: WorkerId


@dataclass(frozen=True)
class Probed:
    """The process has measured its limits; `probe` is None where it could not, and lives on all the same."""

    worker: WorkerId
    probe: Probe | None


@dataclass(frozen=True)
class EpochDone:
    """The process's run has ended an epoch."""

    worker: WorkerId
    epoch: Epoch


@dataclass(frozen=True)
class Finished:
    """The process's run has ended, well or not; the process lives on."""

    worker: WorkerId
    measurement: Measurement
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True)
class Died:
    """The process is gone, or never came up; `node_lost` where its whole node is."""

    worker: WorkerId
    status: Status
    error: str
    node_lost: bool = False


Event = Ready | Probed | EpochDone | Finished | Died


class Pool(Protocol):
    """Processes on the nodes of a cluster."""

    def open(self, place: Place, kind: DeviceKind) -> WorkerId:
        """Start a process that holds `place`; `Ready` or `Died` follows."""

    def probe(self, worker: WorkerId, precisions: tuple[Precision, ...]) -> None:
        """Have a ready process measure its limits; `Probed` or `Died` follows."""

    def submit(self, worker: WorkerId, task: Task) -> None:
        """Give a ready process a run; `EpochDone`s and then `Finished` or `Died` follow."""

    def wait(self, seconds: float) -> list[Event]:
        """What happened since the last call: at least one event, or none after `seconds`."""

    def close(self, worker: WorkerId) -> None:
        """End a process at once, whatever it does. No event follows. Closing twice does nothing."""
