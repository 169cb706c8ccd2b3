"""Exact and robust statistics for small samples of times: plain numbers in, values out.

Times of training runs are few (three to twenty rounds), skewed to the right and shifted by a factor rather
than by an amount. So: medians, ranks, logarithms, and null distributions that are counted, not approximated.
scipy.stats has most of these, but importing it costs 0.8 s, more than all else that a comparison does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.analysis.mann_whitney import SLACK, interval_rank, lower_tail, tail_rank
from bench.analysis.pairwise import LogRatios, Values

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RatioEstimate:
    """How many times larger b is than a, and how far that can be trusted.

    `ratio` is None where misses (infinite times) on both sides leave it open. `low`, `high` and
    `attained_confidence` are None where so few values allow no interval at the confidence asked for;
    `attainable_confidence` is the most that so many values can reach, by the widest interval there is.
    """

    ratio: float | None
    low: float | None
    high: float | None
    attained_confidence: float | None
    attainable_confidence: float


@dataclass(frozen=True)
class Ratio(RatioEstimate):
    """The same, with the two-sided p value of the null that the ratio lies within a margin around 1."""

    p: float


@dataclass(frozen=True)
class MedianInterval:
    """An interval of a median, in the values' own unit, with the exact confidence that it attains."""

    low: float
    high: float
    attained_confidence: float


def median(values: Values) -> float:
    """Middle value, or the mean of the middle two; infinities allowed. ValueError if empty or NaN."""
    ordered = np.sort(np.asarray(values))
    if not ordered.size or math.isnan(ordered[-1]):  # NumPy sorts NaN behind all else
        raise ValueError("a median needs at least one value, and none that is NaN")
    middle = ordered.size // 2
    upper: float = ordered[middle].item()
    return upper if ordered.size % 2 else (ordered[middle - 1].item() + upper) / 2


def censored_median(values: Values, misses: int = 0) -> float:
    """Median of times, `misses` of which are not among them: they last longer than any time that was seen.

    Infinite where half of all or more are misses: an even number takes the mean of the middle two.
    """
    return median(np.concatenate([np.asarray(values, dtype=np.float64), np.full(misses, math.inf)]))


def mad(values: Values) -> float:
    """Median absolute deviation from the median, unscaled (Hampel 1974), in the values' unit."""
    return median(np.abs(np.asarray(values) - median(values)))


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product; the mean for ratios (Fleming and Wallace 1986). ValueError unless > 0."""
    if len(values) == 0 or not all(value > 0 for value in values):
        raise ValueError("a geometric mean needs at least one value, and all above zero")
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def median_interval(values: Values, confidence: float = 0.95) -> MedianInterval | None:
    """Distribution-free interval of the median between two order statistics (Thompson 1936).

    x_(k) to x_(n+1-k), k the largest with 2 P(Binomial(n, 1/2) <= k-1) <= 1 - confidence. None where no k
    exists: under six values at 95 %.
    """
    ordered = np.sort(np.asarray(values))
    tail = _binomial_tail(ordered.size)
    rank = tail_rank(tail, confidence)
    if rank == 0:
        return None
    low, high = ordered[rank - 1].item(), ordered[ordered.size - rank].item()
    return MedianInterval(low, high, 1 - 2 * float(tail[rank - 1]))


@lru_cache(maxsize=256)
def _binomial_tail(size: int) -> Floats:
    """P(Binomial(size, 1/2) <= i) for each i."""
    counts = [math.comb(size, i) for i in range(size + 1)]
    tail: Floats = np.cumsum(np.array(counts, dtype=np.float64)) / 2.0**size
    return tail


def margin_p(a: Values, b: Values, delta: float) -> float:
    """Exact two-sided p value of the null that b/a lies between 1/(1+delta) and 1+delta.

    Twice the smaller of two one-sided Mann-Whitney tests, one against each end of the margin (Lehmann and
    Romano, Testing Statistical Hypotheses, section 3.7). A pair that meets the margin exactly, or that
    missed on both sides, counts for the null. At `delta` 0 and without ties this is the plain exact
    test.
    """
    ratios = LogRatios(a, b)
    margin = math.log1p(delta)
    most = max(ratios.above(margin), ratios.below(-margin))
    return min(1.0, 2 * lower_tail(len(a), len(b), ratios.size - most))


def hodges_lehmann_ratio(a: Values, b: Values, confidence: float = 0.95) -> RatioEstimate:
    """The ratio b/a: the median of all pairwise log differences, with the interval that fits the exact test.

    Hodges and Lehmann (1963); the interval from D_(k) to D_(mn+1-k) of the ordered differences inverts the
    Mann-Whitney test (Hollander, Wolfe and Chicken, 2014, section 4.3), k the largest with
    2 P(U <= k-1) <= 1 - confidence. Values must be above zero; infinity is a miss. Two misses leave their
    difference open: each bound takes the worst case. ValueError if a side is empty or a value is not above 0.
    """
    ratios = LogRatios(a, b)
    centre = ratios.middle(lowest=True)
    settled = centre == ratios.middle(lowest=False)
    size = len(a), len(b)
    rank = interval_rank(*size, confidence)
    return RatioEstimate(
        ratio=_exp(centre) if settled else None,
        low=_exp(ratios.ranked(rank, lowest=True)) if rank else None,
        high=_exp(ratios.ranked(ratios.size + 1 - rank, lowest=False)) if rank else None,
        attained_confidence=1 - 2 * lower_tail(*size, rank - 1) if rank else None,
        attainable_confidence=max(0.0, 1 - 2 * lower_tail(*size, 0)),
    )


def rounds_needed(confidence: float = 0.95) -> int:
    """The smallest equal number of rounds a side that allows an interval: 2 / C(2n, n) <= 1 - confidence."""
    if not 0 < confidence < 1:
        raise ValueError("confidence lies between 0 and 1")
    rounds = 1
    while 2 / math.comb(2 * rounds, rounds) > 1 - confidence + SLACK:
        rounds += 1
    return rounds


def _exp(value: float) -> float:
    return float(np.exp(value))
