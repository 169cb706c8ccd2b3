"""What is simulated: how many slots on which nodes, how many runs of which lengths, in which order."""

import itertools
import math
import random
from dataclasses import dataclass, replace

from bench.orchestration.scheduling.request import Node
from bench.records.scenario import Scenario
from bench.records.suite import Measure, Point, Suite

SHORTEST, SPREAD = 10.0, 50.0
"""Seconds of the shortest run, and how many times as long the longest is."""
LOGNORMAL = math.log(3.5), 0.9
"""Mean and deviation of the logarithm of lengths over `SHORTEST`: a few are ten times the mean."""
GANGS = 0.2
"""The share of the scenarios with several workers, where there are some."""
ORDERS = ("shuffled", "longest first")


@dataclass(frozen=True)
class Case:
    """`scenarios` in so many `rounds` on `nodes` of so many `cores`, each of which is a slot.

    `lengths` of runs are "log-uniform" or "lognormal". Where they are `mixed`, one scenario of five takes two
    to eight slots at once. The runs' `order` is "shuffled" or "longest first". Up to a `precision` there are
    so many rounds at least, and at most, since step times do not scatter. With `every_node` each scenario
    runs on each node. A session that is `watched` writes its lines, to nowhere.
    """

    scenarios: int
    rounds: int = 1
    nodes: int = 1000
    cores: int = 1
    lengths: str = "log-uniform"
    mixed: bool = False
    order: str = "shuffled"
    precision: float | None = None
    every_node: bool = False
    watched: bool = False
    seed: int = 0

    @property
    def name(self):
        """As it is chosen on the command line."""
        kind = "mixed" if self.mixed else "alike"
        cluster = f"{self.nodes}x{self.cores}"
        name = f"{self.scenarios}x{self.rounds} {kind} {self.lengths} {self.order} on {cluster}"
        return " ".join((name, *self.options))

    @property
    def options(self):
        """What sets it apart from most."""
        up_to = f"±{self.precision:.0%}" if self.precision else ""
        every_node, watched = "every node" * self.every_node, "watched" * self.watched
        return tuple(filter(None, (up_to, every_node, watched)))

    @property
    def runs(self):
        return self.scenarios * self.rounds * (self.nodes if self.every_node else 1)

    @property
    def slots(self):
        return self.nodes * self.cores


def cases(slots=1000):
    """Every size with runs that are alike and mixed, in both orders, on nodes of one slot and of eight.

    Of several rounds also those with the other lengths, on nodes of one slot. And two that are
    watched, up to a precision: of those one on every node.
    """
    found = []
    sizes = [
        (slots * scenarios, rounds) for scenarios, rounds in ((1, 1), (10, 1), (100, 1), (1, 10), (10, 10))
    ]
    for (scenarios, rounds), mixed, order in itertools.product(sizes, (False, True), ORDERS):
        one = Case(scenarios, rounds, slots, mixed=mixed, order=order)
        found += [one, replace(one, nodes=slots // 8, cores=8)]
        found += [replace(one, lengths="lognormal")] if rounds > 1 else []
    few = max(slots // 25, 1)
    precise = Case(10 * few, 12, few, precision=0.01, watched=True)
    return [*found, precise, Case(20, 7, few, precision=0.01, every_node=True, watched=True)]


def nodes_of(case):
    return tuple(
        Node(f"n{number:05}", f"n{number:05}", tuple(range(case.cores))) for number in range(case.nodes)
    )


def suite_of(case):
    """Its suite, and how long a run takes by the scenario's id."""
    chance = random.Random(f"{case.seed}/{case.scenarios}/{case.lengths}")
    points, seconds = [], {}
    for number in range(case.scenarios):
        scenario = _scenario(number, _workers(case, chance))
        points.append(Point("simulated", f"s{number}", scenario))
        seconds[scenario.scenario_id] = _length(case.lengths, chance)
    assert len(seconds) == case.scenarios
    up_to = {"precision": case.precision} if case.precision else {}
    measure = Measure(rounds=case.rounds, **up_to)
    return Suite("simulated", "A simulation", measure, tuple(points), ""), seconds


def bound_of(case, suite, seconds):
    """The seconds that no schedule does without: those of the longest run, and the work over the slots.

    A run's work is its length times its workers. Rounds of a scenario may be side by side, on several nodes.
    """
    lengths = [(seconds[point.scenario.scenario_id], point.scenario.workers) for point in suite.points]
    work = sum(length * workers for length, workers in lengths) * case.runs / case.scenarios
    return max(work / case.slots, max(length for length, _ in lengths))


def _workers(case, chance):
    """Of one scenario; a pool of chances that is the same where all have one."""
    share, workers = chance.random(), chance.randint(2, 8)
    return workers if case.mixed and share < GANGS else 1


def _scenario(number, workers):
    """One of so many that differ: by their batch sizes, and beyond those by their learning rates."""
    gang = {"strategy": "multi_worker_mirrored", "workers": workers} if workers > 1 else {}
    rate, batch = divmod(number, 10_000)
    settings = {"hidden": [8], "batch_size": 8 + batch, "learning_rate": 1e-3 * (1 + rate), "epochs": 5}
    return Scenario(**settings, device="cpu", cpus=1, **gang)


def _length(kind, chance):
    """Seconds from `SHORTEST` to `SPREAD` times as many."""
    if kind == "log-uniform":
        return SHORTEST * SPREAD ** chance.random()
    return SHORTEST * min(max(chance.lognormvariate(*LOGNORMAL), 1.0), SPREAD)
