"""How far a mean of ratios can be trusted, by resampling the rounds that all scenarios share."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.analysis.pairwise import LogRatios
from bench.analysis.statistics import rounds_needed

Floats = NDArray[np.float64]
Counts = NDArray[np.uint8]

MOST_PAIRS = 2_500
"""Of more pairs of rounds, the median of a resample is told by its linear part."""
_LEVELS = 65
_AT_ONCE = 2_000_000  # numbers, of as many resamples as that allows


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
    times_a, times_b = np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)
    fewest = min(int((~np.isnan(side)).sum(axis=0).min()) for side in (times_a, times_b))
    if fewest < rounds_needed(confidence):
        return None
    rng = np.random.default_rng(seed)
    drawn_a, drawn_b = (_drawn(rng, resamples, len(side)) for side in (times_a, times_b))
    there_a, there_b = ~np.isnan(times_a), ~np.isnan(times_b)
    few = there_a.sum(axis=0) * there_b.sum(axis=0) <= MOST_PAIRS
    total = _linear_medians(times_a[:, ~few], times_b[:, ~few], drawn_a, drawn_b).sum(axis=1)
    for place in np.flatnonzero(few):
        a_there, b_there = there_a[:, place], there_b[:, place]
        one_a, one_b = times_a[a_there, place], times_b[b_there, place]
        total += _medians(one_a, one_b, drawn_a[:, a_there], drawn_b[:, b_there])
    means = total[~np.isnan(total)] / times_a.shape[1]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return math.exp(low), math.exp(high)


def _drawn(rng: np.random.Generator, resamples: int, rounds: int) -> Counts:
    """How often each resample has each round, shape (resamples, rounds)."""
    counts = np.empty((resamples, rounds), np.uint8)
    at_once = max(1, _AT_ONCE // rounds)
    for start in range(0, resamples, at_once):
        part = counts[start : start + at_once]
        drawn = rng.integers(0, rounds, part.shape) + rounds * np.arange(len(part))[:, None]
        part[:] = np.bincount(drawn.ravel(), minlength=part.size).reshape(part.shape)
    return counts


def _medians(a: Floats, b: Floats, drawn_a: Counts, drawn_b: Counts) -> Floats:
    """The median of all differences of each resample: in order, the one that half of them come up to."""
    differences = np.subtract.outer(np.log(b), np.log(a)).ravel()
    order = np.argsort(differences)
    ordered = differences[order]
    of_b, of_a = np.divmod(order, a.size)
    medians = np.full(len(drawn_a), math.nan)
    at_once = max(1, _AT_ONCE // order.size)
    for start in range(0, len(drawn_a), at_once):
        part = slice(start, start + at_once)
        weights = drawn_b[part][:, of_b].astype(np.int32) * drawn_a[part][:, of_a]
        up_to = np.cumsum(weights, axis=1)
        number = up_to[:, -1]
        lower, upper = (
            ordered[np.minimum((up_to < rank[:, None]).sum(axis=1), order.size - 1)]
            for rank in ((number + 1) // 2, number // 2 + 1)
        )
        middle = np.where(lower == upper, lower, (lower + upper) / 2)
        medians[part] = np.where(number > 0, middle, math.nan)
    return medians


def _linear_medians(a: Floats, b: Floats, drawn_a: Counts, drawn_b: Counts) -> Floats:
    """The same of many rounds, shape (resamples, scenarios), by the share of differences below the median.

    That share of a resample is, but for terms of second order, the sum of what each round's is off (Hájek's
    projection), and its median as far off the other way along the distribution of all (Bahadur 1966).
    """
    scenarios = [_Linear(*times) for times in zip(a.T, b.T, strict=True)]
    medians = np.empty((len(drawn_a), len(scenarios)))
    if not scenarios:
        return medians
    shares_a, shares_b = (
        np.column_stack([getattr(one, name) for one in scenarios]) for name in ("of_a", "of_b")
    )
    found_a, found_b = _means(drawn_a, shares_a), _means(drawn_b, shares_b)
    for place, one in enumerate(scenarios):
        medians[:, place] = one.medians(found_a[:, place] + found_b[:, place])
    return medians


class _Linear:
    """One scenario: for each round of a and of b, which share of its differences is up to the median of all.

    NaN for a round without a time.
    """

    def __init__(self, a: Floats, b: Floats) -> None:
        there_a, there_b = ~np.isnan(a), ~np.isnan(b)
        self._pairs = LogRatios(a[there_a], b[there_b])
        self._log_a, self._log_b = np.sort(np.log(a[there_a])), np.sort(np.log(b[there_b]))
        centre = self._pairs.middle(lowest=True)
        self.of_b = 1 - np.searchsorted(self._log_a, np.log(b) - centre) / self._log_a.size
        self.of_a = np.searchsorted(self._log_b, np.log(a) + centre, side="right") / self._log_b.size
        self.of_a[~there_a], self.of_b[~there_b] = math.nan, math.nan
        self._whole = float(np.nanmean(self.of_b)), float(np.nanmean(self.of_a))

    def medians(self, shares: Floats) -> Floats:
        """Those of resamples whose two means of shares add up to `shares`."""
        levels = 2 * self._whole[0] + self._whole[1] - shares
        some_a, some_b = (np.quantile(logs, np.linspace(0, 1, 201)) for logs in (self._log_a, self._log_b))
        span = np.linspace(np.nanmin(levels) - 0.01, np.nanmax(levels) + 0.01, _LEVELS).clip(0, 1)
        near = np.unique(np.quantile(np.subtract.outer(some_b, some_a), span))
        medians: Floats = np.interp(levels, self._pairs.shares(near), near)
        return medians


def _means(drawn: Counts, values: Floats) -> Floats:
    """The mean of each column's values that each resample has drawn, NaN where it has none; NaNs left out."""
    there, means = ~np.isnan(values), np.empty((len(drawn), values.shape[1]))
    known, number = np.where(there, values, 0.0), there.astype(np.float64)
    at_once = max(1, _AT_ONCE // len(values))
    for start in range(0, len(drawn), at_once):
        part = drawn[start : start + at_once].astype(np.float64)
        with np.errstate(invalid="ignore"):  # a resample without any time
            means[start : start + at_once] = (part @ known) / (part @ number)
    return means
