"""The runs of a session, the cluster they run on, and who is told what becomes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.machine.fingerprint import Fingerprint
from bench.orchestration.scheduling.request import Allocation, Allocations, Node, Request
from bench.records.earlier import Earlier
from bench.records.measurement import Epoch, Phase
from bench.records.probe import Moment, Probe
from bench.records.scenario import Scenario
from bench.records.suite import Point
from bench.records.tables import Row


@dataclass(frozen=True)
class Cluster:
    """The nodes at hand, each with its fingerprint, and the hash of each data set they were given."""

    nodes: tuple[Node, ...]
    fingerprints: Mapping[str, Fingerprint]
    dataset_sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario in one round, on its way through the session; on `node`, where that is said.

    `lost_before` counts the attempts that were lost before the session was resumed.
    """

    point: Point
    round: int
    order: int
    request: Request
    node: Node | None = None
    attempt: int = 1
    lost_before: int = 0

    @property
    def key(self) -> str:
        """What sets it apart from the other runs of its round: the same for all of its attempts."""
        scenario_id = self.point.scenario.scenario_id
        return scenario_id if self.node is None else _key_on(scenario_id, self.node.name)

    @property
    def seed(self) -> int:
        """The scenario's seed plus the round."""
        return self.point.scenario.seed + self.round


def run_keys(scenario: Scenario, nodes: Sequence[str]) -> list[str]:
    """The keys of a round's runs of `scenario`: one for each node that it has to run on, or just one."""
    scenario_id = scenario.scenario_id
    return [_key_on(scenario_id, name) for name in nodes] or [scenario_id]


def _key_on(scenario_id: str, node: str) -> str:
    return f"{scenario_id}-{node}"


class Watcher(Protocol):
    """Who is told what happens: a display, or a log."""

    def planned(self, runs: int, rounds: int, nodes: Sequence[str]) -> None:
        """The session begins: so many runs in so many rounds, at least where it goes on up to a precision.

        `nodes` are the names of those that each scenario is to run on; empty where any one of them will do.
        """

    def round_began(self, number: int) -> None:
        """The first run of a round has its slot. Runs of earlier rounds may still be going on, or waiting."""

    def probed(self, allocation: Allocation, probe: Probe, moment: Moment) -> None:
        """A process has measured the limits of its device and cores."""

    def unprobed(self, allocations: Allocations, moment: Moment, why: str) -> None:
        """The limits of a process, or of a group's, are not known for want of a probe."""

    def kept(self, run: Run, earlier: Earlier) -> None:
        """A run had ended before the session was resumed; it is not run again."""

    def started(self, run: Run, allocations: Allocations) -> None:
        """A run has its slot, and its processes start."""

    def phase(self, run: Run, phase: Phase) -> None:
        """A run does something else from now on."""

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """A run has ended an epoch."""

    def finished(self, run: Run, row: Row) -> None:
        """A run has ended, and its row is on the disk."""
