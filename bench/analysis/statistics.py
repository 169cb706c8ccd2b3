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
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# 1 - 0.9 is a little less than 0.1 in binary: without slack, 3 against 3 would not reach its 90 %.
SLACK = 1e-12


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
class MedianInterval:
    """An interval of a median, in the values' own unit, with the exact confidence that it attains."""

    low: float
    high: float
    attained_confidence: float


def median(values: Sequence[float]) -> float:
    """Middle value, or the mean of the middle two; infinities allowed. ValueError if empty or NaN."""
    ordered = sorted(values)
    if not ordered or any(math.isnan(value) for value in ordered):
        raise ValueError("a median needs at least one value, and none that is NaN")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def censored_median(values: Sequence[float | None]) -> float:
    """Median of times in which a miss (None, NaN or infinity) lasts longer than any time that was seen.

    Infinite where half of the values or more are misses: an even number takes the mean of the middle two.
    """
    return median([math.inf if value is None or math.isnan(value) else value for value in values])


def mad(values: Sequence[float]) -> float:
    """Median absolute deviation from the median, unscaled (Hampel 1974), in the values' unit."""
    centre = median(values)
    return median([abs(value - centre) for value in values])


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product; the mean for ratios (Fleming and Wallace 1986). ValueError unless > 0."""
    if len(values) == 0 or not all(value > 0 for value in values):
        raise ValueError("a geometric mean needs at least one value, and all above zero")
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def median_interval(values: Sequence[float], confidence: float = 0.95) -> MedianInterval | None:
    """Distribution-free interval of the median between two order statistics (Thompson 1936).

    x_(k) to x_(n+1-k), k the largest with 2 P(Binomial(n, 1/2) <= k-1) <= 1 - confidence. None where no k
    exists: under six values at 95 %.
    """
    ordered = sorted(values)
    size = len(ordered)
    counts = [math.comb(size, i) for i in range(size + 1)]
    tail = np.cumsum(np.array(counts, dtype=np.float64)) / 2.0**size
    rank = _interval_rank(tail, confidence)
    if rank == 0:
        return None
    return MedianInterval(ordered[rank - 1], ordered[size - rank], 1 - 2 * float(tail[rank - 1]))


@lru_cache(maxsize=256)
def mann_whitney_counts(m: int, n: int) -> Floats:
    """How many of the C(m+n, m) orders of m and n untied values give U = 0, 1, ..., mn; shape (mn + 1,).

    By the recurrence of Mann and Whitney (1947): the largest value is one of the first sample and beats all
    n others, or is one of the second and adds nothing. Whole numbers up to 2**53, beyond that to float64's
    relative precision: the recurrence only adds. Read-only; ValueError unless m and n are at least 1.
    """
    if m < 1 or n < 1:
        raise ValueError("both samples need at least one value")
    fewer = [np.ones(1)] * (n + 1)
    for i in range(1, m + 1):
        row = [np.ones(1)]
        for j in range(1, n + 1):
            counts = np.zeros(i * j + 1)
            counts[j:] += fewer[j]
            counts[: i * (j - 1) + 1] += row[j - 1]
            row.append(counts)
        fewer = row
    fewer[n].setflags(write=False)
    return fewer[n]


def mann_whitney_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Exact two-sided p value of the Mann-Whitney test: twice the smaller tail, at most 1.

    With ties: the exact permutation distribution of the midranks as observed, for any size (Lehmann,
    Nonparametrics, 1975, section 1.4). Infinities rank last and tie. ValueError if a side is empty or
    has NaN.
    """
    pooled = np.array([*a, *b], dtype=np.float64)
    if len(a) == 0 or len(b) == 0 or np.isnan(pooled).any():
        raise ValueError("both samples need at least one value, and none that is NaN")
    twice_ranks = _twice_midranks(pooled)
    observed = int(twice_ranks[: len(a)].sum())
    if len(np.unique(pooled)) == len(pooled):
        counts, position = mann_whitney_counts(len(a), len(b)), observed // 2 - len(a) * (len(a) + 1) // 2
    else:
        counts, position = _rank_sum_counts(twice_ranks, len(a)), observed
    lower, upper = counts[: position + 1].sum(), counts[position:].sum()
    return float(min(1.0, 2 * min(lower, upper) / counts.sum()))


def margin_p(a: Sequence[float], b: Sequence[float], delta: float) -> float:
    """Exact two-sided p value of the null that b/a lies between 1/(1+delta) and 1+delta.

    Twice the smaller of two one-sided Mann-Whitney tests, one against each end of the margin (Lehmann and
    Romano, Testing Statistical Hypotheses, section 3.7). A pair that meets the margin exactly, or that
    missed on both sides, counts for the null. At `delta` 0 and without ties this is `mann_whitney_p`.
    """
    differences = _log_differences(a, b)
    margin = math.log1p(delta)
    most = max(int((differences > margin).sum()), int((differences < -margin).sum()))
    tail = _lower_tail(len(a), len(b))
    return float(min(1.0, 2 * tail[len(a) * len(b) - most]))


def hodges_lehmann_ratio(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> RatioEstimate:
    """The ratio b/a: the median of all pairwise log differences, with the interval that fits the exact test.

    Hodges and Lehmann (1963); the interval from D_(k) to D_(mn+1-k) of the ordered differences inverts the
    Mann-Whitney test (Hollander, Wolfe and Chicken, 2014, section 4.3), k the largest with
    2 P(U <= k-1) <= 1 - confidence. Values must be above zero; infinity is a miss. Two misses leave their
    difference open: each bound takes the worst case. ValueError if a side is empty or a value is not above 0.
    """
    differences = _log_differences(a, b)
    lowest = np.sort(np.where(np.isnan(differences), -np.inf, differences))
    highest = np.sort(np.where(np.isnan(differences), np.inf, differences))
    with np.errstate(invalid="ignore"):
        centre = float(_row_medians(lowest[None])[0])
        settled = centre == float(_row_medians(highest[None])[0])
    tail = _lower_tail(len(a), len(b))
    rank = _interval_rank(tail, confidence)
    return RatioEstimate(
        ratio=_exp(centre) if settled else None,
        low=_exp(lowest[rank - 1]) if rank else None,
        high=_exp(highest[len(highest) - rank]) if rank else None,
        attained_confidence=1 - 2 * float(tail[rank - 1]) if rank else None,
        attainable_confidence=max(0.0, 1 - 2 * float(tail[0])),
    )


def rounds_needed(confidence: float = 0.95) -> int:
    """The smallest equal number of rounds a side that allows an interval: 2 / C(2n, n) <= 1 - confidence."""
    if not 0 < confidence < 1:
        raise ValueError("confidence lies between 0 and 1")
    rounds = 1
    while 2 / math.comb(2 * rounds, rounds) > 1 - confidence + SLACK:
        rounds += 1
    return rounds


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number by Holm's step-down procedure (1979), in the order given."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for position, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, p_values[index] * (len(p_values) - position)))
        adjusted[index] = running
    return adjusted


def bootstrap_geometric_mean(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """Percentile interval of the geometric mean over scenarios of the ratios b/a, by resampling rounds.

    `a` and `b` are times of shape (rounds, scenarios), finite and above zero, NaN where a round has none;
    the two may differ in rounds. A round is a block (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 8): what slowed one of its scenarios slowed them all, so the same rounds are
    drawn for all. Each ratio is a Hodges-Lehmann estimate. Resamples in which a scenario has no time are
    left out. None where a scenario has fewer rounds on a side than `rounds_needed(confidence)`. With four
    or five rounds a percentile interval comes out somewhat narrow.
    """
    log_a, log_b = np.log(np.array(a, dtype=np.float64)), np.log(np.array(b, dtype=np.float64))
    fewest = min(int((~np.isnan(side)).sum(axis=0).min()) for side in (log_a, log_b))
    if fewest < rounds_needed(confidence):
        return None
    rng = np.random.default_rng(seed)
    drawn_a = rng.integers(0, len(log_a), (resamples, len(log_a)))
    drawn_b = rng.integers(0, len(log_b), (resamples, len(log_b)))
    total = np.zeros(resamples)
    for times_a, times_b in zip(log_a.T, log_b.T, strict=True):
        differences = times_b[drawn_b][:, :, None] - times_a[drawn_a][:, None, :]
        total += _row_medians(np.sort(differences.reshape(resamples, -1), axis=1))
    means = total[~np.isnan(total)] / log_a.shape[1]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return math.exp(low), math.exp(high)


def _interval_rank(tail: Floats, confidence: float) -> int:
    """The largest k with 2 P(X <= k-1) <= 1 - confidence, 0 where there is none; `tail` holds P(X <= i)."""
    if not 0 < confidence < 1:
        raise ValueError("confidence lies between 0 and 1")
    return int(np.searchsorted(2 * tail, 1 - confidence + SLACK, side="right"))


def _lower_tail(m: int, n: int) -> Floats:
    counts = mann_whitney_counts(m, n)
    tail: Floats = np.cumsum(counts) / counts.sum()
    return tail


def _log_differences(a: Sequence[float], b: Sequence[float]) -> Floats:
    """All log b_j - log a_i, shape (mn,); NaN where both are infinite."""
    if len(a) == 0 or len(b) == 0 or not all(value > 0 for value in (*a, *b)):
        raise ValueError("both samples need at least one value, and all above zero")
    with np.errstate(invalid="ignore"):
        differences: Floats = np.subtract.outer(np.log(np.array(b)), np.log(np.array(a))).ravel()
    return differences


def _row_medians(ordered: Floats) -> Floats:
    """Median of every sorted row without its NaNs (sorted last); NaN where a row has nothing else."""
    rows, size = np.arange(len(ordered)), (~np.isnan(ordered)).sum(axis=1)
    lower = ordered[rows, np.maximum(size - 1, 0) // 2]
    upper = ordered[rows, np.minimum(size // 2, ordered.shape[1] - 1)]
    medians: Floats = np.where(lower == upper, lower, (lower + upper) / 2)
    return medians


def _twice_midranks(values: Floats) -> NDArray[np.int64]:
    """Ranks from 1, ties sharing the mean of theirs, doubled so that they are whole."""
    _, which, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    ranks: NDArray[np.int64] = (2 * last - sizes + 1)[which].astype(np.int64)
    return ranks


def _rank_sum_counts(twice_ranks: NDArray[np.int64], size: int) -> Floats:
    """How many subsets of `size` ranks have each doubled sum; shape (largest sum + 1,)."""
    counts = np.zeros((size + 1, int(twice_ranks.sum()) + 1))
    counts[0, 0] = 1
    for rank in twice_ranks:
        for chosen in range(size, 0, -1):
            counts[chosen, rank:] += counts[chosen - 1, : counts.shape[1] - rank]
    whole: Floats = counts[size]
    return whole


def _exp(value: float) -> float:
    return float(np.exp(value))
