"""Does B reach the target as often as A, and after how many steps and seconds? Misses are part of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.analysis.accuracy import unsure_among
from bench.analysis.decision import DELTA, Decision, benjamini_hochberg, decide
from bench.analysis.seeds import BySeed, SeedRuns, common_seeds, in_common
from bench.analysis.signed_rank import pairs_needed, sign_tail, signed_rank_shifts

Mask = NDArray[np.bool_]
Often = Literal["less often", "more often", "unclear"]

_ROUNDING = 1e-7  # of logarithms of probabilities: equal ones are summed up in other orders


@dataclass(frozen=True)
class Reach:
    """How many of a side's runs reached the target, failed ones among those that did not."""

    reached: int
    runs: int


@dataclass(frozen=True)
class TargetRatio:
    """B's steps or seconds to the target over A's: below 1 where B is there sooner.

    Of `pairs` seeds that both sides have and one of them reached it with at least; besides, `both_missed`
    seeds. A seed that missed took longer than any that did not, however long: a bound may be 0 or infinite.
    `ratio` is None where misses leave it open; `low` and `high` are None where so few seeds allow no
    interval, and `reason` says so. `q` is `p` adjusted for the number of scenarios.
    """

    verdict: Decision = "unclear"
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    pairs: int = 0
    both_missed: int = 0
    reason: str = ""


@dataclass(frozen=True)
class TargetComparison:
    """B against A on the way to `target_accuracy` (0 to 1).

    `reach_p` is of the null that both reach it as often, by McNemar's exact test over the seeds that both
    have or else Fisher's over all seeds; `reach_q` is adjusted for the number of scenarios. `seconds` are
    those of the sessions that were run: what they say of machines is no more than any time of few sessions.
    """

    target_accuracy: float
    a: Reach
    b: Reach
    reach_p: float | None
    reach_q: float | None
    reach: Often
    steps: TargetRatio
    seconds: TargetRatio


def target_comparisons(
    targets: Sequence[float], sides: Sequence[tuple[SeedRuns, SeedRuns]], confidence: float
) -> list[TargetComparison]:
    """Of each target and its two sides."""
    steps = target_ratios([(a.steps_to_target, b.steps_to_target) for a, b in sides], confidence)
    seconds = [(a.seconds_to_target, b.seconds_to_target) for a, b in sides]
    asked = [_reach_p(a, b) for a, b in seconds]
    reach_q = iter(benjamini_hochberg([p for p, _ in asked if p is not None]))
    ratios = zip(steps, target_ratios(seconds, confidence), strict=True)
    found = []
    for target, (a, b), (p, way), (of_steps, of_seconds) in zip(targets, sides, asked, ratios, strict=True):
        reach_a, reach_b = (Reach(int(side.reached.sum()), len(side)) for side in (a, b))
        q = None if p is None else next(reach_q)
        often = way if q is not None and q <= 1 - confidence else "unclear"
        found.append(TargetComparison(target, reach_a, reach_b, p, q, often, of_steps, of_seconds))
    return found


def target_ratios(sides: Sequence[tuple[BySeed, BySeed]], confidence: float) -> list[TargetRatio]:
    """Of steps or seconds to the target, infinite where missed, with verdicts adjusted for their number.

    By signed ranks of the logarithms' differences between the seeds that both sides have. What missed on both
    is left out: which of the two would have been sooner is not known, and under the null it is either side
    as often, so the test of the others stays exact. Simulated (`python -m tests.statistics`): ten seeds find
    1.25 times the steps in 88 of 100 scenarios, 1.5 times in all; no table of 40 equal ones had a verdict.
    """
    common = [in_common(a, b) for a, b in sides]
    told = [np.isfinite(a) | np.isfinite(b) for _, a, b in common]
    found = [
        TargetRatio(pairs=int(mask.sum()), both_missed=int((~mask).sum()), reason=_doubt(mask, confidence))
        for mask in told
    ]
    for number in {one.pairs for one in found} - {0}:
        places = [n for n, one in enumerate(found) if one.pairs == number]
        a, b = (np.array([common[n][side][told[n]] for n in places], dtype=np.float64) for side in (1, 2))
        shifts = signed_rank_shifts(np.log(b) - np.log(a), confidence, math.log1p(DELTA))
        for n, shift in zip(places, shifts, strict=True):
            found[n] = replace(
                found[n],
                ratio=None if shift.centre is None else _exp(shift.centre),
                low=None if shift.low is None else _exp(shift.low),
                high=None if shift.high is None else _exp(shift.high),
                p=None if shift.low is None else shift.p,
            )
    return _judged(found, confidence)


def _doubt(told: Mask, confidence: float) -> str:
    """Why there is no interval, empty where there is one."""
    if not told.size:
        return "no seed in common"
    if not told.any():
        return "neither side reached it"
    needed = pairs_needed(confidence)
    return "" if told.sum() >= needed else f"reached with {common_seeds(int(told.sum()))}, {needed} needed"


def _judged(found: Sequence[TargetRatio], confidence: float) -> list[TargetRatio]:
    tested = [one.p for one in found if one.p is not None]
    adjusted = iter(benjamini_hochberg(tested))
    judged = []
    for one in found:
        q = None if one.p is None else next(adjusted)
        verdict = decide(one.low, one.high, DELTA, q, 1 - confidence)
        unsure = verdict != decide(one.low, one.high, DELTA)
        reason = unsure_among(len(tested)) if unsure else one.reason
        judged.append(replace(one, q=q, verdict=verdict, reason=reason))
    return judged


def _reach_p(a: BySeed, b: BySeed) -> tuple[float | None, Often]:
    """None where a side has no run; by seed whatever the others of the side did. And what B does, if at all.

    Of the seeds that were tested: the runs may tell otherwise, where some seeds have more of them.
    """
    if not len(a) or not len(b):
        return None, "unclear"
    seeds, of_a, of_b = in_common(a, b)
    if len(seeds) >= max(2, min(len(a), len(b)) / 2):
        there_a, there_b = np.isfinite(of_a), np.isfinite(of_b)
        only_a, only_b = int((there_a & ~there_b).sum()), int((~there_a & there_b).sum())
        return mcnemar_p(only_a, only_b), _often(only_b, only_a)
    there_a, there_b = np.isfinite(a.values), np.isfinite(b.values)
    reached_a, reached_b = int(there_a.sum()), int(there_b.sum())
    p = fisher_p(reached_a, len(a), reached_b, len(b))
    return p, _often(reached_b * len(a), reached_a * len(b))


def _often(b: int, a: int) -> Often:
    return "less often" if b < a else "more often"


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact two-sided p value of pairs of which one side alone succeeded (McNemar 1947): a fair coin's."""
    return min(1.0, 2 * float(sign_tail(only_a + only_b)[min(only_a, only_b)]))


def fisher_p(successes_a: int, runs_a: int, successes_b: int, runs_b: int) -> float:
    """Fisher's exact two-sided p value (1935): of all tables as probable as the one seen, or less so."""
    together, runs = successes_a + successes_b, runs_a + runs_b
    first, last = max(0, together - runs_b), min(together, runs_a)
    logs = [
        _log_choices(runs_a, k) + _log_choices(runs_b, together - k) - _log_choices(runs, together)
        for k in range(first, last + 1)
    ]
    most = logs[successes_a - first] + _ROUNDING
    return min(1.0, math.fsum(math.exp(one) for one in logs if one <= most))


def _log_choices(number: int, chosen: int) -> float:
    return math.lgamma(number + 1) - math.lgamma(chosen + 1) - math.lgamma(number - chosen + 1)


def _exp(value: float) -> float:
    return float(np.exp(value))
