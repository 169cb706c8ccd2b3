"""Estimates and tests of many pairs of samples at once, of which most are small and of a few sizes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.mann_whitney import interval_rank, lower_tail
from bench.analysis.statistics import hodges_lehmann_ratio, margin_p

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

_MOST_PAIRS = 2_500  # differences of a pair of samples; more are looked at one pair after the other
_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Ratio:
    """The ratio of b to a, its interval, and the p value of the null that it lies within the margin."""

    ratio: float | None
    low: float | None
    high: float | None
    p: float


def ratios(pairs: Sequence[Pair], confidence: float, delta: float) -> list[Ratio]:
    """What `hodges_lehmann_ratio` and `margin_p` give for each a and b of `pairs`."""
    found: dict[int, Ratio] = {}
    of_size: dict[tuple[int, int], list[int]] = {}
    for place, (a, b) in enumerate(pairs):
        of_size.setdefault((len(a), len(b)), []).append(place)
    for (m, n), places in of_size.items():
        at_once = max(1, _AT_ONCE // (m * n))
        for start in range(0, len(places), at_once):
            some = places[start : start + at_once]
            a, b = (np.array([pairs[place][side] for place in some]) for side in (0, 1))
            if m * n > _MOST_PAIRS or not (np.isfinite(a).all() and np.isfinite(b).all()):
                found |= {place: _one(*pairs[place], confidence, delta) for place in some}
            else:
                found |= zip(some, _alike(a, b, confidence, delta), strict=True)
    return [found[place] for place in range(len(pairs))]


def _one(a: Floats, b: Floats, confidence: float, delta: float) -> Ratio:
    estimate = hodges_lehmann_ratio(a, b, confidence)
    return Ratio(estimate.ratio, estimate.low, estimate.high, margin_p(a, b, delta))


def _alike(a: Floats, b: Floats, confidence: float, delta: float) -> Iterator[Ratio]:
    """Of finite samples of one size, of shape (pairs, size)."""
    m, n = a.shape[1], b.shape[1]
    differences = (np.log(b)[:, :, None] - np.log(a)[:, None, :]).reshape(len(a), m * n)
    differences.sort(axis=1)
    lower, upper = differences[:, (m * n - 1) // 2], differences[:, m * n // 2]
    centres = np.exp(np.where(lower == upper, lower, (lower + upper) / 2)).tolist()
    margin = math.log1p(delta)
    most = np.maximum((differences > margin).sum(axis=1), (differences < -margin).sum(axis=1)).tolist()
    p_of = {beyond: min(1.0, 2 * lower_tail(m, n, m * n - beyond)) for beyond in set(most)}
    rank = interval_rank(m, n, confidence)
    nothing: list[float | None] = [None] * len(a)
    lows, highs = nothing, nothing
    if rank:
        lows, highs = (np.exp(differences[:, place]).tolist() for place in (rank - 1, m * n - rank))
    for centre, low, high, beyond in zip(centres, lows, highs, most, strict=True):
        yield Ratio(centre, low, high, p_of[beyond])
