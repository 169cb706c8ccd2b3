"""The ratio of two sides on each scenario, by what counts as one independent look at it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.decision import FEWEST_SESSIONS
from bench.analysis.ratios import Pair, block_ratios
from bench.analysis.sides import Unit
from bench.analysis.statistics import Ratio, median, rounds_needed
from bench.analysis.timed import Timed
from bench.analysis.welch import Shift, paired, welch

Floats = NDArray[np.float64]
TimedPair = tuple[Timed, Timed]


@dataclass(frozen=True)
class OneFigure:
    """Several runs against a side's only one, which says nothing of how its runs scatter.

    Of the `rounds` of the side that has several, B is below A in `below` and above it in `above`, by more
    than the margin. The ratios B/A of them are from `least` to `most`.
    """

    rounds: int
    below: int
    above: int
    least: float
    most: float


@dataclass(frozen=True)
class Estimate:
    """B/A on one scenario, as far as it can be told; `reason` says why something is missing.

    `p` is against the null that the ratio lies within the margin.
    """

    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    attained_confidence: float | None = None
    p: float | None = None
    reason: str = ""
    one_figure: OneFigure | None = None


def estimates(pairs: Sequence[TimedPair], unit: Unit, confidence: float, delta: float) -> list[Estimate]:
    """Of each A and B of `pairs`; all have a time."""
    if unit == "run":
        return _by_runs(pairs, confidence, delta)
    if unit == "pair of sessions":
        return [_by_pairs_of_sessions(a, b, confidence, delta) for a, b in pairs]
    return [_by_sessions(a, b, confidence, delta) for a, b in pairs]


def in_both(a: Timed, b: Timed) -> list[Pair]:
    """Their times in seconds, by session, of the sessions that have both."""
    return [
        (a.seconds[places], b.seconds[b.by_session[session]])
        for session, places in a.by_session.items()
        if session in b.by_session
    ]


def session_differences(a: Timed, b: Timed) -> dict[object, float]:
    """The log ratio of their medians in each session that has both."""
    return {
        session: b.log_medians[session] - log
        for session, log in a.log_medians.items()
        if session in b.log_medians
    }


def _by_runs(pairs: Sequence[TimedPair], confidence: float, delta: float) -> list[Estimate]:
    samples = [in_both(a, b) for a, b in pairs]
    there = [place for place, of in enumerate(samples) if of]
    found = [Estimate(ratio=_ratio(a, b), reason="no session has runs of both sides") for a, b in pairs]
    known = block_ratios([samples[place] for place in there], confidence, delta)
    for place, ratio in zip(there, known, strict=True):
        found[place] = _of_ratio(ratio, samples[place], confidence)
    return found


def _of_ratio(ratio: Ratio, samples: Sequence[Pair], confidence: float) -> Estimate:
    reason = "" if ratio.ratio is not None else "missed targets leave the ratio open"
    if ratio.low is None:
        reached, needed = f"{ratio.attainable_confidence * 100:.3g} %", rounds_needed(confidence)
        rounds = [sum(len(pair[side]) for pair in samples) for side in (0, 1)]
        several = len(samples) > 1
        reason = (
            f"{rounds[0]} and {rounds[1]} rounds{f' in {len(samples)} sessions' if several else ''} "
            f"reach {reached} at most, {needed} and {needed}{' in one' if several else ''} needed"
        )
    return Estimate(ratio.ratio, ratio.low, ratio.high, ratio.attained_confidence, ratio.p, reason)


def _by_pairs_of_sessions(a: Timed, b: Timed, confidence: float, delta: float) -> Estimate:
    differences = np.array(list(session_differences(a, b).values()))
    if not len(differences):
        return Estimate(ratio=_ratio(a, b), reason="no session has runs of both sides")
    if not np.isfinite(differences).all():
        return Estimate(reason="missed targets leave the ratio open")
    if len(differences) < FEWEST_SESSIONS:
        ratio = math.exp(float(differences.mean()))
        return Estimate(ratio=ratio, reason=_too_few(differences, differences))
    return _of_shift(paired(differences, confidence, delta), confidence)


def _by_sessions(a: Timed, b: Timed, confidence: float, delta: float) -> Estimate:
    logs_a, logs_b = (np.array(list(side.log_medians.values())) for side in (a, b))
    if min(len(logs_a), len(logs_b)) < FEWEST_SESSIONS or not np.isfinite([*logs_a, *logs_b]).all():
        found = _against_one_figure(a, b, delta)
        return found or Estimate(ratio=_ratio(a, b), reason=_too_few(logs_a, logs_b))
    return _of_shift(welch([(logs_a, logs_b)], confidence, delta), confidence)


def _of_shift(shift: Shift | None, confidence: float) -> Estimate:
    assert shift is not None  # there are four sessions a side
    centre, low, high = (math.exp(value) for value in (shift.centre, shift.low, shift.high))
    return Estimate(centre, low, high, confidence, shift.p)


def _too_few(logs_a: Floats, logs_b: Floats) -> str:
    if not np.isfinite([*logs_a, *logs_b]).all():
        return "missed targets leave the ratio open"
    needed = f"{FEWEST_SESSIONS} and {FEWEST_SESSIONS}"
    return f"{len(logs_a)} and {len(logs_b)} sessions, {needed} needed"


def _ratio(a: Timed, b: Timed) -> float | None:
    """Of the means of the sessions' log medians; None where a miss leaves it open."""
    before, after = (math.fsum(side.log_medians.values()) / len(side.log_medians) for side in (a, b))
    return math.exp(after - before) if math.isfinite(before) and math.isfinite(after) else None


def _against_one_figure(a: Timed, b: Timed, delta: float) -> Estimate | None:
    """None unless one side has a single run, which met its target if it had one, and the other several."""
    if min(len(a), len(b)) != 1 or len(a) == len(b) or not np.isfinite([*a.seconds, *b.seconds]).all():
        return None
    ratios = b.seconds / a.seconds
    below, above = int((ratios < 1 / (1 + delta)).sum()), int((ratios > 1 + delta).sum())
    one = OneFigure(len(ratios), below, above, float(ratios.min()), float(ratios.max()))
    return Estimate(ratio=median(ratios), one_figure=one)
