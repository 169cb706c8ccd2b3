import heapq
import itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace

import pytest

from bench.machine.fingerprint import Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.nvml import Gpu
from bench.machine.software import Software
from bench.orchestration.pool import Died, EpochDone, Finished, PhaseBegan, Probed, Ready
from bench.orchestration.runs import Cluster
from bench.orchestration.scheduling.order import LongestFirst, Order
from bench.orchestration.scheduling.request import Node
from bench.orchestration.session import Rules, Session
from bench.records.measurement import Epoch, Measurement
from bench.records.probe import Bandwidth, Probe
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.suite import Measure, Point, Suite

PROBE = Probe("cpu", 4, {"float32": 1e11}, (Bandwidth(2**20, 1e11), Bandwidth(2**30, 1e10)), 1e-4, 1e-6)
OK = Measurement(status="ok", device_name="EPYC", step_seconds=0.001)


def fingerprint_of(node):
    """A machine with the node's cores and GPUs."""
    hardware = dict.fromkeys(Hardware.__dataclass_fields__)
    gpus = tuple(Gpu(i, name=node.accelerator or "A GPU") for i in range(node.gpus))
    hardware |= {"cpu_name": "EPYC", "cpu_cores_physical": len(node.cores), "cpu_flags": (), "gpus": gpus}
    software = dict.fromkeys(Software.__dataclass_fields__) | {"python_version": "3.11", "environment": {}}
    return Fingerprint(node.name, Hardware(**hardware), Software(**software))


def epoch(number):
    return Epoch(number, 1, 1.0, 0.1, 1.1 * number, 0.001, 0.5, 0.8, 0.4, 0.9, (1.0,), (1,))


@dataclass
class FakeClock:
    """Seconds that pass only while somebody waits."""

    now: float = 1000.0

    def __call__(self):
        return self.now


@dataclass(frozen=True)
class Outcome:
    """What becomes of a run or of a process's start, and after how long. `seconds` None: nothing, ever."""

    seconds: float | None = 1.0
    measurement: Measurement = OK
    died: str | None = None
    node_lost: bool = False
    broken: bool = False
    epochs: int = 1


@dataclass
class FakeWorker:
    allocations: tuple
    request: object
    ready: bool = False
    busy: bool = False
    labels: list[str] = field(default_factory=list)


class FakePool:
    """A `Pool` of scripted processes on the fake clock, which sees to it that its rules are kept.

    `runs[label]`, `starts` and `probes` are the outcomes of the next runs of a scenario, of the next starts
    and of the next probes; after them, and without any, runs end well and processes start, a second later,
    and a probe takes no time. `interrupt_at` is when Ctrl-C
    is pressed.
    """

    def __init__(self, clock, labels):
        self.clock, self.labels = clock, labels
        self.runs, self.starts = defaultdict(deque), deque()
        self.interrupt_at = None
        self.workers, self.closed = {}, []
        self.submitted, self.together = [], 0
        self.probes, self.probed, self.limits = deque(), [], PROBE
        self._events, self._numbers = [], itertools.count()

    def open(self, allocations, request):
        others = [allocation for worker in self.open_workers().values() for allocation in worker.allocations]
        for allocation, other in itertools.chain(
            itertools.product(allocations, others), itertools.combinations(allocations, 2)
        ):
            if other.node == allocation.node:
                assert not set(other.cores) & set(allocation.cores), "cores are held twice"
                assert not set(other.gpus) & set(allocation.gpus), "GPUs are held twice"
        worker = len(self.workers) + 1
        self.workers[worker] = FakeWorker(allocations, request)
        outcome = self.starts.popleft() if self.starts else Outcome()
        self._plan(worker, outcome, Ready(worker))
        return worker

    def probe(self, worker, precisions):
        process = self.workers[worker]
        assert worker not in self.closed
        assert process.ready
        assert not process.busy
        process.busy = True
        self.probed.append((worker, precisions))
        outcome = self.probes.popleft() if self.probes else Outcome(0.0)
        self._plan(worker, outcome, Probed(worker, (self.limits,) * len(process.allocations)))

    def submit(self, worker, task):
        process, label = self.workers[worker], self.labels[task.scenario.scenario_id]
        assert worker not in self.closed
        assert process.ready
        assert not process.busy
        process.busy = True
        process.labels.append(label)
        self.submitted.append((worker, label, task))
        self.together = max(self.together, sum(w.busy for w in self.open_workers().values()))
        outcome = self.runs[label].popleft() if self.runs[label] else Outcome()
        epochs = tuple(epoch(number) for number in range(1, outcome.epochs + 1))
        self._plan(worker, replace(outcome, seconds=outcome.seconds and 0.25), PhaseBegan(worker, "train"))
        for done in epochs:
            self._plan(worker, Outcome(0.5) if outcome.seconds else outcome, EpochDone(worker, done))
        self._plan(worker, outcome, self._finished(worker, outcome, epochs))

    def _finished(self, worker, outcome, epochs):
        node = self.workers[worker].allocations[-1].node
        gone = node.node_id if outcome.node_lost else None
        return Finished(worker, outcome.measurement, epochs, outcome.broken, gone)

    def awaits(self, worker):
        return f"process {worker}"

    def wait(self, seconds):
        assert seconds >= 0
        until = self.clock.now + seconds
        while self._events and self._events[0][2].worker in self.closed:
            heapq.heappop(self._events)
        due = self._events[0][0] if self._events else float("inf")
        if self.interrupt_at is not None and self.interrupt_at <= min(due, until):
            self.clock.now = self.interrupt_at
            raise KeyboardInterrupt
        if due > until:
            assert until - self.clock.now > 0 or self._events, "waits in a busy loop"
            self.clock.now = until
            return []
        self.clock.now, _, event = heapq.heappop(self._events)
        process = self.workers[event.worker]
        process.ready = process.ready or isinstance(event, Ready)
        process.busy = process.busy and not isinstance(event, Probed | Finished | Died)
        return [event]

    def close(self, worker):
        if worker not in self.closed:
            self.closed.append(worker)

    def open_workers(self):
        return {number: worker for number, worker in self.workers.items() if number not in self.closed}

    def _plan(self, worker, outcome, event):
        if outcome.seconds is None:
            return
        if outcome.died and not isinstance(event, EpochDone | PhaseBegan):
            node = self.workers[worker].allocations[-1].node
            lost = node.node_id if outcome.node_lost else None
            event = Died(worker, outcome.died, "the process is gone", lost)
        heapq.heappush(self._events, (self.clock.now + outcome.seconds, next(self._numbers), event))


class Log:
    """A `Watcher` that keeps what it is told."""

    def __init__(self):
        self.plan, self.rounds, self.begun, self.epochs, self.rows = None, [], [], [], []
        self.phases = []
        self.probes, self.unprobed_places = [], []
        self.kept_rows = []

    def planned(self, runs, rounds, nodes):
        self.plan, self.nodes = (runs, rounds), nodes

    def probed(self, allocation, probe, moment):
        self.probes.append((allocation.node.name, probe, moment))

    def unprobed(self, allocations, moment, why):
        self.unprobed_places.append(([allocation.node.name for allocation in allocations], moment, why))

    def kept(self, _run, row):
        self.kept_rows.append(row)

    def round_began(self, number, points):
        self.rounds.append((number, "".join(point.label for point in points)))

    def started(self, run, allocations):
        self.begun.append((run.round, run.point.label, allocations))

    def phase(self, run, phase):
        self.phases.append((run.point.label, phase))

    def epoch(self, run, epoch):
        self.epochs.append((run.point.label, epoch.epoch))

    def finished(self, _run, row):
        self.rows.append(row)


class Bench:
    """A suite of scenarios by label, on nodes, ready to run in a session.

    `settled` is the rule of repetition; without one nothing may ask for it. With `expected`, seconds by
    label, the longest runs go first. With `resume` the session of that name goes on.
    """

    outcome = Outcome

    def __init__(
        self,
        folder,
        settings,
        nodes,
        session_id="s1",
        settled=None,
        expected=None,
        every_node=False,
        probe=True,
        resume=False,
        **measure,
    ):
        self.points = tuple(
            Point("sweep", label, Scenario(**{"hidden": [8], "batch_size": 100 + number, **given}))
            for number, (label, given) in enumerate(settings.items())
        )
        labels = {point.scenario.scenario_id: point.label for point in self.points}
        suite = Suite("suite", "A suite", Measure(**{"rounds": 1, **measure}), self.points, "")
        self.clock, self.log = FakeClock(), Log()
        self.pool = FakePool(self.clock, labels)
        begun = () if resume else (session_id,)
        open_session = Recorder.resume if resume else Recorder.begin
        self.recorder = open_session(folder / session_id, *begun, {})
        fingerprints = {node.node_id: fingerprint_of(node) for node in nodes}
        cluster = Cluster(tuple(nodes), fingerprints, {"mnist": "a-hash"})
        rule = settled or (lambda _times: pytest.fail("asked whether times are enough"))
        ids = {point.label: point.scenario.scenario_id for point in self.points}
        known = expected and LongestFirst({ids[label]: seconds for label, seconds in expected.items()})
        rules = Rules(rule, known or Order(), every_node, probe)
        self.session = Session(suite, cluster, self.pool, self.recorder, self.log, rules, self.clock)

    def run(self):
        """All rounds; gives the rows of the runs, in the order in which they ended."""
        try:
            with self.recorder:
                self.session.run()
        finally:
            assert not self.pool.open_workers(), "a process was left"
        return self.recorder.runs

    def shuffled(self, number):
        """Labels of a round in the order that it will have."""
        return [run.point.label for run in self.session._ordered(number, self.points)]

    def order(self, number):
        """Labels of a round in the order in which its runs were given to processes."""
        return [label for round_, label, _ in self.log.begun if round_ == number]


@pytest.fixture
def node():
    """A node of two cores, unless said otherwise."""

    def make(name="n1", cores=2, gpus=0, accelerator=None):
        return Node(name, name, tuple(range(cores)), gpus, accelerator)

    return make


@pytest.fixture
def bench(tmp_path, node):
    """A suite of labelled scenarios on nodes, with the seam for processes and the clock replaced."""

    def make(settings, nodes=None, **options):
        labelled = settings if isinstance(settings, dict) else {label: {} for label in settings.split()}
        return Bench(tmp_path, labelled, nodes or [node()], **options)

    return make


@pytest.fixture
def outcome():
    return Outcome
