"""How often a scenario is repeated: until the interval of its median step time is as narrow as was asked for.

Looking after every round and stopping at the first interval that is narrow enough favours intervals that are
narrow by chance. So it is a 97 % interval that has to be narrow enough, for 95 % to hold after looking (a
stopping rule of fixed width: Chow and Robbins 1965). By simulation (tests/statistics/repetition.py: steps of
lognormal scatter of 0.2 to 3 %, ±0.5 to ±2 %, 7 rounds at least), the intervals with which scenarios end hold
the median in 97.0 to 98.5 of 100 cases up to 20 rounds and in 95.7 to 98.4 up to 100, where 95 % intervals,
from 6 rounds on, would do so in 93.6 to 97.2, and in 92.5 to 96.8. That takes up to a fifth more rounds.
Where runs scatter too much for the precision, the few scenarios that reach it were lucky: of ±1 %, with a
scatter of 2 % and 20 rounds, one in 13 does, and its interval holds the median in 86 of 100 cases.

All of it is about the median of one session; what another session of the machine would give is not in it.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.analysis.decision import CONFIDENCE
from bench.analysis.mann_whitney import SLACK
from bench.analysis.pairwise import Values
from bench.analysis.statistics import MedianInterval, median, median_interval
from bench.records.suite import INTERVAL_RUNS, Measure

SOUGHT_CONFIDENCE = 0.97
"""Of the interval that ends a repetition, had nobody looked before: after looking it is `CONFIDENCE`."""
FEWEST_TO_FORECAST = 3
_MOST_COUNTED = 1000  # the binomial counts of `median_interval` fit float64 up to 1,023 values


def interval(step_seconds: Values, wanted: float | None = None) -> MedianInterval | None:
    """The interval of the median of one step time per run, true of 95 in 100: of the session's own median.

    Where a precision is `wanted` it is the one that decides whether the repetition ends: 97 % nominal, which
    are 95 % after looking, and None under seven runs; else it is the plain 95 % one, and None under six.

    Beyond a thousand runs its ranks are the normal approximation's, which now and then lie one further out.
    """
    size, confidence = len(step_seconds), CONFIDENCE if wanted is None else SOUGHT_CONFIDENCE
    if size <= _MOST_COUNTED:
        return median_interval(step_seconds, confidence)
    ordered, rank = np.sort(np.asarray(step_seconds)), _rank(size, confidence)
    return MedianInterval(ordered[rank - 1].item(), ordered[size - rank].item(), confidence)


def precision(step_seconds: Values, known: MedianInterval | None) -> float | None:
    """From the median to the farther end of its interval, as a share of the median; None without one."""
    if known is None:
        return None
    centre = median(step_seconds)
    return max(known.high - centre, centre - known.low) / centre


def reaches(attained: float | None, wanted: float) -> bool:
    """Whether a precision, as `precision` gives it, is as good as the one that was asked for."""
    return attained is not None and attained <= wanted + SLACK


def until(wanted: float | None) -> Callable[[Sequence[float]], bool]:
    """The rule that ends a scenario's repetition; where no precision is asked for, any runs are enough."""
    if wanted is None:
        return lambda _step_seconds: True
    return lambda step_seconds: _settled(step_seconds, wanted)


def _settled(step_seconds: Sequence[float], wanted: float) -> bool:
    return reaches(precision(step_seconds, interval(step_seconds, wanted)), wanted)


def rounds_left(measure: Measure, done: int, missing: int | None) -> int:
    """How many more rounds a scenario takes after `done` of them, as far as can be told; 0 where it is over.

    `missing` is the most that `runs_missing` gives for any place where it ran: it goes on until its step time
    is known well enough everywhere. It is None where none of its runs gave a step time: what gave none in the
    least number of rounds would give none in more.
    """
    if measure.precision is None or (done and missing is None):
        return max(measure.rounds - done, 0)
    if done >= measure.rounds and (done >= measure.most_rounds or not missing):
        return 0
    return min(max(missing or 0, measure.least_rounds - done, 1), measure.most_rounds - done)


def runs_missing(measure: Measure, step_seconds: Sequence[float]) -> int:
    """How many more runs it takes until `step_seconds` are as precise as was asked for; 0 where they are.

    As far as can be told by them, and one at least. Where no precision was asked for, none is missing.
    """
    if measure.precision is None or _settled(step_seconds, measure.precision):
        return 0
    return max(runs_expected(step_seconds, measure.precision, measure.most_rounds) - len(step_seconds), 1)


def runs_expected(step_seconds: Sequence[float], wanted: float, most: int) -> int:
    """How many runs of a scenario it takes, those of `step_seconds` among them, `most` where more than that.

    Runs to come are taken to scatter like those so far: the ends of an interval of n runs are expected where
    the positions (k - 3/8) / (n + 1/4) of its ranks lie among them (Blom 1958). Fewer than three runs tell
    nothing but that an interval takes seven.
    """
    least = max(len(step_seconds) + 1, INTERVAL_RUNS)
    if len(step_seconds) < FEWEST_TO_FORECAST:
        return min(least, most)
    tried, positions = _forecasts(least, most)
    if not tried:
        return most
    lows, highs = np.quantile(step_seconds, [positions, 1 - positions], method="normal_unbiased")
    centre = median(step_seconds)
    reach = np.maximum(highs - centre, centre - lows) / centre
    near = np.flatnonzero(reach <= wanted + SLACK)
    return tried[near[0]] if near.size else most


@lru_cache(maxsize=1024)
def _forecasts(least: int, most: int) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Numbers of runs from `least` to under `most`, and where the lower ends of their intervals are expected.

    Every number up to forty, a twentieth more from there on.
    """
    tried = []
    runs = least
    while runs < most:
        tried.append(runs)
        runs += max(runs // 20, 1)
    return tuple(tried), np.array(
        [(_rank(runs, SOUGHT_CONFIDENCE) - 0.375) / (runs + 0.25) for runs in tried]
    )


@lru_cache(maxsize=256)
def _rank(size: int, confidence: float) -> int:
    """The k of the interval from x_(k) to x_(n+1-k), of enough runs for one."""
    if size <= _MOST_COUNTED:
        counted = median_interval(range(1, size + 1), confidence)
        assert counted is not None
        return int(counted.low)
    return math.floor((size + 1 - NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(size)) / 2)
