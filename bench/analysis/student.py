"""Student's t (1908): quantiles and tails, of single numbers or of arrays."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def t_quantile(confidence: float, degrees: ArrayLike) -> Floats:
    """The t that holds `confidence` between -t and t, for each number of degrees of freedom, 1 or more.

    NaN where that is NaN.
    """
    from scipy.special import stdtrit  # takes 0.1 s, which only those wait for who need it

    found: Floats = stdtrit(degrees, (1 + confidence) / 2)
    return found


def t_tail(t: ArrayLike, degrees: ArrayLike) -> Floats:
    """P(T > t), for each t and number of degrees of freedom; NaN where either is NaN."""
    from scipy.special import stdtr

    found: Floats = stdtr(degrees, -np.asarray(t))
    return found


def satterthwaite(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The variance of a sum, and its degrees of freedom, of those of its parts (Satterthwaite 1946).

    Of parts without any variance, or with none that float64 can square, their degrees together.
    """
    variance = math.fsum(own for own, _ in parts)
    squares = math.fsum(own**2 / degrees for own, degrees in parts)
    return variance, variance**2 / squares if squares else math.fsum(degrees for _, degrees in parts)


def margin_tail(estimate: ArrayLike, error: ArrayLike, degrees: ArrayLike, margin: float) -> Floats:
    """Two-sided p values of the null that what is estimated lies between -`margin` and `margin`.

    Twice the smaller of two one-sided tests, one against each end (Lehmann and Romano, Testing Statistical
    Hypotheses, section 3.7). `error` is the standard error; where it is 0, only the estimate counts.
    """
    beyond, errors = np.abs(estimate) - margin, np.asarray(error, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 0, beyond / errors, np.where(beyond > 0, np.inf, -np.inf))
    found: Floats = np.minimum(1.0, 2 * t_tail(np.where(np.isnan(errors), np.nan, t), degrees))
    return found
