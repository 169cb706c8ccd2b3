"""Student's t on logarithms of times: the ratio of two sides whose spreads may differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.student import margin_tail, satterthwaite, t_quantile

Floats = NDArray[np.float64]

CLIP = 4.0
"""A time further than so many scaled median absolute deviations from the median counts as one there."""
_SCALED = 1.4826  # the median absolute deviation of a normal distribution, times this, is its standard one


@dataclass(frozen=True)
class Shift:
    """How far the logarithms of b lie above those of a, and how far that can be trusted.

    `p` is the two-sided p value of the null that the ratio lies within the margin.
    """

    centre: float
    low: float
    high: float
    p: float


def welch(samples: Sequence[tuple[Floats, Floats]], confidence: float, delta: float) -> Shift | None:
    """Of the logarithms a and b of each of `samples`, compared each with its own: Welch (1947).

    Several samples (sessions that hold both sides) are weighted by m n / (m + n), as in an analysis by
    blocks; the degrees of freedom are Satterthwaite's (1946). None where no sample has two values a side.
    """
    parts = [(a, b, len(a) * len(b) / (len(a) + len(b))) for a, b in samples if min(len(a), len(b)) > 1]
    if not parts:
        return None
    whole = math.fsum(weight for *_, weight in parts)
    centre = math.fsum(weight / whole * float(b.mean() - a.mean()) for a, b, weight in parts)
    variances = [
        ((weight / whole) ** 2 * float(side.var(ddof=1)) / len(side), len(side) - 1)
        for a, b, weight in parts
        for side in (a, b)
    ]
    return shift_of(centre, variances, confidence, delta)


def paired(differences: Floats, confidence: float, delta: float) -> Shift | None:
    """Of differences b - a of logarithms (Student 1908); None of fewer than two."""
    if len(differences) < 2:
        return None
    variance = float(differences.var(ddof=1)) / len(differences)
    return shift_of(float(differences.mean()), [(variance, len(differences) - 1)], confidence, delta)


def shift_of(
    centre: float, variances: Sequence[tuple[float, float]], confidence: float, delta: float
) -> Shift:
    """Of an estimate whose variance is the sum of these, each with its degrees of freedom."""
    variance, freedom = satterthwaite(variances)
    error = math.sqrt(variance)
    reach = float(t_quantile(confidence, freedom)) * error
    p = float(margin_tail(centre, error, freedom, math.log1p(delta)))
    return Shift(centre, centre - reach, centre + reach, p)


def clipped(logs: Floats) -> Floats:
    """The logarithms with those far from their median drawn in to `CLIP` (Winsor's idea; Tukey 1962).

    One run that was disturbed would otherwise make a side's spread, and so the interval, many times as wide.
    """
    if len(logs) < 3:
        return logs
    middle = float(np.median(logs))
    reach = CLIP * _SCALED * float(np.median(np.abs(logs - middle)))
    return np.clip(logs, middle - reach, middle + reach)
