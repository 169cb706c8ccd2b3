"""Which nodes are slow: the step times of each against those of the others of the same hardware."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.analysis.ratios import Pair, Ratio, ratios
from bench.analysis.repetition import CONFIDENCE
from bench.analysis.statistics import geometric_mean, holm
from bench.records.run_table import Codes, Rows, RunTable, grouped

Verdict = Literal["slower", "faster", "same", "unclear"]

DELTA = 0.01
"""Two times within this share of each other pass for the same, as they do for `bench compare`."""
FEWEST_RUNS = 2
RUN_COLUMNS = (
    *("run_id", "session_id", "scenario_id", "machine", "device_name", "node", "nodes"),
    *("round", "status", "step_seconds"),
)
"""Of `runs`, all that is read here."""
_MOST_PAIRS = 40_000  # the exact counts of two samples take time by the square of the product of their sizes


@dataclass(frozen=True)
class NodeTimes:
    """The steps of one node against those of the `others`.

    `ratio` is how many times as long its steps take: per scenario Hodges and Lehmann's, over the `scenarios`
    their geometric mean. `low` to `high` is the geometric mean of the scenarios' 95 % intervals, as wide as
    it has to be where whatever slows a node slows all its scenarios alike. Where some scenarios have enough
    runs for an interval, only those count; without any there is no verdict.

    `others` are without the nodes that are slower for certain, unless no other is left: beside a slow node
    a sound one would seem fast.

    `certain` says whether the verdict "slower" or "faster" outlasts Holm's correction for all nodes and
    scenarios of the table.
    """

    node: str
    others: tuple[str, ...]
    scenarios: int
    runs: int
    ratio: float
    low: float | None
    high: float | None
    verdict: Verdict | None
    certain: bool


@dataclass(frozen=True)
class NodeTable:
    """The nodes of one hardware, the slowest first; `tests` share Holm's correction."""

    machine: str
    device_name: str | None
    nodes: tuple[NodeTimes, ...]
    tests: int


@dataclass(frozen=True)
class _Hardware:
    machine: str
    device_name: str | None


_Times = dict[str, NDArray[np.float64]]
"""The step times of each node, on one scenario of one session."""
_Question = tuple[Hashable, str, frozenset[str]]
"""Of which scenario, which node, against which others."""


@dataclass(frozen=True)
class _Test:
    """One node against the others of its hardware, on one scenario of one session.

    Two nodes that are alone against each other ask the same `question` and have one p value.
    """

    question: Hashable
    node: str
    others: frozenset[str]
    runs: int
    ratio: float
    low: float | None
    high: float | None
    p: float


def node_tables(runs: RunTable) -> list[NodeTable]:
    """A table for each hardware of which some scenario of a session ran at least twice on each of two nodes.

    Only ok runs on exactly one node count: one on several tells nothing of one. Hardware is the `machine`
    that a run was on and the device that it trained on: a node of another hardware is not slow, it is
    different. In very large sessions only the last rounds are compared.
    """
    nodes, machines, devices = _only_node(runs), runs.codes("machine"), runs.codes("device_name")
    steps = runs.numbers("step_seconds")
    timed = runs.is_ok() & steps.known & (steps.values != 0) & ~machines.among([None, ""])
    families = grouped([machines, devices], runs.rows[timed & ~nodes.among([None, ""])])
    compared = (
        (_Hardware(machines[rows[0]], devices[rows[0]]), _scenarios(runs, nodes, steps.values, rows))
        for rows in families
    )
    tables = (_table_without_the_slow(hardware, scenarios) for hardware, scenarios in compared)
    return [table for table in tables if table.nodes]


def _only_node(runs: RunTable) -> Codes:
    """The node of a run that had just one, which is all that an older table tells of."""
    nodes, first = runs.codes("nodes"), runs.codes("node")
    several = Codes(nodes.indices, ["" if len(set(of)) > 1 else (of or (None,))[0] for of in nodes.values])
    return several.mapped(several.values).otherwise(first)


def _scenarios(runs: RunTable, nodes: Codes, steps: NDArray[Any], rows: Rows) -> dict[Hashable, _Times]:
    """The step times of each scenario of each session that ran often enough on several nodes."""
    of: dict[tuple[str, str], dict[str, Rows]] = {}
    sessions, scenarios = runs.codes("session_id"), runs.codes("scenario_id")
    for own in grouped([sessions, scenarios, nodes], rows):
        if len(own) >= FEWEST_RUNS:
            first = own[0]
            of.setdefault((sessions[first], scenarios[first]), {})[nodes[first]] = own
    rounds = runs.numbers("round").values
    several = ((scenario, enough) for scenario, enough in of.items() if len(enough) > 1)
    return {scenario: _times(rounds, steps, enough) for scenario, enough in several}


def _times(rounds: NDArray[Any], steps: NDArray[Any], nodes: Mapping[str, Rows]) -> _Times:
    """The step times of each node; of very many those of the last rounds."""
    most = max(FEWEST_RUNS, math.isqrt(_MOST_PAIRS // len(nodes)))
    return {
        node: steps[rows if len(rows) <= most else rows[np.argsort(rounds[rows], kind="stable")[-most:]]]
        for node, rows in nodes.items()
    }


def _table_without_the_slow(hardware: _Hardware, scenarios: Mapping[Hashable, _Times]) -> NodeTable:
    """The slowest node leaves the others of the rest as soon as it is slower for certain; then the next."""
    slow: frozenset[str] = frozenset()
    known: dict[_Question, Ratio] = {}
    while True:
        asked = [
            (scenario, node, frozenset(times) - {node})
            for scenario, times in scenarios.items()
            for node in times
        ]
        questions = [(scenario, node, others - slow or others) for scenario, node, others in asked]
        new = [question for question in questions if question not in known]
        samples = [_samples(scenarios[scenario], node, others) for scenario, node, others in new]
        known |= zip(new, ratios(samples, CONFIDENCE, DELTA), strict=True)
        tests = [
            _test((scenario, frozenset((frozenset((node,)), all_others))), question, scenarios, known)
            for (scenario, node, all_others), question in zip(asked, questions, strict=True)
        ]
        table = _table(hardware, tests)
        found = (node.node for node in table.nodes if node.verdict == "slower" and node.certain)
        slowest = next((node for node in found if node not in slow), None)
        if slowest is None:
            return table
        slow |= {slowest}


def _samples(times: _Times, node: str, others: frozenset[str]) -> Pair:
    """The times of the other nodes, and the node's own."""
    return np.concatenate([seconds for other, seconds in times.items() if other in others]), times[node]


def _test(
    shared: Hashable,
    question: _Question,
    scenarios: Mapping[Hashable, _Times],
    known: Mapping[_Question, Ratio],
) -> _Test:
    scenario, node, others = question
    found = known[question]
    assert found.ratio is not None  # only infinite times leave it open
    return _Test(
        question=shared,
        node=node,
        others=others,
        runs=len(scenarios[scenario][node]),
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        p=found.p,
    )


def _table(hardware: _Hardware, tests: Sequence[_Test]) -> NodeTable:
    p_values = {test.question: test.p for test in tests}
    p_holm = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    of_node: dict[str, list[_Test]] = {}
    for test in tests:
        of_node.setdefault(test.node, []).append(test)
    nodes = [_node_times(node, own, p_holm) for node, own in of_node.items()]
    nodes.sort(key=lambda found: (-found.ratio, found.node))
    return NodeTable(hardware.machine, hardware.device_name, tuple(nodes), len(p_values))


def _node_times(node: str, tests: Sequence[_Test], p_holm: Mapping[Hashable, float]) -> NodeTimes:
    tests = [test for test in tests if test.low is not None] or tests
    ratio = geometric_mean([test.ratio for test in tests])
    lows = [test.low for test in tests if test.low is not None]
    highs = [test.high for test in tests if test.high is not None]
    low, high = (geometric_mean(ends) if ends else None for ends in (lows, highs))
    verdict = _verdict(low, high)
    claims = {test.ratio > 1 for test in tests if p_holm[test.question] <= 1 - CONFIDENCE}
    return NodeTimes(
        node=node,
        others=tuple(sorted({other for test in tests for other in test.others})),
        scenarios=len(tests),
        runs=sum(test.runs for test in tests),
        ratio=ratio,
        low=low,
        high=high,
        verdict=verdict,
        certain=verdict in ("slower", "faster") and (verdict == "slower") in claims,
    )


def _verdict(low: float | None, high: float | None) -> Verdict | None:
    """The rule of `bench compare`: slower, faster or same only where the whole interval says so."""
    if low is None or high is None:
        return None
    if high < 1 / (1 + DELTA):
        return "faster"
    if low > 1 + DELTA:
        return "slower"
    return "same" if low >= 1 / (1 + DELTA) and high <= 1 + DELTA else "unclear"
