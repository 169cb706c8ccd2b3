import heapq
import itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace

import pytest

from bench.machine.fingerprint import Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.nvml import Gpu
from bench.machine.software import Software
from bench.orchestration.pool import (
    Died,
    EpochDone,
    Finished,
    PhaseBegan,
    Probed,
    Ready,
    Result,
    Started,
)
from bench.orchestration.runs import Cluster
from bench.orchestration.scheduling.policy import LongestFirst, Order
from bench.orchestration.scheduling.request import Node
from bench.orchestration.session import Rules, Session
from bench.records.measurement import Epoch, Measurement
from bench.records.probe import Bandwidth, Probe
from bench.records.recorder import Recorder
from bench.records.scenario import Scenario
from bench.records.store import read_sessions
from bench.records.suite import Measure, Point, Suite
from tests.sessions import journal_of

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
    """What becomes of a run, a probe or a slot's start, and after how long. `seconds` None: nothing, ever.

    A run or a probe is up after `starts`; None: never.
    """

    seconds: float | None = 1.0
    starts: float | None = 0.0
    measurement: Measurement = OK
    died: str | None = None
    node_lost: bool = False
    broken: bool = False
    epochs: int = 1


@dataclass
class FakeSlot:
    allocations: tuple
    request: object
    ready: bool = False
    busy: bool = False
    labels: list[str] = field(default_factory=list)


class FakePool:
    """A `Pool` of scripted slots on the fake clock, which sees to it that its rules are kept.

    `runs[label]`, `opens` and `probes` are the outcomes of the next runs of a scenario, of the next openings
    of slots and of the next probes; after them, and without any, runs end well and slots open, a second
    later, and a probe takes no time. `interrupt_at` is when Ctrl-C is pressed.
    """

    def __init__(self, clock, labels):
        self.clock, self.labels = clock, labels
        self.runs, self.opens = defaultdict(deque), deque()
        self.interrupt_at = None
        self.slots, self.closed = {}, []
        self.submitted, self.together = [], 0
        self.begun, self.at_work = [], {}
        self.probes, self.probed, self.moments, self.limits = deque(), [], [], PROBE
        self._events, self._numbers = [], itertools.count()

    def open(self, allocations, request):
        others = [it for slot in self.open_slots().values() for it in slot.allocations]
        for one, other in itertools.chain(
            itertools.product(allocations, others), itertools.combinations(allocations, 2)
        ):
            if other.node == one.node:
                assert not set(other.cores) & set(one.cores), "cores are held twice"
                assert not set(other.gpus) & set(one.gpus), "GPUs are held twice"
        slot = len(self.slots) + 1
        self.slots[slot] = FakeSlot(allocations, request)
        outcome = self.opens.popleft() if self.opens else Outcome()
        self._plan(slot, outcome, Ready(slot))
        return slot

    def probe(self, slot, precisions, moment):
        process = self._taken(slot)
        self.probed.append((slot, precisions))
        self.moments.append(moment)
        outcome = self.probes.popleft() if self.probes else Outcome(0.0)
        self._plan(slot, Outcome(outcome.starts), Started(slot))
        self._plan(slot, self._after(outcome), Probed(slot, (self.limits,) * len(process.allocations)))

    def submit(self, slot, job):
        (task,) = job.tasks
        process, label = self._taken(slot), self.labels[task.scenario.scenario_id]
        process.labels.append(label)
        nodes = {allocation.node.node_id for allocation in process.allocations}
        self.submitted.append((slot, label, task))
        self.begun.append((self.clock.now, label, nodes))
        self.at_work[slot] = label, nodes
        self.together = max(self.together, sum(s.busy for s in self.open_slots().values()))
        outcome = self.runs[label].popleft() if self.runs[label] else Outcome()
        epochs = tuple(epoch(number) for number in range(1, outcome.epochs + 1))
        self._plan(slot, Outcome(outcome.starts), Started(slot))
        ends = self._after(outcome)
        self._plan(slot, replace(ends, seconds=ends.seconds and 0.25), PhaseBegan(slot, "train"))
        for done in epochs:
            self._plan(slot, Outcome(0.5) if ends.seconds else ends, EpochDone(slot, done))
        self._plan(slot, ends, self._finished(slot, outcome, epochs))

    def _taken(self, slot):
        process = self.slots[slot]
        assert slot not in self.closed
        assert process.ready
        assert not process.busy
        process.busy = True
        return process

    @staticmethod
    def _after(outcome):
        """The outcome counted from when its processes were asked for."""
        unknown = outcome.seconds is None or outcome.starts is None
        return replace(outcome, seconds=None if unknown else outcome.starts + outcome.seconds)

    def _finished(self, slot, outcome, epochs):
        node = self.slots[slot].allocations[-1].node
        gone = node.node_id if outcome.node_lost else None
        return Finished(slot, (Result(outcome.measurement, epochs),), outcome.broken, gone)

    def awaits(self, slot):
        return f"process {slot}"

    def wait(self, seconds):
        assert seconds >= 0
        until = self.clock.now + seconds
        while self._events and self._events[0][2].slot in self.closed:
            heapq.heappop(self._events)
        due = self._events[0][0] if self._events else float("inf")
        if self.interrupt_at is not None and self.interrupt_at <= min(due, until):
            self.clock.now = self.interrupt_at
            raise KeyboardInterrupt
        if due > until:
            assert until - self.clock.now > 0 or self._events, "waits in a busy loop"
            self.clock.now = until
            return []
        self.clock.now = due
        return list(self._due())

    def _due(self):
        """All that happens at this moment."""
        while self._events and self._events[0][0] <= self.clock.now:
            _, _, event = heapq.heappop(self._events)
            if event.slot not in self.closed:
                slot = self.slots[event.slot]
                slot.ready = slot.ready or isinstance(event, Ready)
                if isinstance(event, Probed | Finished | Died):
                    slot.busy = False
                    self.at_work.pop(event.slot, None)
                yield event

    def close(self, slot):
        if slot not in self.closed:
            self.closed.append(slot)
            self.at_work.pop(slot, None)

    def open_slots(self):
        return {number: slot for number, slot in self.slots.items() if number not in self.closed}

    def _plan(self, slot, outcome, event):
        if outcome.seconds is None:
            return
        if outcome.died and not isinstance(event, EpochDone | PhaseBegan | Started):
            node = self.slots[slot].allocations[-1].node
            lost = node.node_id if outcome.node_lost else None
            event = Died(slot, outcome.died, "the process is gone", lost)
        heapq.heappush(self._events, (self.clock.now + outcome.seconds, next(self._numbers), event))


class Log:
    """A `Watcher` that keeps what it is told."""

    def __init__(self):
        self.plan, self.rounds, self.begun, self.epochs, self.rows = None, [], [], [], []
        self.phases = []
        self.probes, self.unprobed_places = [], []
        self.kept_runs = []

    def planned(self, runs, rounds, nodes):
        self.plan, self.nodes = (runs, rounds), nodes

    def probed(self, allocation, probe, moment):
        self.probes.append((allocation.node.name, probe, moment))

    def unprobed(self, allocations, moment, why):
        self.unprobed_places.append(([allocation.node.name for allocation in allocations], moment, why))

    def kept(self, run, earlier):
        self.kept_runs.append((run.point.label, run.round, earlier.status))

    def round_began(self, number):
        self.rounds.append(number)

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
        twins=False,
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
        rules = Rules(rule, known or Order(), every_node, probe, twins)
        self.session = Session(suite, cluster, self.pool, self.recorder, self.log, rules, self.clock)

    def run(self):
        """All rounds; gives the rows of the runs, in the order in which they ended."""
        try:
            with self.recorder:
                self.session.run()
        finally:
            assert not self.pool.open_slots(), "a slot was left"
        return self.rows()

    def rows(self):
        """What was recorded, in the order in which the runs ended; lists as tuples."""
        rows = read_sessions([str(self.recorder.folder)]).runs.to_pylist()
        ended = {row["run_id"]: place for place, row in enumerate(journal_of(self.recorder.folder).runs)}
        rows.sort(key=lambda row: ended[row["run_id"]])
        return [{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows]

    def machines(self):
        """The rows of that table."""
        return read_sessions([str(self.recorder.folder)]).machines.to_pylist()

    def shuffled(self, number):
        """Labels of a round in the order that it will have."""
        return [run.point.label for run in self.session._rounds._ordered(number)]

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
