"""Is B less accurate than A, or is that luck of the seeds? Differences of accuracy, many at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.analysis.decision import POWER, benjamini_hochberg, decide, found_from
from bench.analysis.ratios import ratios
from bench.analysis.seeds import BySeed, common_seeds, in_common
from bench.analysis.statistics import rounds_needed
from bench.analysis.student import margin_tail, t_quantile
from bench.data.shapes import VAL_SIZE

Floats = NDArray[np.float64]
Verdict = Literal["better", "worse", "same", "unclear"]

MARGIN = 0.001
"""Accuracies (0 to 1) that differ by no more count as the same: 10 of the 10,000 images."""
LEAST_PAIRS = 3
"""Seeds that both sides need for a difference to have an interval; with two it is hardly ever of use."""
_ROUNDING = 1 / VAL_SIZE / math.sqrt(12)
"""The least deviation that is believed: that of rounding to whole images (Sheppard 1898)."""
_OTHER_SEEDS = f"fewer than {LEAST_PAIRS} common seeds, compared unpaired, which finds less"
_WORDS: dict[str, Verdict] = {"faster": "worse", "slower": "better", "same": "same", "unclear": "unclear"}


@dataclass(frozen=True)
class AccuracyDifference:
    """How far B's accuracy lies above A's, as a share of 1: 0.001 is 0.1 points.

    `accuracy_a` and `accuracy_b` are the means over `seeds_a` and `seeds_b` seeds: in a comparison of `pairs`
    those that both sides have, else (`pairs` is 0) all of each side. `low` to `high` is the interval of the
    difference; `p` is of the null that it lies within the margin, `q` the same adjusted for the number of
    scenarios. From `smallest_difference` on, one that was there would have been found in 95 of 100 cases.
    `verdict` is None where nothing could be compared; `reason` says why, or why there is no interval, or why
    not one of pairs.
    """

    verdict: Verdict | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    smallest_difference: float | None = None
    accuracy_a: float | None = None
    accuracy_b: float | None = None
    seeds_a: int = 0
    seeds_b: int = 0
    pairs: int = 0
    reason: str = ""


def accuracy_differences(
    sides: Sequence[tuple[BySeed, BySeed]], confidence: float, margin: float
) -> list[AccuracyDifference]:
    """Of each pair of sides, with verdicts that hold for as many questions as there are.

    Paired by seed where both have three in common at least: the mean difference with the interval and the
    p value of Student's t (Student 1908). Else, as of unlike seeds, the exact Mann-Whitney test's shift.
    Simulated (`python -m tests.statistics`): where the differences of pairs deviate by 0.1 points, as of two
    precisions on MNIST, ten seeds find a loss of 0.3 points in every scenario alone, and in 89 of 100 tables
    where it is the only one of 40; by 0.2 points, in 80 of 100 alone. Of tables of 40 scenarios without
    a loss at most 5 in 1,000 hold a false verdict (27 with three seeds and a deviation of 0.4). By Wilcoxon's
    signed ranks ten seeds find as much in a scenario alone, but never the only one of 40, and five seeds
    nothing.
    """
    common = [in_common(a, b) for a, b in sides]
    paired = [n for n, (seeds, _, _) in enumerate(common) if len(seeds) >= LEAST_PAIRS]
    unpaired = sorted(set(range(len(sides))) - set(paired))
    found = dict(zip(paired, _paired([common[n][1:] for n in paired], confidence, margin), strict=True))
    found |= zip(unpaired, _unpaired([sides[n] for n in unpaired], confidence, margin), strict=True)
    return judged([found[n] for n in range(len(sides))], confidence, margin)


def judged(found: Sequence[AccuracyDifference], confidence: float, margin: float) -> list[AccuracyDifference]:
    """With q values over all that were tested, and the verdicts that these allow: up to 5 % at 95 %."""
    tested = [n for n, one in enumerate(found) if one.p is not None]
    adjusted = dict(zip(tested, benjamini_hochberg([found[n].p or 0.0 for n in tested]), strict=True))
    judged_ = []
    for n, one in enumerate(found):
        verdict = _verdict(one, margin, adjusted.get(n), 1 - confidence)
        unsure = verdict != _verdict(one, margin)
        reasons = [one.reason, unsure_among(len(tested)) if unsure else ""]
        reason = "; ".join(filter(None, reasons))
        judged_.append(replace(one, q=adjusted.get(n), verdict=verdict, reason=reason))
    return judged_


def _verdict(
    one: AccuracyDifference, margin: float, q: float | None = None, level: float = 1.0
) -> Verdict | None:
    """By the rule for ratios, of which a difference is the logarithm."""
    if one.difference is None:
        return None
    low, high = (None if end is None else math.exp(end) for end in (one.low, one.high))
    return _WORDS[decide(low, high, math.expm1(margin), q, level)]


def unsure_among(tested: int) -> str:
    """Why there is no verdict where there would be one if nothing else had been asked."""
    return f"past the margin alone, but not sure among {tested} scenarios"


def mean_difference(differences: Floats, confidence: float, margin: float) -> AccuracyDifference:
    """The same of one row of differences between pairs, `LEAST_PAIRS` at least; not judged yet."""
    return _of_pairs(differences[None, :], confidence, margin)[0]


def _paired(
    pairs: Sequence[tuple[Floats, Floats]], confidence: float, margin: float
) -> list[AccuracyDifference]:
    """Those of one number of pairs together."""
    found: dict[int, AccuracyDifference] = {}
    for number in {len(a) for a, _ in pairs}:
        places = [n for n, (a, _) in enumerate(pairs) if len(a) == number]
        a, b = (np.array([pairs[n][side] for n in places]) for side in (0, 1))
        means = zip(a.mean(axis=1).tolist(), b.mean(axis=1).tolist(), strict=True)
        for n, one, (mean_a, mean_b) in zip(places, _of_pairs(b - a, confidence, margin), means, strict=True):
            found[n] = replace(one, accuracy_a=mean_a, accuracy_b=mean_b)
    return [found[n] for n in range(len(pairs))]


def _of_pairs(differences: Floats, confidence: float, margin: float) -> list[AccuracyDifference]:
    """Student's t of each row, shape (questions, pairs); p as twice the smaller of two one-sided tests."""
    number = differences.shape[1]
    centre = differences.mean(axis=1)
    error = np.maximum(differences.std(axis=1, ddof=1), _ROUNDING) / math.sqrt(number)
    reach = float(t_quantile(confidence, number - 1))
    p = margin_tail(centre, error, number - 1, margin)
    columns = (
        centre,
        centre - reach * error,
        centre + reach * error,
        p,
        margin + _found_from(number, confidence) * error,
    )
    return [
        AccuracyDifference(
            difference=middle,
            low=low,
            high=high,
            p=one,
            smallest_difference=smallest,
            seeds_a=number,
            seeds_b=number,
            pairs=number,
        )
        for middle, low, high, one, smallest in zip(*(column.tolist() for column in columns), strict=True)
    ]


@lru_cache(maxsize=256)
def _found_from(number: int, confidence: float) -> float:
    """So many standard errors, as estimated, past the margin a mean of pairs is found with `POWER`.

    The noncentrality of Student's t that makes it so (Owen 1965), over what so few values have of the
    deviation in the mean (Holtzman 1950). Simulated: 94 to 96 of 100 are found, with heavy tails 91.
    """
    from scipy.special import nctdtrinc

    freedom = number - 1
    noncentrality = float(nctdtrinc(freedom, 1 - POWER, t_quantile(confidence, freedom)))
    bias = math.lgamma(number / 2) - math.lgamma(freedom / 2) + math.log(2 / freedom) / 2
    return noncentrality / math.exp(bias)


def _unpaired(
    sides: Sequence[tuple[BySeed, BySeed]], confidence: float, margin: float
) -> list[AccuracyDifference]:
    """By the test for ratios, whose logarithms are the accuracies."""
    there = [n for n, (a, b) in enumerate(sides) if len(a) and len(b)]
    samples = [(np.exp(sides[n][0].values), np.exp(sides[n][1].values)) for n in there]
    found = [AccuracyDifference() for _ in sides]
    share = found_from(confidence) / 2
    for n, one in zip(there, ratios(samples, confidence, math.expm1(margin)), strict=True):
        a, b = sides[n]
        low, high = (None if end is None else math.log(end) for end in (one.low, one.high))
        found[n] = AccuracyDifference(
            difference=None if one.ratio is None else math.log(one.ratio),
            low=low,
            high=high,
            p=None if low is None else one.p,
            smallest_difference=None if low is None or high is None else margin + share * (high - low),
            accuracy_a=float(a.values.mean()),
            accuracy_b=float(b.values.mean()),
            seeds_a=len(a),
            seeds_b=len(b),
            reason=_OTHER_SEEDS if low is not None else _too_few(a, b, confidence),
        )
    return found


def _too_few(a: BySeed, b: BySeed, confidence: float) -> str:
    needed = rounds_needed(confidence)
    common = len(in_common(a, b)[0])
    unpaired = f"or {needed} and {needed} unpaired (there are {len(a)} and {len(b)})"
    return f"{common_seeds(common)}, {LEAST_PAIRS} needed, {unpaired}"
