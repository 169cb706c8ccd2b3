"""What each kind of process can do at most on each node, and how its runs stand to that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bench.orchestration.placement import Need, Places
from bench.records.kinds import DeviceKind
from bench.records.measurement import Measurement
from bench.records.probe import Probe
from bench.records.scenario import Precision, Scenario
from bench.training.roofline import step_limit

_Key = tuple[str, Need]


class Limits:
    """The probes of a session, by node and need."""

    def __init__(self, needs: Mapping[Need, Iterable[Precision]]) -> None:
        """`needs` has the precisions that the suite's scenarios of each need train in."""
        self._precisions = {need: tuple(dict.fromkeys(wanted)) for need, wanted in needs.items()}
        self._asked: set[_Key] = set()
        self._probes: dict[_Key, Probe] = {}
        self._known: dict[tuple[frozenset[str], Need], None] = {}

    @property
    def to_repeat(self) -> tuple[tuple[frozenset[str], Need], ...]:
        """Whom to probe once more to see each node and kind of device again: ids of nodes, and the need.

        Whoever was probed first, since what a node can do has little to do with who asks.
        """
        seen, chosen = set[tuple[str, DeviceKind]](), []
        for node_ids, need in self._known:
            again = {(node_id, need.kind) for node_id in node_ids}
            if again - seen:
                chosen.append((node_ids, need))
            seen |= again
        return tuple(chosen)

    def wanted(self, places: Places, need: Need) -> bool:
        """Whether a worker of `need` on these nodes has still to be probed."""
        return any((place.node.node_id, need) not in self._asked for place in places)

    def asked(self, places: Places, need: Need) -> None:
        """A worker is being probed; one that fails at it is not asked again."""
        self._asked |= {(place.node.node_id, need) for place in places}

    def precisions(self, need: Need) -> tuple[Precision, ...]:
        """The precisions that the suite's scenarios of `need` train in."""
        return self._precisions[need]

    def add(self, places: Places, need: Need, probes: Sequence[Probe | None]) -> None:
        """Keep the probe of each place; the first one of its kind is what runs are held against."""
        for place, probe in zip(places, probes, strict=True):
            if probe is not None:
                self._probes.setdefault((place.node.node_id, need), probe)
                self._known.setdefault((frozenset(p.node.node_id for p in places), need))

    def beside(self, measured: Measurement, scenario: Scenario, places: Places, need: Need) -> Measurement:
        """`measured` with the least time of a step there, and how near the run came to it.

        The replicas wait for one another: the slowest place says what is possible.
        """
        probes = [self._probes.get((place.node.node_id, need)) for place in places]
        known = [limit for probe in probes if probe and (limit := step_limit(scenario, probe))]
        if measured.step_seconds is None or not known:
            return measured
        limit = max(known, key=lambda limit: limit.seconds)
        return replace(
            measured,
            limit_seconds=limit.seconds,
            limit_fraction=limit.seconds / measured.step_seconds,
            bound_by=limit.bound_by,
        )
