"""The ratio of two sides that run side by side in several sessions: each session's runs among themselves.

What a session's mood does to all its runs cancels out where only runs of one session are compared. Under the
null, the numbers of pairs in which b is the larger one are independent Mann-Whitney statistics, and their sum
has the distribution that is their convolution (van Elteren 1960, with equal weights of pairs).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.analysis.mann_whitney import SLACK, mann_whitney_counts
from bench.analysis.statistics import Ratio

Floats = NDArray[np.float64]
Sizes = tuple[tuple[int, int], ...]

_MOST_COUNTED = 20_000
"""The convolution is made for so many pairs of runs at most; it takes some 0.1 s. Past that it is normal."""


def stratified_ratio(pairs: Sequence[tuple[Floats, Floats]], confidence: float, delta: float) -> Ratio:
    """The ratio b/a of the times of each pair, in seconds above zero; infinite ones are misses.

    The median of all differences of logarithms within sessions, with the interval between two of their order
    statistics that the exact test would not reject. Two misses leave their difference open: each bound takes
    the worst case.
    """
    with np.errstate(invalid="ignore"):
        every = np.concatenate([np.subtract.outer(np.log(b), np.log(a)).ravel() for a, b in pairs])
    lowest, highest = (np.sort(np.where(np.isnan(every), open_, every)) for open_ in (-math.inf, math.inf))
    sizes = tuple(sorted((len(a), len(b)) for a, b in pairs))
    centres = _middle(lowest), _middle(highest)
    margin = math.log1p(delta)
    beyond = int(max((lowest > margin).sum(), (highest < -margin).sum()))
    rank = _interval_rank(sizes, confidence)
    return Ratio(
        ratio=math.exp(centres[0]) if centres[0] == centres[1] else None,
        low=float(np.exp(lowest[rank - 1])) if rank else None,
        high=float(np.exp(highest[-rank])) if rank else None,
        p=min(1.0, 2 * _lower_tail(sizes, every.size - beyond)),
        attained_confidence=1 - 2 * _lower_tail(sizes, rank - 1) if rank else None,
        attainable_confidence=max(0.0, 1 - 2 * _lower_tail(sizes, 0)),
    )


def _middle(ordered: Floats) -> float:
    lower, upper = float(ordered[(ordered.size - 1) // 2]), float(ordered[ordered.size // 2])
    return lower if lower == upper else (lower + upper) / 2


@lru_cache(maxsize=256)
def _tail(sizes: Sizes) -> Floats:
    """P(U <= u) of the sum of the sessions' statistics."""
    found = np.ones(1)
    for m, n in sizes:
        counts = mann_whitney_counts(m, n)
        found = np.convolve(found, counts / counts.sum())
    tail: Floats = np.cumsum(found)
    return tail


def _is_counted(sizes: Sizes) -> bool:
    return sum(m * n for m, n in sizes) <= _MOST_COUNTED


def _normal(sizes: Sizes) -> NormalDist:
    variance = math.fsum(m * n * (m + n + 1) / 12 for m, n in sizes)
    return NormalDist(sum(m * n for m, n in sizes) / 2, math.sqrt(variance))


def _lower_tail(sizes: Sizes, u: int) -> float:
    return float(_tail(sizes)[u]) if _is_counted(sizes) else _normal(sizes).cdf(u + 0.5)


def _interval_rank(sizes: Sizes, confidence: float) -> int:
    """The largest k with 2 P(U <= k-1) <= 1 - confidence, 0 where there is none."""
    if _is_counted(sizes):
        return int(np.searchsorted(2 * _tail(sizes), 1 - confidence + SLACK, side="right"))
    return max(0, math.floor(_normal(sizes).inv_cdf((1 - confidence) / 2) + 0.5))
