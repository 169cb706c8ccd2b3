"""What each kind of process can do at most on each node, and how its runs stand to that."""

from collections.abc import Sequence
from dataclasses import replace

from bench.orchestration.placement import Need, Node, Place, need_of
from bench.records.measurement import Measurement
from bench.records.probe import Probe
from bench.records.scenario import Precision, Scenario
from bench.records.suite import Suite
from bench.training.roofline import step_limit

_Key = tuple[str, Need]


class Limits:
    """The probes of a session, by node and need."""

    def __init__(self, suite: Suite, nodes: Sequence[Node]) -> None:
        self._asked: set[_Key] = set()
        self._probes: dict[_Key, Probe] = {}
        self._precisions: dict[Need, dict[Precision, None]] = {}
        for point in suite.points:
            need = need_of(point.scenario, nodes)
            self._precisions.setdefault(need, {})[point.scenario.precision] = None

    @property
    def known(self) -> tuple[_Key, ...]:
        """The ids of nodes and the needs whose limits are known."""
        return tuple(self._probes)

    def wanted(self, place: Place, need: Need) -> bool:
        """Whether a process of `need` on this node has still to be probed."""
        return (place.node.node_id, need) not in self._asked

    def asked(self, place: Place, need: Need) -> None:
        """A process is being probed; one that fails at it is not asked again."""
        self._asked.add((place.node.node_id, need))

    def precisions(self, need: Need) -> tuple[Precision, ...]:
        """The precisions that the suite's scenarios of `need` train in."""
        return tuple(self._precisions[need])

    def add(self, place: Place, need: Need, probe: Probe) -> None:
        """Keep a probe; the first one of its kind is what runs are held against."""
        self._probes.setdefault((place.node.node_id, need), probe)

    def beside(self, measured: Measurement, scenario: Scenario, place: Place, need: Need) -> Measurement:
        """`measured` with the least time of a step there, and how near the run came to it."""
        probe = self._probes.get((place.node.node_id, need))
        if probe is None or measured.step_seconds is None:
            return measured
        limit = step_limit(scenario, probe)
        if limit is None:
            return measured
        return replace(
            measured,
            limit_seconds=limit.seconds,
            limit_fraction=limit.seconds / measured.step_seconds,
            bound_by=limit.bound_by,
        )
