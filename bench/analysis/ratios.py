"""The ratio of two sides' times within one session, or several that both are in: many questions at once.

The estimate is Hodges and Lehmann's, its interval inverts the exact Mann-Whitney test. That test takes both
sides to scatter alike. Where they do not (twenty quiet runs against six noisy ones), its 95 % intervals hold
the ratio in 79 of 100 cases; so each interval is at least as wide as Welch's, and each p value at least as
large: 94 to 98 of 100 (simulated by `python -m tests.statistics`).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.analysis.mann_whitney import interval_rank, lower_tail
from bench.analysis.statistics import Ratio, hodges_lehmann_ratio, margin_p
from bench.analysis.stratified import stratified_ratio
from bench.analysis.welch import clipped, welch

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

_MOST_PAIRS = 2_500  # differences of a pair of samples; more are looked at one pair after the other
_AT_ONCE = 2_000_000


def ratios(pairs: Sequence[Pair], confidence: float, delta: float) -> list[Ratio]:
    """Of each a and b of `pairs`: times of one session in seconds, above zero, infinite where missed."""
    return block_ratios([[pair] for pair in pairs], confidence, delta)


def block_ratios(questions: Sequence[Sequence[Pair]], confidence: float, delta: float) -> list[Ratio]:
    """Of each question's pairs of samples, one of each session: within sessions alone are times compared."""
    alone = [place for place, pairs in enumerate(questions) if len(pairs) == 1]
    found = dict(
        zip(alone, _of_one_session([questions[n][0] for n in alone], confidence, delta), strict=True)
    )
    for place, pairs in enumerate(questions):
        if place not in found:
            found[place] = stratified_ratio(pairs, confidence, delta)
    return [_guarded(found[place], pairs, confidence, delta) for place, pairs in enumerate(questions)]


def _guarded(rank: Ratio, pairs: Sequence[Pair], confidence: float, delta: float) -> Ratio:
    """With an interval as wide as Welch's at least; misses have no logarithm, and no spread."""
    if not all(np.isfinite(side).all() for pair in pairs for side in pair):
        return rank
    shift = welch([(clipped(np.log(a)), clipped(np.log(b))) for a, b in pairs], confidence, delta)
    if shift is None:
        return rank
    return replace(
        rank,
        low=None if rank.low is None else min(rank.low, math.exp(shift.low)),
        high=None if rank.high is None else max(rank.high, math.exp(shift.high)),
        p=max(rank.p, shift.p),
    )


def _of_one_session(pairs: Sequence[Pair], confidence: float, delta: float) -> list[Ratio]:
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
    return Ratio(p=margin_p(a, b, delta), **vars(hodges_lehmann_ratio(a, b, confidence)))


def _alike(a: Floats, b: Floats, confidence: float, delta: float) -> list[Ratio]:
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
    lows: list[float | None] = [None] * len(a)
    highs, attained = lows, None
    if rank:
        lows, highs = (np.exp(differences[:, place]).tolist() for place in (rank - 1, m * n - rank))
        attained = 1 - 2 * lower_tail(m, n, rank - 1)
    attainable = max(0.0, 1 - 2 * lower_tail(m, n, 0))
    return [
        Ratio(centre, low, high, attained, attainable, p_of[beyond])
        for centre, low, high, beyond in zip(centres, lows, highs, most, strict=True)
    ]
