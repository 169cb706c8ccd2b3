"""The differences of all values of one sample from all of another, by rank, without having all of them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = Sequence[float] | NDArray[np.float64] | NDArray[np.int64]

_MOST_AT_ONCE = 40_000
"""So many differences are made and sorted at once, in the time that finding one rank among them takes."""


class LogRatios:
    """The log b_j - log a_i of all pairs of values of `a` and `b`, which are above zero.

    An infinite value is a miss: of two misses the difference is open, and counts as `lowest` or as highest.
    ValueError if a sample is empty, or has a value that is not above zero.
    """

    def __init__(self, a: Values, b: Values) -> None:
        a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if not a.size or not b.size or not ((a > 0).all() and (b > 0).all()):
            raise ValueError("both samples need at least one value, and all above zero")
        self._a, self._b = (np.sort(logs[np.isfinite(logs)]) for logs in (np.log(a), np.log(b)))
        missed_a, missed_b = a.size - self._a.size, b.size - self._b.size
        self._below, self._above = missed_a * self._b.size, missed_b * self._a.size
        self._open, self.size = missed_a * missed_b, a.size * b.size
        finite = self._a.size * self._b.size
        self._all = np.sort(_outer(self._a, self._b)) if finite <= _MOST_AT_ONCE else None
        largest = max(abs(one) for side in (self._a, self._b, [0.0]) for one in (*side[:1], *side[-1:]))
        self._rounding = 8 * math.ulp(max(largest, 1.0))

    def ranked(self, rank: int, lowest: bool) -> float:
        """The difference of that rank, from 1, where the open ones are the `lowest`, or the highest."""
        rank -= self._below + (self._open if lowest else 0)
        if rank < 1:
            return -math.inf
        if rank > self._a.size * self._b.size:
            return math.inf
        return float(self._all[rank - 1]) if self._all is not None else self._selected(rank)

    def middle(self, lowest: bool) -> float:
        """Their median; NaN where it lies between the two infinities."""
        lower, upper = (self.ranked(rank, lowest) for rank in ((self.size + 1) // 2, self.size // 2 + 1))
        return lower if lower == upper else (lower + upper) / 2

    def above(self, limit: float) -> int:
        """How many are above `limit`."""
        return self._above + self._a.size * self._b.size - self._up_to(limit, strict=False)

    def below(self, limit: float) -> int:
        """How many are below `limit`."""
        return self._below + self._up_to(limit, strict=True)

    def _up_to(self, limit: float, strict: bool) -> int:
        if self._all is not None:
            return int(np.searchsorted(self._all, limit, side="left" if strict else "right"))
        surely, near = self._between(limit, limit)
        return surely + int(((near < limit) if strict else (near <= limit)).sum())

    def _selected(self, rank: int) -> float:
        """The finite difference of that rank: halving where it may be, until few are left to look at."""
        low, high = float(self._b[0] - self._a[-1]), float(self._b[-1] - self._a[0])
        few = 4 * (self._a.size + self._b.size)
        below, up_to = 0, self._a.size * self._b.size
        while up_to - below > few and high - low > self._rounding:
            middle = (low + high) / 2
            count = self._count(middle)
            if count >= rank:
                high, up_to = middle, count
            else:
                low, below = middle, count
        surely, near = self._between(low, high)
        place = min(max(rank - surely - 1, 0), near.size - 1)
        return float(np.partition(near, place)[place])

    def _count(self, limit: float) -> int:
        """How many finite ones are at most `limit`, up to rounding."""
        return int(self._a.size * self._b.size - np.searchsorted(self._a, self._b - limit).sum())

    def _between(self, low: float, high: float) -> tuple[int, Floats]:
        """How many finite ones are surely below `low`, and those from there to `high` and a little beyond."""
        first = np.searchsorted(self._a, self._b - (high + self._rounding), side="left")
        last = np.searchsorted(self._a, self._b - (low - self._rounding), side="right")
        lengths = last - first
        places = np.arange(lengths.sum()) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        near: Floats = np.repeat(self._b, lengths) - self._a[places]
        return int((self._a.size - last).sum()), near


def _outer(a: Floats, b: Floats) -> Floats:
    differences: Floats = np.subtract.outer(b, a).ravel()
    return differences
