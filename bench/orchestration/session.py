"""A session: rounds of runs, each given to a slot once one is free, each recorded as it ends."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bench.errors import ClusterLostError
from bench.orchestration.limits import Limits
from bench.orchestration.pool import Pool, Result
from bench.orchestration.probing import Probing
from bench.orchestration.recording import Ended, Recording
from bench.orchestration.rounds import Left, Rounds, Settled
from bench.orchestration.runs import Cluster, Run, Watcher
from bench.orchestration.scheduling.policy import Order
from bench.orchestration.scheduling.request import Node, Request, one_of_each, request_of
from bench.orchestration.scheduling.scheduler import Clock, Scheduler
from bench.orchestration.scheduling.slots import Slot, State
from bench.orchestration.supervision import Supervisor
from bench.records.earlier import Earlier
from bench.records.measurement import UNFINISHED, Measurement
from bench.records.recorder import Recorder
from bench.records.scenario import Precision
from bench.records.series import Series
from bench.records.suite import Point, Suite

IDLE_SECONDS = 3600.0
NEAR_END = 1.5
"""The end is near when what is left takes so many times as long as the longest run, and goes longest first
then: a long run that begins later would be waited for.
"""


@dataclass(frozen=True)
class Rules:
    """How a session is run, beside what its suite says.

    `settled` decides which scenarios leave, once they have had `[measure] rounds` of runs. With `every_node`
    each scenario runs on each node of the cluster. Without `probe` nobody learns what the nodes can do at
    most, and a small session is over sooner. With `twins` a node may have a scenario's rounds side by side.
    With `cold_compile` every run compiles its programs, not only the first one of its scenario on a node.
    `series` says which of several sessions in a row it is.
    """

    settled: Settled
    order: Order = field(default_factory=Order)
    every_node: bool = False
    probe: bool = True
    twins: bool = False
    cold_compile: bool = False
    series: Series = Series()  # noqa: RUF009 -- frozen


class Session:
    """Runs a suite on a cluster through a pool of slots, recording every run whatever becomes of it."""

    def __init__(
        self,
        suite: Suite,
        cluster: Cluster,
        pool: Pool,
        recorder: Recorder,
        watcher: Watcher,
        rules: Rules,
        clock: Clock = time.monotonic,
    ) -> None:
        self._suite, self._cluster, self._pool = suite, cluster, pool
        self._watcher, self._rules, self._clock = watcher, rules, clock
        self._nodes: Sequence[Node] = cluster.nodes if rules.every_node else ()
        self._shapes = one_of_each(cluster.nodes)
        self._requests: dict[Request, Request] = {}
        self._scheduler = Scheduler(cluster.nodes, pool, clock, rules.order, rules.twins)
        self._limits = Limits(self._precisions_by_request())
        known = ((request, self._scheduler.infeasible(request)) for request in self._requests)
        self._impossible = {request: why for request, why in known if why}
        self._recording = Recording(suite, cluster, recorder, self._limits)
        probing = Probing(self._limits, pool, self._recording, watcher, clock) if rules.probe else None
        self._supervisor = Supervisor(
            suite.measure,
            self._scheduler,
            pool,
            probing,
            self._recording,
            watcher,
            clock,
            rules.cold_compile or suite.measure.most_rounds == 1,  # nobody would read what is kept
        )
        self._rounds = Rounds(
            suite,
            self._nodes,
            self._request_of,
            rules.order,
            rules.settled,
            self._recording.session_id,
            Left(lambda request: self._scheduler.infeasible(request) is None, self._machines_left),
        )
        self._round, self._ending = 0, False
        self._counted = dict[int, int]()

    def run(self) -> None:
        """All rounds.

        An interrupt, or the loss of the cluster, is raised again once the runs under way are recorded as
        cancelled.
        """
        rounds = self._suite.measure.least_rounds
        self._watcher.planned(rounds * self._rounds.size, rounds, tuple(node.name for node in self._nodes))
        try:
            self._feed()
            self._dispatch()
            while self._scheduler.busy or len(self._scheduler.queue):
                self._wait()
                self._dispatch()
            self._probe_again()
        except (KeyboardInterrupt, ClusterLostError) as end:
            self._record(self._supervisor.cancel(str(end) or "interrupted"))
            raise
        finally:
            self._scheduler.close_all()

    def _dispatch(self) -> None:
        """Give what waits to what is free; the next round comes once all of some request have their slots."""
        while self._scheduler.stirred:
            done = self._scheduler.dispatch(self._near_end)
            for slot in done.opened:
                self._supervisor.opened(slot)
                self._begin_round(slot)
            for slot in done.given:
                self._begin_round(slot)
                self._supervisor.submit(slot)
            self._record([Ended(run, Result(_lost(run.request))) for run in done.lost])
            self._feed()

    def _begin_round(self, slot: Slot) -> None:
        if slot.run is not None and slot.run.round > self._round:
            self._round = slot.run.round
            self._watcher.round_began(self._round)

    @property
    def _near_end(self) -> bool:
        """Once it is, it stays so, unless far more runs turn out to be needed."""
        left, slots = len(self._scheduler.queue) + self._rounds.least_to_come, len(self._scheduler.slots)
        near = NEAR_END * self._rules.order.spread * slots
        self._ending = slots > 1 and left <= (2 * near if self._ending else near)
        return self._ending

    def _feed(self) -> None:
        """Have the next rounds wait where it is time for them."""
        while self._rounds.more and (self._near_end or self._drained):
            self._add(self._rounds.next())

    @property
    def _drained(self) -> bool:
        """Whether nothing waits of some request, whose slots might be free for the next round."""
        waiting = len(self._scheduler.queue.requests())
        return not waiting or waiting < self._possible()

    def _possible(self) -> int:
        """How many requests the nodes that are left could hold: counted anew where there are fewer."""
        nodes = len(self._scheduler.nodes)
        if nodes not in self._counted:
            held = [request for request in self._requests if self._scheduler.infeasible(request) is None]
            self._counted = {nodes: len(held)}
        return self._counted[nodes]

    def _add(self, runs: Iterable[Run]) -> None:
        """Have `runs` wait, less what had ended before the session was resumed, or can never be."""
        impossible, ahead = list[Ended](), deque(runs)
        while ahead:
            run = ahead.popleft()
            earlier = self._recording.earlier(run)
            if earlier is not None and earlier.status not in UNFINISHED:
                ahead += self._keep(run, earlier)
                continue
            if earlier is not None and earlier.status != "infeasible":
                run = replace(run, lost_before=earlier.attempt - (earlier.status == "cancelled"))
            problem = self._problem(run.request)
            if problem is None:
                self._scheduler.add(run)
            else:
                impossible.append(Ended(run, Result(problem)))
        self._record(impossible)

    def _keep(self, run: Run, earlier: Earlier) -> list[Run]:
        """What had ended before the session was resumed counts as if it had ended now; gives what follows."""
        self._watcher.kept(run, earlier)
        if earlier.status == "ok" and earlier.occupied_seconds is not None:
            self._rules.order.taken(run.point.scenario, earlier.occupied_seconds)
        return self._rounds.ended(run, earlier.status, earlier.machine, earlier.step_seconds)

    def _problem(self, request: Request) -> Measurement | None:
        """Why it is of no use to wait with `request`; None where it may be."""
        why = self._impossible.get(request)
        if why is not None:
            return Measurement(status="infeasible", error=why)
        return _lost(request) if self._scheduler.infeasible(request) else None

    def _machines_left(self) -> frozenset[str]:
        known = self._cluster.fingerprints
        return frozenset(known[node_id].machine for node_id in self._scheduler.nodes if node_id in known)

    def _request_of(self, point: Point, node: Node | None) -> Request:
        """On a node that is said, device "auto" is what that node has. Equal requests are one object."""
        exclusive = self._suite.measure.exclusive
        request = request_of(point.scenario, [node] if node else self._shapes, exclusive)
        request = replace(request, node_id=node.node_id) if node else request
        return self._requests.setdefault(request, request)

    def _precisions_by_request(self) -> dict[Request, list[Precision]]:
        found: dict[Request, list[Precision]] = {}
        for point in self._suite.points:
            for node in self._nodes or (None,):
                found.setdefault(self._request_of(point, node), []).append(point.scenario.precision)
        return found

    def _wait(self) -> None:
        """For what happens next, be it a deadline; then record what has ended by it."""
        for event in self._pool.wait(self._until_deadline()):
            self._supervisor.handle(event)
        self._supervisor.expire()
        ended, free = self._supervisor.take_ended()
        self._record(ended)
        for slot in free:
            self._scheduler.release(slot)

    def _until_deadline(self) -> float:
        at = self._supervisor.next_deadline
        return IDLE_SECONDS if at is None else min(max(at - self._clock(), 0.0), IDLE_SECONDS)

    def _record(self, ended: Sequence[Ended]) -> None:
        """Rows on the disk, all at once; then whoever goes by them is told."""
        if not ended:
            return
        rows = self._recording.add_runs(ended)
        for it, row in zip(ended, rows, strict=True):
            measured = it.result.measurement
            if measured.status == "ok" and it.stay and it.stay.occupied_seconds is not None:
                self._rules.order.taken(it.run.point.scenario, it.stay.occupied_seconds)
            self._watcher.finished(it.run, row)
            self._add(self._rounds.ended(it.run, measured.status, row["machine"], measured.step_seconds))

    def _probe_again(self) -> None:
        """What was probed at the session's start once more, side by side on different nodes."""
        left = list(self._limits.to_repeat)
        while left:
            taken, now, later = set[str](), list[Slot](), list[tuple[frozenset[str], Request]]()
            for node_ids, request in left:
                if taken & node_ids:
                    later.append((node_ids, request))
                    continue
                taken |= node_ids
                found = self._there(node_ids, request) or self._open_for_probe(node_ids, request)
                now += [found] if found is not None else []
            for ready in [slot for slot in now if slot.state is State.IDLE]:
                self._supervisor.probe(ready)
            while any(at.slot_id in self._scheduler.slots and at.state is not State.IDLE for at in now):
                self._wait()
            left = later

    def _there(self, node_ids: frozenset[str], request: Request) -> Slot | None:
        slots = self._scheduler.slots.values()
        return next((slot for slot in slots if (slot.node_ids, slot.request) == (node_ids, request)), None)

    def _open_for_probe(self, node_ids: frozenset[str], request: Request) -> Slot | None:
        """A new slot where none of its kind is left; None where a node is gone."""
        for other in [other for other in self._scheduler.slots.values() if other.node_ids & node_ids]:
            self._scheduler.close(other.slot_id)
        slot = self._scheduler.open_for_probe(node_ids, request)
        if slot is not None:
            slot.moment = "end"
            self._supervisor.opened(slot)
        return slot


def _lost(request: Request) -> Measurement:
    """What became of a run that waited for nodes which are gone."""
    of_one, of_several = "every node that could hold it was lost", "nodes were lost, and too few are left"
    return Measurement(status="lost", error=of_one if request.workers == 1 else of_several)
