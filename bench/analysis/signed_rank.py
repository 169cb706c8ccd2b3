"""Paired differences by their signed ranks: estimate, interval and test, of many questions at once."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.analysis.mann_whitney import tail_rank

Floats = NDArray[np.float64]

MOST_BY_SIGNED_RANK = 300
"""Of more pairs the signs alone are looked at: so many have 45,150 averages, and no need of more power."""
_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class PairedShift:
    """The median difference and its interval; `p` is of the null that it lies within the margin.

    `centre` is that of the pairs that do not miss on both sides, None where none is left. `low` and `high`
    are None where so few pairs allow no interval.
    """

    centre: float | None
    low: float | None
    high: float | None
    p: float


def pairs_needed(confidence: float) -> int:
    """The smallest number of pairs that allows an interval: 2 / 2^n <= 1 - confidence."""
    pairs = 1
    while tail_rank(_signed_rank_tail(pairs), confidence) == 0:
        pairs += 1
    return pairs


def signed_rank_shifts(differences: Floats, confidence: float, margin: float) -> list[PairedShift]:
    """Of each row of differences, shape (questions, pairs), pairs at least 1.

    The estimate is the median of the Walsh averages (d_i + d_j) / 2, i <= j (Hodges and Lehmann 1963). The
    interval between two of their order statistics inverts Wilcoxon's exact signed-rank test (Wilcoxon 1945;
    Tukey 1949; Hollander, Wolfe and Chicken, 2014, section 3.3), and so does `p`: twice the smaller of two
    one-sided tests, one against each end of the margin. An average that meets the margin exactly counts for
    the null, so ties make the test conservative. An infinite difference is a miss on one side, NaN one on
    both: it leaves the averages it is part of open, and each bound takes the worst case.
    """
    found: list[PairedShift] = []
    of_pairs = differences.shape[1]
    averages = 1 if of_pairs > MOST_BY_SIGNED_RANK else of_pairs
    at_once = max(1, _AT_ONCE // (of_pairs * averages))
    for start in range(0, len(differences), at_once):
        found.extend(_shifts(differences[start : start + at_once], confidence, margin))
    return found


def _shifts(differences: Floats, confidence: float, margin: float) -> list[PairedShift]:
    pairs = differences.shape[1]
    by_rank = pairs <= MOST_BY_SIGNED_RANK
    averages = np.sort(_walsh_averages(differences) if by_rank else differences, axis=1)
    tail = _signed_rank_tail(pairs) if by_rank else sign_tail(pairs)
    size, rank = averages.shape[1], tail_rank(tail, confidence)
    beyond = np.maximum((averages > margin).sum(axis=1), (averages < -margin).sum(axis=1))
    p = np.minimum(1.0, 2 * tail[size - beyond])
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * len(p)
    if rank:
        open_ = np.isnan(averages)
        lowest, highest = (np.sort(np.where(open_, end, averages), axis=1) for end in (-np.inf, np.inf))
        bounds = list(zip(lowest[:, rank - 1].tolist(), highest[:, -rank].tolist(), strict=True))
    return [
        PairedShift(centre, *ends, one)
        for centre, ends, one in zip(_medians(averages), bounds, p.tolist(), strict=True)
    ]


def _walsh_averages(differences: Floats) -> Floats:
    """Shape (questions, n (n + 1) / 2); what two infinities of unlike sign leave open is NaN."""
    first, second = np.triu_indices(differences.shape[1])
    with np.errstate(invalid="ignore"):
        averages: Floats = (differences[:, first] + differences[:, second]) / 2
    return averages


def _medians(ordered: Floats) -> list[float | None]:
    """Of what is not open, first in each row; None where all is, or the middle is two infinities."""
    known = (~np.isnan(ordered)).sum(axis=1)
    rows = np.arange(len(ordered))
    lower, upper = ordered[rows, np.maximum(known - 1, 0) // 2], ordered[rows, known // 2 - (known == 0)]
    with np.errstate(invalid="ignore"):
        middles = np.where(lower == upper, lower, (lower + upper) / 2).tolist()
    return [None if math.isnan(middle) else middle for middle in middles]


@lru_cache(maxsize=512)
def _signed_rank_tail(pairs: int) -> Floats:
    """P(W <= w), W the sum of those of the ranks 1 to `pairs` that fair coins choose, for each w."""
    chances = np.zeros(pairs * (pairs + 1) // 2 + 1)
    chances[0] = 1
    for rank in range(1, pairs + 1):
        chances[rank:] += chances[:-rank].copy()
        chances /= 2
    tail: Floats = np.cumsum(chances)
    return tail


@lru_cache(maxsize=64)
def sign_tail(pairs: int) -> Floats:
    """P(Binomial(pairs, 1/2) <= k) for each k: of so many fair coins."""
    logs = [-math.lgamma(k + 1) - math.lgamma(pairs - k + 1) for k in range(pairs + 1)]
    tail: Floats = np.cumsum(np.exp(np.array(logs) + math.lgamma(pairs + 1) - pairs * math.log(2)))
    return tail
