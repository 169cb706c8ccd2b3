"""What a set of runs says of a figure, and how far: their unit is the run in one session, else the session.

Rounds of a session share its mood, so that runs of several sessions are no independent looks at a machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.decision import FEWEST_SESSIONS
from bench.analysis.log_mean import log_mean
from bench.analysis.statistics import median, median_interval

FEWEST_RUNS = 4
"""Of one session, for an interval of a mean: with fewer it says next to nothing."""
Unit = Literal["run", "session"]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, None where there is none; in the figure's own unit."""

    value: float
    low: float | None = None
    high: float | None = None


def unit_of(sessions: int) -> Unit | None:
    """What counts once in so many sessions; None where they are too few to be it, and too many to be one."""
    if sessions == 1:
        return "run"
    return "session" if sessions >= FEWEST_SESSIONS else None


def typical(by_session: Sequence[Sequence[float]]) -> Estimate | None:
    """The median of values, given by session; infinite ones are misses. None of no value.

    Of one session the median of its runs, its interval exact (Thompson 1936), from six runs on; of several
    that of their medians, from four on the geometric mean with Student's t on the logarithms.
    """
    known = [values for values in by_session if len(values)]
    if not known:
        return None
    if len(known) == 1:
        interval = median_interval(known[0])
        value = median(known[0])
        return Estimate(value, interval.low, interval.high) if interval else Estimate(value)
    medians = [median(values) for values in known]
    mean = log_mean(medians) if unit_of(len(medians)) else None
    if mean is None:
        return Estimate(median(medians))
    return Estimate(math.exp(mean.mean), *mean.interval())
