"""A session: rounds of runs, each given to a process once its place is free, each recorded as it ends."""

import datetime
import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.orchestration.limits import Limits
from bench.orchestration.placement import Ledger, Need, Place, infeasible, need_of
from bench.orchestration.pool import Died, EpochDone, Event, Finished, Pool, Probed, Ready, Task, WorkerId
from bench.orchestration.recording import Recording, Stay
from bench.orchestration.runs import Cluster, Run, Watcher
from bench.records.measurement import Epoch, Measurement, Status
from bench.records.probe import Moment, Probe
from bench.records.recorder import Recorder
from bench.records.suite import Point, Suite

START_SECONDS = 300.0  # a process that has not imported TensorFlow by then never will
PROBE_SECONDS = 120.0
IDLE_SECONDS = 3600.0
Clock = Callable[[], float]
Settled = Callable[[Sequence[float]], bool]
"""Whether step times in seconds, one per run of a scenario on one machine, are enough of them."""


@dataclass
class _Worker:
    """A process, what it holds, and what it does."""

    place: Place
    need: Need
    deadline: float
    run: Run | None
    ready: bool = False
    probing: Moment | None = None
    started_at: datetime.datetime | None = None
    queue_seconds: float | None = None

    @property
    def busy(self) -> bool:
        return self.run is not None or self.probing is not None


class Session:
    """Runs a suite on a cluster through a pool of processes, recording every run whatever becomes of it.

    `settled` decides which scenarios leave after a round, once they have had `[measure] rounds` of them.
    """

    def __init__(
        self,
        suite: Suite,
        cluster: Cluster,
        pool: Pool,
        recorder: Recorder,
        watcher: Watcher,
        settled: Settled,
        clock: Clock = time.monotonic,
    ) -> None:
        self._suite, self._cluster, self._pool = suite, cluster, pool
        self._watcher, self._settled, self._clock = watcher, settled, clock
        self._ledger = Ledger(cluster.nodes)
        self._pending: deque[Run] = deque()
        self._workers: dict[WorkerId, _Worker] = {}
        self._step_seconds: dict[str, dict[str | None, list[float]]] = defaultdict(dict)
        self._limits = Limits(suite, cluster.nodes)
        self._recording = Recording(suite, cluster, recorder, self._limits)
        self._round_began = 0.0

    def run(self) -> None:
        """All rounds. An interrupt is raised again once the runs under way are recorded as cancelled."""
        rounds = self._suite.measure.least_rounds
        points, number = self._suite.points, 0
        self._watcher.planned(rounds * len(points), rounds)
        try:
            while points := self._unsettled(points, number):
                self._close_all()
                number += 1
                self._watcher.round_began(number, points)
                self._run_round(number, points)
            self._probe_again()
        except KeyboardInterrupt:
            self._cancel()
            raise
        finally:
            self._close_all()

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
        return tuple(p for p, times in known if times and not all(map(self._settled, times.values())))

    def _run_round(self, number: int, points: Sequence[Point]) -> None:
        """Every one of `points` once, in an order of the round's own, in processes of the round's own."""
        self._round_began = self._clock()
        for run in self._shuffled(number, points):
            problem = infeasible(run.need, self._cluster.nodes)
            if problem:
                self._record(run, Measurement(status="infeasible", error=problem))
            else:
                self._pending.append(run)
        while self._pending or any(worker.run for worker in self._workers.values()):
            self._dispatch()
            self._wait()

    def _wait(self) -> None:
        """For what happens next, be it a deadline."""
        for event in self._pool.wait(self._until_deadline()):
            self._handle(event)
        self._expire()

    def _probe_again(self) -> None:
        """What was probed at the session's start once more, one process after the other."""
        for node_id, need in self._limits.known:
            worker_id = self._idle(node_id, need) or self._open_for_probe(node_id, need)
            if worker_id is None:
                continue
            worker = self._workers[worker_id]
            if worker.ready:
                self._probe(worker_id, worker)
            while worker_id in self._workers and worker.probing:
                self._wait()

    def _idle(self, node_id: str, need: Need) -> WorkerId | None:
        return next(
            (i for i, w in self._workers.items() if (w.place.node.node_id, w.need) == (node_id, need)), None
        )

    def _open_for_probe(self, node_id: str, need: Need) -> WorkerId | None:
        """A new process where the round's own is gone; None where the node is, too."""
        self._close_all()
        place = self._ledger.take(need, self._ledger.nodes.keys() - {node_id})
        if place is None:
            return None
        worker_id = self._pool.open(place, need.kind)
        self._workers[worker_id] = _Worker(place, need, self._clock() + START_SECONDS, None, probing="end")
        return worker_id

    def _probe(self, worker_id: WorkerId, worker: _Worker) -> None:
        """Before the first run of its kind on a node, and after all of them."""
        worker.probing = "start" if worker.run else "end"
        worker.deadline = self._clock() + PROBE_SECONDS
        self._limits.asked(worker.place, worker.need)
        self._pool.probe(worker_id, self._limits.precisions(worker.need))

    def _probed(self, worker_id: WorkerId, worker: _Worker, probe: Probe | None) -> None:
        moment, worker.probing = worker.probing, None
        if probe is not None and moment is not None:
            self._recording.add_probe(worker.place, worker.need, probe, moment)
            self._watcher.probed(worker.place, probe, moment)
        if worker.run:
            self._submit(worker_id, worker)

    def _shuffled(self, number: int, points: Sequence[Point]) -> Sequence[Run]:
        order = list(points)
        random.Random(f"{self._recording.session_id}/{number}").shuffle(order)
        needs = [need_of(point.scenario, self._cluster.nodes) for point in order]
        return [Run(p, number, i, n) for i, (p, n) in enumerate(zip(order, needs, strict=True), start=1)]

    def _dispatch(self) -> None:
        """Start what fits, in order. Nothing overtakes a run on a node that it waits for."""
        waiting, held = deque[Run](), set[str]()
        while self._pending:
            run = self._pending.popleft()
            if not (self._reuse(run) or self._open(run, held) or self._open_in_place_of_idle(run, held)):
                if infeasible(run.need, self._ledger.nodes.values()):
                    self._record(
                        run, Measurement(status="lost", error="every node that could hold it was lost")
                    )
                    continue
                held |= {n.node_id for n in self._ledger.nodes.values() if not infeasible(run.need, [n])}
                waiting.append(run)
        self._pending = waiting

    def _reuse(self, run: Run) -> bool:
        """Give `run` to a process of this round that is done with another scenario of the same needs."""
        for worker_id, worker in self._workers.items():
            if worker.ready and worker.run is None and worker.need == run.need:
                worker.run = run
                self._submit(worker_id, worker)
                return True
        return False

    def _open(self, run: Run, held: set[str]) -> bool:
        place = self._ledger.take(run.need, held)
        if place is None:
            return False
        worker_id = self._pool.open(place, run.need.kind)
        self._workers[worker_id] = _Worker(place, run.need, self._clock() + START_SECONDS, run)
        return True

    def _open_in_place_of_idle(self, run: Run, held: set[str]) -> bool:
        """End idle processes of other needs, one after the other, until `run` finds a place."""
        idle = [
            i
            for i, w in self._workers.items()
            if w.ready and w.run is None and w.place.node.node_id not in held
        ]
        for worker_id in idle:
            if infeasible(run.need, [self._workers[worker_id].place.node]):
                continue
            self._close(worker_id)
            if self._open(run, held):
                return True
        return False

    def _submit(self, worker_id: WorkerId, worker: _Worker) -> None:
        run = worker.run
        assert run is not None
        now = self._clock()
        worker.started_at = datetime.datetime.now(datetime.UTC)
        worker.queue_seconds = now - self._round_began
        worker.deadline = now + self._suite.measure.timeout_seconds
        self._pool.submit(worker_id, Task(self._recording.run_id(run), run.point.scenario, run.seed))
        self._watcher.started(run, worker.place)

    def _handle(self, event: Event) -> None:
        worker = self._workers.get(event.worker)
        if worker is None:  # closed while the event was on its way
            return
        if isinstance(event, Ready):
            worker.ready = True
            if worker.run is None or self._limits.wanted(worker.place, worker.need):
                self._probe(event.worker, worker)
            else:
                self._submit(event.worker, worker)
        elif isinstance(event, Probed):
            self._probed(event.worker, worker, event.probe)
        elif isinstance(event, EpochDone) and worker.run:
            self._watcher.epoch(worker.run, event.epoch)
        elif isinstance(event, Finished) and worker.run:
            run, worker.run = worker.run, None
            self._record(run, event.measurement, event.epochs, worker)
            if event.measurement.status not in ("ok", "diverged"):
                self._close(event.worker)
        elif isinstance(event, Died):
            self._died(worker, event)

    def _died(self, worker: _Worker, event: Died) -> None:
        if event.node_lost:
            self._lose(worker.place.node.node_id, event)
        elif worker.ready and worker.probing:
            self._give_up_probe(event.worker)
        else:
            self._end(event.worker, event.status, event.error)

    def _lose(self, node_id: str, event: Died) -> None:
        """A node is gone, and with it every process there, whether it has told so yet or not."""
        self._ledger.drop(node_id)
        for worker_id, worker in list(self._workers.items()):
            if worker.place.node.node_id == node_id:
                self._end(worker_id, event.status, event.error)

    def _expire(self) -> None:
        """End what is past its deadline."""
        now = self._clock()
        for worker_id, worker in list(self._workers.items()):
            if not worker.busy or now < worker.deadline:
                continue
            if worker.probing:
                self._give_up_probe(worker_id)
            elif worker.ready:
                limit = self._suite.measure.timeout_seconds
                self._end(
                    worker_id,
                    "timeout",
                    f"still running after {limit:g} s; raise --timeout or timeout_seconds",
                )
            else:
                self._end(worker_id, "lost", f"its process did not start within {START_SECONDS:g} s")

    def _give_up_probe(self, worker_id: WorkerId) -> None:
        """A probe that hangs or kills its process costs the run that waited for it nothing."""
        run = self._workers[worker_id].run
        self._close(worker_id)
        if run is not None:
            self._pending.appendleft(run)

    def _end(self, worker_id: WorkerId, status: Status, error: str) -> None:
        """A process is gone or must go: its run is tried again where it was lost, else recorded."""
        worker = self._workers[worker_id]
        self._close(worker_id)
        run = worker.run
        if run is None:
            return
        if status == "lost" and run.attempt <= self._suite.measure.retries:
            self._pending.appendleft(replace(run, attempt=run.attempt + 1))
        else:
            self._record(run, Measurement(status=status, error=error), worker=worker)

    def _until_deadline(self) -> float:
        now = self._clock()
        left = [worker.deadline - now for worker in self._workers.values() if worker.busy]
        return max(min([IDLE_SECONDS, *left]), 0.0)

    def _cancel(self) -> None:
        for worker in self._workers.values():
            if worker.run and worker.ready:
                self._record(worker.run, Measurement(status="cancelled", error="interrupted"), worker=worker)
                worker.run = None

    def _close(self, worker_id: WorkerId) -> None:
        self._ledger.give_back(self._workers.pop(worker_id).place)
        self._pool.close(worker_id)

    def _close_all(self) -> None:
        for worker_id in list(self._workers):
            self._close(worker_id)

    def _record(
        self, run: Run, measured: Measurement, epochs: Iterable[Epoch] = (), worker: _Worker | None = None
    ) -> None:
        stay = Stay(worker.place, worker.started_at, worker.queue_seconds) if worker else None
        row = self._recording.add_run(run, measured, epochs, stay)
        if measured.status == "ok" and measured.step_seconds is not None:
            by_machine = self._step_seconds[row["scenario_id"]]
            by_machine.setdefault(row["machine"], []).append(measured.step_seconds)
        self._watcher.finished(run, row)
