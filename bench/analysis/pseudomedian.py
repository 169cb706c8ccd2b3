"""The centre of a few values, most of which are of one kind, and of the same values without each in turn."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AT_ONCE = 4_000_000  # means of pairs


def pseudomedians(samples: Floats) -> tuple[Floats, Floats]:
    """Of each row its pseudomedian, and those that are left when each value in turn is not there.

    The pseudomedian is the median of the means of all pairs, each value with itself among them (Hodges and
    Lehmann 1963). Unlike the plain median it moves a little with every value, so that a jackknife tells how
    far it can be trusted (Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, section 3.4).
    Takes shape (samples, values), two values or more; gives shapes (samples,) and (samples, values).
    """
    size = samples.shape[1]
    first, second = np.triu_indices(size)
    kept = [(first != without) & (second != without) for without in range(size)]
    whole, reduced = np.empty(len(samples)), np.empty(samples.shape)
    at_once = max(1, _AT_ONCE // len(first))
    for start in range(0, len(samples), at_once):
        part = slice(start, start + at_once)
        means = (samples[part][:, first] + samples[part][:, second]) / 2
        whole[part] = np.median(means, axis=1)
        for without, pairs in enumerate(kept):
            reduced[part, without] = np.median(means[:, pairs], axis=1)
    return whole, reduced


def jackknife_variance(reduced: Floats, there: NDArray[np.bool_]) -> Floats:
    """Of each column the variance of the estimate whose values without each block in turn are its rows.

    (n - 1) / n times their squared distances from their mean (Tukey 1958), over the n rows that are `there`;
    NaN where there is but one.
    """
    number = there.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, reduced, 0.0).sum(axis=0) / number
        squares = np.where(there, (reduced - mean) ** 2, 0.0).sum(axis=0)
        found: Floats = np.where(number > 1, (number - 1) / number * squares, np.nan)
    return found
