"""What each kind of process can do at most on each node, and how its runs stand to that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bench.orchestration.scheduling.request import Allocations, Request
from bench.records.kinds import DeviceKind
from bench.records.measurement import Measurement
from bench.records.probe import Probe
from bench.records.scenario import Precision, Scenario
from bench.training.roofline import step_limit

_Key = tuple[str, Request]


class Limits:
    """The probes of a session, by node and request."""

    def __init__(self, requests: Mapping[Request, Iterable[Precision]]) -> None:
        """`requests` has the precisions that the suite's scenarios of each request train in."""
        self._precisions = {request: tuple(dict.fromkeys(wanted)) for request, wanted in requests.items()}
        self._asked: set[_Key] = set()
        self._probes: dict[_Key, Probe] = {}
        self._known: dict[tuple[frozenset[str], Request], None] = {}

    @property
    def to_repeat(self) -> tuple[tuple[frozenset[str], Request], ...]:
        """Whom to probe once more to see each node and kind of device again: ids of nodes, and the request.

        Whoever was probed first, since what a node can do has little to do with who asks.
        """
        seen, chosen = set[tuple[str, DeviceKind]](), []
        for node_ids, request in self._known:
            again = {(node_id, request.kind) for node_id in node_ids}
            if again - seen:
                chosen.append((node_ids, request))
            seen |= again
        return tuple(chosen)

    def wanted(self, allocations: Allocations, request: Request) -> bool:
        """Whether a slot of `request` on these nodes has still to be probed."""
        return any((allocation.node.node_id, request) not in self._asked for allocation in allocations)

    def asked(self, allocations: Allocations, request: Request) -> None:
        """A slot is being probed; one that fails at it is not asked again."""
        self._asked |= {(allocation.node.node_id, request) for allocation in allocations}

    def precisions(self, request: Request) -> tuple[Precision, ...]:
        """The precisions that the suite's scenarios of `request` train in."""
        return self._precisions[request]

    def add(self, allocations: Allocations, request: Request, probes: Sequence[Probe | None]) -> None:
        """Keep the probe of each allocation; the first one of its kind is what runs are held against."""
        for allocation, probe in zip(allocations, probes, strict=True):
            if probe is not None:
                self._probes.setdefault((allocation.node.node_id, request), probe)
                self._known.setdefault((frozenset(p.node.node_id for p in allocations), request))

    def beside(
        self, measured: Measurement, scenario: Scenario, allocations: Allocations, request: Request
    ) -> Measurement:
        """`measured` with the least time of a step there, and how near the run came to it.

        The replicas wait for one another: the slowest process says what is possible.
        """
        probes = [self._probes.get((allocation.node.node_id, request)) for allocation in allocations]
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
