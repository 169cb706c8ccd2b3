"""A session: rounds of runs, each given to processes once its place is free, each recorded as it ends."""

import datetime
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from bench.orchestration.limits import Limits
from bench.orchestration.pool import (
    Died,
    EpochDone,
    Event,
    Finished,
    PhaseBegan,
    Pool,
    Probed,
    Ready,
    Task,
    WorkerId,
)
from bench.orchestration.recording import Recording, Stay
from bench.orchestration.runs import Cluster, Run, Watcher
from bench.orchestration.scheduling.order import Order
from bench.orchestration.scheduling.placement import Node, Request, infeasible, request_of
from bench.orchestration.scheduling.scheduler import START_SECONDS, Clock, Dispatcher, Worker
from bench.records.kinds import DeviceKind
from bench.records.measurement import UNFINISHED, Epoch, Measurement, Status
from bench.records.probe import Probe
from bench.records.recorder import Recorder
from bench.records.scenario import Precision
from bench.records.suite import Point, Suite
from bench.records.tables import Row

PROBE_SECONDS: dict[DeviceKind, float] = {"cpu": 120.0, "gpu": 300.0}
"""Given to a probe; a GPU's large products may be tuned for tens of seconds each before they are timed."""
IDLE_SECONDS = 3600.0
Settled = Callable[[Sequence[float]], bool]
"""Whether step times in seconds, one per run of a scenario on one machine, are enough of them."""


@dataclass(frozen=True)
class Rules:
    """How a session is run, beside what its suite says.

    `settled` decides which scenarios leave after a round, once they have had `[measure] rounds` of them. With
    `every_node` each scenario runs on each node of the cluster. Without `probe` nobody learns what the nodes
    can do at most, and a small session is over sooner. With `cold_compile` every run compiles its programs,
    not only the first one of its scenario on a node.
    """

    settled: Settled
    order: Order = field(default_factory=Order)
    every_node: bool = False
    probe: bool = True
    cold_compile: bool = False


class Session:
    """Runs a suite on a cluster through a pool of processes, recording every run whatever becomes of it."""

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
        self._where: tuple[Node | None, ...] = cluster.nodes if rules.every_node else (None,)
        self._dispatcher = Dispatcher(cluster.nodes, pool, clock, rules.order)
        self._step_seconds: dict[str, dict[object, list[float]]] = defaultdict(dict)
        self._limits = Limits(self._precisions_by_request())
        self._recording = Recording(suite, cluster, recorder, self._limits)
        self._round_began = 0.0

    def run(self) -> None:
        """All rounds. An interrupt is raised again once the runs under way are recorded as cancelled."""
        rounds = self._suite.measure.least_rounds
        points, number = self._suite.points, 0
        names = tuple(node.name for node in self._where if node)
        self._watcher.planned(rounds * len(points) * len(self._where), rounds, names)
        try:
            while points := self._unsettled(points, number):
                self._dispatcher.close_all()
                number += 1
                self._run_round(number, points)
            self._probe_again()
        except KeyboardInterrupt:
            self._cancel()
            raise
        finally:
            self._dispatcher.close_all()

    def _unsettled(self, points: tuple[Point, ...], rounds: int) -> tuple[Point, ...]:
        """Which of `points` go on after so many rounds.

        What gave no step time in the least number of rounds would give none in more.
        """
        measure = self._suite.measure
        if rounds < measure.rounds:
            return points
        if rounds >= measure.most_rounds:
            return ()
        known = ((point, self._step_seconds[point.scenario.scenario_id]) for point in points)
        settled = self._rules.settled
        return tuple(p for p, times in known if times and not all(map(settled, times.values())))

    def _run_round(self, number: int, points: Sequence[Point]) -> None:
        """Every one of `points` once, in an order of the round's own, in processes of the round's own.

        Less what had ended before the session was resumed.
        """
        self._round_began = self._clock()
        runs = [(run, self._left(run)) for run in self._ordered(number, points)]
        ahead = [left for _, left in runs if left]
        if ahead:
            self._watcher.round_began(number, points)
        self._keep(run for run, left in runs if left is None)
        for run in ahead:
            problem = infeasible(run.request, self._cluster.nodes)
            if problem:
                self._record(run, Measurement(status="infeasible", error=problem))
            else:
                self._dispatcher.pending.append(run)
        while self._dispatcher.pending or any(w.run for w in self._dispatcher.workers.values()):
            self._dispatch()
            self._wait()

    def _ordered(self, number: int, points: Sequence[Point]) -> list[Run]:
        runs = [Run(p, number, 0, self._request_of(p, node), node) for p in points for node in self._where]
        ordered = self._rules.order(runs, f"{self._recording.session_id}/{number}")
        return [replace(run, order=i) for i, run in enumerate(ordered, start=1)]

    def _left(self, run: Run) -> Run | None:
        """`run` where it has still to be run, with the attempts that were lost; None where it had ended."""
        row = self._recording.earlier(run)
        if row is not None and row["status"] not in UNFINISHED:
            return None
        return replace(run, lost_before=row["attempt"]) if row and row["status"] == "lost" else run

    def _keep(self, runs: Iterable[Run]) -> None:
        """What had ended before the session was resumed counts as if it had ended now."""
        for run in runs:
            row = self._recording.earlier(run)
            assert row is not None
            self._learn(run, row)
            self._watcher.kept(run, row)

    def _request_of(self, point: Point, node: Node | None) -> Request:
        """On a node that is said, device "auto" is what that node has."""
        exclusive = self._suite.measure.exclusive
        request = request_of(point.scenario, [node] if node else self._cluster.nodes, exclusive)
        return replace(request, node_id=node.node_id) if node else request

    def _precisions_by_request(self) -> dict[Request, list[Precision]]:
        found: dict[Request, list[Precision]] = {}
        for point in self._suite.points:
            for node in self._where:
                found.setdefault(self._request_of(point, node), []).append(point.scenario.precision)
        return found

    def _dispatch(self) -> None:
        done = self._dispatcher.dispatch()
        for worker_id in done.given:
            self._submit(worker_id, self._dispatcher.workers[worker_id])
        for run in done.lost:
            self._record(run, Measurement(status="lost", error="every node that could hold it was lost"))

    def _wait(self) -> None:
        """For what happens next, be it a deadline."""
        for event in self._pool.wait(self._until_deadline()):
            self._handle(event)
        self._expire()

    def _probe_again(self) -> None:
        """What was probed at the session's start once more, one worker after the other."""
        for node_ids, request in self._limits.to_repeat:
            worker_id = self._there(node_ids, request) or self._open_for_probe(node_ids, request)
            if worker_id is None:
                continue
            worker = self._dispatcher.workers[worker_id]
            if worker.ready:
                self._probe(worker_id, worker)
            while worker_id in self._dispatcher.workers and worker.probing:
                self._wait()

    def _there(self, node_ids: frozenset[str], request: Request) -> WorkerId | None:
        workers = self._dispatcher.workers.items()
        return next((i for i, w in workers if (w.node_ids, w.request) == (node_ids, request)), None)

    def _open_for_probe(self, node_ids: frozenset[str], request: Request) -> WorkerId | None:
        """A new worker where the round's own is gone; None where a node is, too."""
        self._dispatcher.close_all()
        worker_id = self._dispatcher.open_for_probe(node_ids, request)
        if worker_id is not None:
            self._dispatcher.workers[worker_id].probing = "end"
        return worker_id

    def _probe(self, worker_id: WorkerId, worker: Worker) -> None:
        """Before the first run of its kind on a node, and after all of them."""
        worker.probing = "start" if worker.run else "end"
        worker.deadline = self._clock() + PROBE_SECONDS[worker.request.kind]
        self._limits.asked(worker.allocations, worker.request)
        self._pool.probe(worker_id, self._limits.precisions(worker.request))

    def _probed(self, worker_id: WorkerId, worker: Worker, probes: Sequence[Probe | None]) -> None:
        moment, worker.probing = worker.probing, None
        self._limits.add(worker.allocations, worker.request, probes)
        for allocation, probe in zip(worker.allocations, probes, strict=True):
            if probe is not None and moment is not None:
                self._recording.add_probe(allocation, worker.request, probe, moment)
                self._watcher.probed(allocation, probe, moment)
            elif moment is not None:
                self._watcher.unprobed((allocation,), moment, "the probe failed")
        if worker.run:
            self._submit(worker_id, worker)

    def _submit(self, worker_id: WorkerId, worker: Worker) -> None:
        run = worker.run
        assert run is not None
        worker.began = self._clock()
        worker.started_at = datetime.datetime.now(datetime.UTC)
        worker.queue_seconds = worker.began - self._round_began
        worker.deadline = worker.began + self._suite.measure.timeout_seconds
        self._pool.submit(worker_id, Task(self._recording.run_id(run), run.point.scenario, run.seed))
        self._watcher.started(run, worker.allocations)

    def _handle(self, event: Event) -> None:
        worker = self._dispatcher.workers.get(event.worker)
        if worker is None:  # closed while the event was on its way
            return
        if isinstance(event, Ready):
            self._ready(event.worker, worker)
        elif isinstance(event, Probed):
            self._probed(event.worker, worker, event.probes)
        elif isinstance(event, PhaseBegan) and worker.run:
            self._watcher.phase(worker.run, event.phase)
        elif isinstance(event, EpochDone) and worker.run:
            self._watcher.epoch(worker.run, event.epoch)
        elif isinstance(event, Finished) and worker.run:
            self._finished(worker, event)
        elif isinstance(event, Died):
            self._died(worker, event)

    def _ready(self, worker_id: WorkerId, worker: Worker) -> None:
        worker.ready = True
        unknown = self._rules.probe and self._limits.wanted(worker.allocations, worker.request)
        if worker.run is None or unknown:
            self._probe(worker_id, worker)
        else:
            self._submit(worker_id, worker)

    def _finished(self, worker: Worker, event: Finished) -> None:
        run = worker.run
        assert run is not None
        if event.measurement.status != "lost" or not self._try_again(event.worker, run):
            worker.run = None
            self._record(run, event.measurement, event.epochs, worker)
            if event.broken or event.measurement.status not in ("ok", "diverged"):
                self._dispatcher.close(event.worker)
        if event.node_id is not None:
            self._lose(event.node_id, "lost", event.measurement.error or "its node was lost")

    def _died(self, worker: Worker, event: Died) -> None:
        if event.node_id is not None:
            self._lose(event.node_id, event.status, event.error)
        if event.worker not in self._dispatcher.workers:
            return
        if worker.probing:
            self._give_up_probe(event.worker, event.error)
        else:
            self._end(event.worker, event.status, event.error)

    def _lose(self, node_id: str, status: Status, error: str) -> None:
        """A node is gone, and with it every process there, whether it has told so yet or not."""
        self._dispatcher.drop(node_id)
        for worker_id, worker in list(self._dispatcher.workers.items()):
            if node_id in worker.node_ids:
                self._end(worker_id, status, error)

    def _expire(self) -> None:
        """End what is past its deadline."""
        now = self._clock()
        for worker_id, worker in list(self._dispatcher.workers.items()):
            if not worker.busy or now < worker.deadline:
                continue
            if worker.probing:
                why = _too_long(worker.request.kind) if worker.ready else "its process did not start in time"
                self._give_up_probe(worker_id, why)
            elif worker.ready:
                limit = self._suite.measure.timeout_seconds
                self._end(
                    worker_id,
                    "timeout",
                    f"still running after {limit:g} s; raise --timeout or timeout_seconds",
                )
            else:
                awaited = self._pool.awaits(worker_id)
                self._end(worker_id, "lost", f"not started within {START_SECONDS:g} s: waits for {awaited}")

    def _give_up_probe(self, worker_id: WorkerId, why: str) -> None:
        """A probe that hangs or kills its process costs the run that waited for it nothing."""
        worker = self._dispatcher.workers[worker_id]
        run, allocations, moment = worker.run, worker.allocations, worker.probing
        self._dispatcher.close(worker_id)
        if moment is not None:
            self._watcher.unprobed(allocations, moment, why)
        if run is not None:
            self._dispatcher.pending.appendleft(run)

    def _end(self, worker_id: WorkerId, status: Status, error: str) -> None:
        """A worker is gone or must go: its run is tried again where it was lost, else recorded."""
        worker = self._dispatcher.workers[worker_id]
        run = worker.run
        if run is not None and status == "lost" and self._try_again(worker_id, run):
            return
        self._dispatcher.close(worker_id)
        if worker.probing:
            self._watcher.unprobed(worker.allocations, worker.probing, error)
        if run is not None:
            self._record(run, Measurement(status=status, error=error), worker=worker)

    def _try_again(self, worker_id: WorkerId, run: Run) -> bool:
        """Once more, and first, in fresh processes, as often as the suite says."""
        if run.attempt > self._suite.measure.retries:
            return False
        self._dispatcher.close(worker_id)
        self._dispatcher.pending.appendleft(replace(run, attempt=run.attempt + 1))
        return True

    def _until_deadline(self) -> float:
        now = self._clock()
        left = [worker.deadline - now for worker in self._dispatcher.workers.values() if worker.busy]
        return max(min([IDLE_SECONDS, *left]), 0.0)

    def _cancel(self) -> None:
        for worker in self._dispatcher.workers.values():
            if worker.run and worker.ready:
                self._record(worker.run, Measurement(status="cancelled", error="interrupted"), worker=worker)
                worker.run = None

    def _record(
        self, run: Run, measured: Measurement, epochs: Iterable[Epoch] = (), worker: Worker | None = None
    ) -> None:
        stay = Stay(worker.allocations, worker.started_at, worker.queue_seconds) if worker else None
        row = self._recording.add_run(run, measured, epochs, stay)
        self._learn(run, row)
        if measured.status == "ok" and worker and worker.began is not None:
            self._rules.order.taken(run.point.scenario, self._clock() - worker.began)
        self._watcher.finished(run, row)

    def _learn(self, run: Run, row: Row) -> None:
        """One time more of those that decide whether the scenario goes on."""
        if row["status"] == "ok" and row["step_seconds"] is not None:
            where = row["machine"], run.node and run.node.name
            self._step_seconds[row["scenario_id"]].setdefault(where, []).append(row["step_seconds"])


def _too_long(kind: DeviceKind) -> str:
    """Why a probe was given up at its deadline."""
    tuning = ", the tuning of a GPU's large products included" if kind == "gpu" else ""
    return f"the probe was not done after {PROBE_SECONDS[kind]:g} s{tuning}"
