"""The runs of a session, the cluster they run on, and who is told what becomes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.machine.fingerprint import Fingerprint
from bench.orchestration.placement import Need, Node, Place
from bench.records.measurement import Epoch
from bench.records.probe import Moment, Probe
from bench.records.suite import Point
from bench.records.tables import Row


@dataclass(frozen=True)
class Cluster:
    """The nodes at hand, each with its fingerprint, and the hash of each data set they were given."""

    nodes: tuple[Node, ...]
    fingerprints: Mapping[str, Fingerprint]
    dataset_sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One scenario in one round, on its way through the session."""

    point: Point
    round: int
    order: int
    need: Need
    attempt: int = 1

    @property
    def seed(self) -> int:
        """The scenario's seed plus the round."""
        return self.point.scenario.seed + self.round


class Watcher(Protocol):
    """Who is told what happens: a display, or a log."""

    def planned(self, runs: int, rounds: int) -> None:
        """The session begins: so many runs in so many rounds, at least where it goes on up to a precision."""

    def round_began(self, number: int, points: Sequence[Point]) -> None:
        """A round begins, of the scenarios that are left."""

    def probed(self, place: Place, probe: Probe, moment: Moment) -> None:
        """A process has measured the limits of its device and cores."""

    def started(self, run: Run, place: Place) -> None:
        """A run has a process."""

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """A run has ended an epoch."""

    def finished(self, run: Run, row: Row) -> None:
        """A run has ended, and its row is on the disk."""
