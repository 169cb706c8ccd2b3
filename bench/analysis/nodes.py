"""Which nodes are slow: the step times of each against those of the others of equal hardware.

Each node has a mood of its own in each session, which all its runs there share. So runs of one session tell
of that session, and only several sessions tell of the node.

Simulated with these functions (tests/statistics/nodes.py: moods of 0 to 5 %, noise of 0.5 and 2 %, 4 and 10
rounds, 1 to 40 scenarios; 8 to 300 tables of each): of 5 to 256 equal nodes one is called slower or faster in
0 to 2 of 100 tables of one session, and of 2 to 256 in 0 to 1 of 100 of five. Of two to four nodes in one
session one is in 10 to 100 of 100 tables where moods are 2 % or more: there the verdict is of the session,
and wrong about that in at most 2 of 100. A node that is 20 % slower, where moods are 2 %, is found among 8
nodes in half of the tables of one session, among 32 in 98 of 100, and in all of five sessions.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.decision import (
    CONFIDENCE,
    DELTA,
    FEWEST_SESSIONS,
    Decision,
    benjamini_hochberg,
    decide,
    level_of_runs,
    level_of_sessions,
)
from bench.analysis.node_ratios import FEWEST_ROUNDS, SessionRatios, session_ratios
from bench.analysis.statistics import mad
from bench.analysis.student import margin_tail, t_quantile
from bench.records.run_table import Codes, Mask, Rows, RunTable, grouped

Floats = NDArray[np.float64]

FEWEST_NODES = 5
"""From so many on their own scatter tells what a mood can do."""
RUN_COLUMNS = (
    *("run_id", "session_id", "scenario_id", "machine_id", "machine", "device_name", "node", "nodes"),
    *("round", "status", "step_seconds"),
)
"""Of `runs`, all that is read here."""
_SCALED = 1.4826  # of normal values the standard deviation over the MAD (Hampel 1974)
_OF_MANY = 5.0
# Of 5, 6, 7, ... nodes: within how many scaled MADs of the median the farthest of so many normal values lies
# in 99 of 100 cases, of 400,000 simulated ones.
_OF_FEW = (18.6, 10.1, 10.7, 8.1, 8.3, 6.9, 7.2, 6.4, 6.4, 6.0, 6.0, 5.7, 5.7, 5.5, 5.5, 5.3, 5.3, 5.2, 5.2)


@dataclass(frozen=True)
class NodeTimes:
    """The steps of one node against those of its like: the median node, or of two nodes the other one.

    `ratio` is how many times as long its steps take: over the `scenarios`, then over the `sessions`, their
    geometric mean; `low` to `high` its 95 % interval, None where it had too few rounds, or sessions. There is
    no verdict without one. `differs` says that the whole interval lies past ±1 %, which is no verdict yet.
    """

    node: str
    scenarios: int
    sessions: int
    runs: int
    ratio: float
    low: float | None
    high: float | None
    verdict: Decision | None
    differs: bool


@dataclass(frozen=True)
class NodeTable:
    """The nodes of one hardware, the slowest first, and what is said of them.

    With `over_sessions` the verdicts are about the nodes, in so many `sessions`; else about those sessions
    alone, where a node may have been in a mood. Beyond `margin`, a share of 1, a node stands out of the
    others; None of so few nodes that their scatter tells nothing. `alone` are nodes that ran beside them, on
    hardware that no other one has.
    """

    machine: str
    device_name: str | None
    nodes: tuple[NodeTimes, ...]
    sessions: int
    over_sessions: bool
    margin: float | None
    alone: tuple[str, ...]


@dataclass(frozen=True)
class _Estimates:
    """Logarithms of the nodes' ratios, their standard errors and degrees of freedom: NaN where unknown."""

    ratio: Floats
    error: Floats
    degrees: Floats


@dataclass(frozen=True)
class _Rule:
    """When there is a verdict: beyond `margin`, which the nodes' scatter sets, None where that tells nothing;
    and where nodes are `tested`, each by itself, with adjusted p values `q` of at most `level`.
    """

    margin: float | None
    tested: bool
    level: float
    q: Sequence[float]


def node_tables(runs: RunTable) -> list[NodeTable]:
    """A table for each hardware of which some scenario of a session ran at least twice on each of two nodes.

    Only ok runs on exactly one node count: one on several tells nothing of one. Hardware is the `machine_id`
    that a run was on, in older tables its name, and the device that it trained on: a node of another hardware
    is not slow, it is different.
    """
    nodes, rows = _only_node(runs), runs.rows[_timed(runs)]
    nodes_known = rows[~nodes.among([None, ""])[rows]]
    hardware = [_hardware(runs), runs.codes("device_name")]
    compared = [(own, list(session_ratios(runs, nodes, own))) for own in grouped(hardware, nodes_known)]
    beside = _alone(runs, nodes, compared)
    return [
        _table(runs, nodes, own[0], found, alone)
        for (own, found), alone in zip(compared, beside, strict=True)
        if found
    ]


def _timed(runs: RunTable) -> Mask:
    steps = runs.numbers("step_seconds")
    sound = steps.known & (steps.values > 0) & np.isfinite(steps.values)
    return runs.is_ok() & sound & ~runs.codes("machine").among([None, ""])


def _hardware(runs: RunTable) -> Codes:
    """The id of each run's machine, or else its name."""
    ids = runs.codes("machine_id")
    return ids.mapped([machine_id or None for machine_id in ids.values]).otherwise(runs.codes("machine"))


def _only_node(runs: RunTable) -> Codes:
    """The node of a run that had just one, which is all that an older table tells of."""
    nodes, first = runs.codes("nodes"), runs.codes("node")
    several = Codes(nodes.indices, ["" if len(set(of)) > 1 else (of or (None,))[0] for of in nodes.values])
    return several.mapped(several.values).otherwise(first)


def _alone(
    runs: RunTable, nodes: Codes, compared: Sequence[tuple[Rows, Sequence[SessionRatios]]]
) -> Iterator[tuple[str, ...]]:
    """For each hardware the nodes that ran in its sessions, on the same device, but are in no table."""
    devices, sessions = runs.codes("device_name"), runs.codes("session_id")
    known = {nodes.values[place] for _, found in compared for one in found for place in one.nodes}
    left_out: dict[Hashable, set[str]] = {}
    for own, _ in compared:
        for rows in grouped([sessions, nodes], own):
            if nodes[rows[0]] not in known and len(rows) >= FEWEST_ROUNDS:
                left_out.setdefault((devices[own[0]], sessions[rows[0]]), set()).add(nodes[rows[0]])
    for own, _ in compared:
        its = {session for session in sessions.of(own)} if left_out else set()
        near = (left_out.get((devices[own[0]], session), set()) for session in its)
        yield tuple(sorted(set().union(*near)))


def _table(
    runs: RunTable, nodes: Codes, row: int, found: Sequence[SessionRatios], alone: tuple[str, ...]
) -> NodeTable:
    places = np.unique(np.concatenate([one.nodes for one in found]))
    over_sessions = len(found) >= FEWEST_SESSIONS
    ratio, error, degrees = (_laid_out(found, places, name) for name in ("ratio", "error", "degrees"))
    known = _over_sessions(ratio) if over_sessions else _in_sessions(ratio, error, degrees)
    rule = _rule(known, over_sessions)
    of_nodes = zip(places.tolist(), *_intervals(known), rule.q, strict=True)
    rows = [_node(nodes.values[place], place, found, numbers, rule) for place, *numbers in of_nodes]
    return NodeTable(
        machine=runs.codes("machine")[row],
        device_name=runs.codes("device_name")[row],
        nodes=tuple(sorted(rows, key=lambda one: (-one.ratio, one.node))),
        sessions=len(found),
        over_sessions=over_sessions,
        margin=rule.margin,
        alone=alone,
    )


def _laid_out(found: Sequence[SessionRatios], places: NDArray[np.intp], name: str) -> Floats:
    """What each session has of each node, shape (sessions, nodes); NaN where it was not there."""
    laid = np.full((len(found), len(places)), np.nan)
    for session, one in enumerate(found):
        laid[session, np.searchsorted(places, one.nodes)] = getattr(one, name)
    return laid


def _over_sessions(ratio: Floats) -> _Estimates:
    """A node's sessions are its blocks: the mean of their ratios, and Student's error of it from four on."""
    number = (~np.isnan(ratio)).sum(axis=0)
    mean = np.nansum(ratio, axis=0) / number
    squares = np.nansum((ratio - mean) ** 2, axis=0)
    enough = number >= FEWEST_SESSIONS
    error = np.full(len(mean), np.nan)
    error[enough] = np.sqrt(squares[enough] / (number[enough] - 1) / number[enough])
    return _Estimates(mean, error, np.where(enough, number - 1.0, np.nan))


def _in_sessions(ratio: Floats, error: Floats, degrees: Floats) -> _Estimates:
    """The mean over these very sessions; where a node has an error in some of them, those alone."""
    told = ~np.isnan(error)
    counts = np.where(told.any(axis=0), told, ~np.isnan(ratio))
    number = counts.sum(axis=0)
    squares = np.where(counts, error, 0.0) ** 2
    total = squares.sum(axis=0)
    shares = np.where(counts & told, squares**2 / np.where(told, degrees, 1.0), 0.0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_all = np.where(shares > 0, total**2 / shares, np.nanmax(np.where(told, degrees, 1.0), axis=0))
    mean = np.where(counts, ratio, 0.0).sum(axis=0) / number
    return _Estimates(mean, np.sqrt(total) / number, np.where(np.isnan(total), np.nan, of_all))


def _rule(known: _Estimates, over_sessions: bool) -> _Rule:
    p = margin_tail(known.ratio, known.error, known.degrees, math.log1p(DELTA))
    level = (level_of_sessions if over_sessions else level_of_runs)(CONFIDENCE)
    tested = over_sessions or len(p) < FEWEST_NODES
    return _Rule(_margin(known.ratio), tested, level, benjamini_hochberg(np.nan_to_num(p, nan=1.0).tolist()))


def _margin(ratio: Floats) -> float | None:
    """How far from the others a node stands out: 1 %, or where that is more, five times their own scatter.

    That is the scaled MAD of the logarithms (Hampel 1974), which slow nodes do not move. Five times it lies
    one in 100 tables of 24 equal nodes with such a node, whatever their moods, and one in 2,000 of 256; of
    fewer nodes it takes more for one in 100. None of so few whose scatter tells nothing.
    """
    if len(ratio) < FEWEST_NODES:
        return None
    multiple = dict(enumerate(_OF_FEW, start=FEWEST_NODES)).get(len(ratio), _OF_MANY)
    return max(DELTA, math.expm1(multiple * _SCALED * mad(ratio)))


def _intervals(known: _Estimates) -> tuple[list[float], list[float], list[float]]:
    """Ratios and the ends of their intervals; those are NaN where unknown."""
    reach = t_quantile(CONFIDENCE, known.degrees) * known.error
    ratio, low, high = (np.exp(known.ratio + end).tolist() for end in (0.0, -reach, reach))
    return ratio, low, high


def _node(
    name: str, place: int, found: Sequence[SessionRatios], numbers: Sequence[float], rule: _Rule
) -> NodeTimes:
    ratio, low, high, q = numbers
    its = [(one, int(np.searchsorted(one.nodes, place))) for one in found if place in one.nodes]
    known = not math.isnan(low)
    return NodeTimes(
        node=name,
        scenarios=len(frozenset().union(*(one.scenarios[at] for one, at in its))),
        sessions=len(its),
        runs=sum(int(one.runs[at]) for one, at in its),
        ratio=ratio,
        low=low if known else None,
        high=high if known else None,
        verdict=_verdict(ratio, low, high, q, rule) if known else None,
        differs=known and decide(low, high, DELTA) in ("slower", "faster"),
    )


def _verdict(ratio: float, low: float, high: float, q: float, rule: _Rule) -> Decision:
    """Where a node stands out of the others' scatter, and by the test of each node where that does."""
    apart = decide(low, high, DELTA)
    if rule.margin is not None and abs(math.log(ratio)) > math.log1p(rule.margin):
        return apart
    if rule.tested:
        return decide(low, high, DELTA, q, rule.level)
    return "same" if apart == "same" else "unclear"
