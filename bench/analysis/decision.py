"""When a ratio of two times is a verdict: the one rule that every comparison shares."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

from bench.analysis.mann_whitney import SLACK

Decision = Literal["faster", "slower", "same", "unclear"]

CONFIDENCE = 0.95
"""Of intervals, unless another is asked for."""
DELTA = 0.01
"""Two times, or costs, or numbers of steps, within this share of each other pass for the same."""
POWER = 0.95
"""How often what is there is to be found, for it to be said that it would have been."""
FEWEST_SESSIONS = 4
"""So many sessions tell how far sessions of one machine differ: of three Student's factor is 4.3."""


def decide(
    low: float | None, high: float | None, delta: float, q: float | None = None, level: float = 1.0
) -> Decision:
    """What the interval from `low` to `high` of the ratio B/A says; within `delta` times are the same.

    Faster or slower only where the whole interval lies past the margin and `q`, its p value adjusted for the
    number of questions, is at most `level`; same only where the whole interval lies within the margin (an
    equivalence test: Schuirmann 1987). Without an interval it is unclear. `q` is None where nothing else was
    asked along with it.
    """
    if low is None or high is None:
        return "unclear"
    if low >= 1 / (1 + delta) and high <= 1 + delta:
        return "same"
    if q is not None and q > level + SLACK:
        return "unclear"
    if high < 1 / (1 + delta):
        return "faster"
    return "slower" if low > 1 + delta else "unclear"


def found_from(confidence: float) -> float:
    """So many half-widths of an interval away, what is there is seen in 95 of 100 cases: 1.84 of one at 95 %.

    The interval's end lies as many standard errors out as the normal distribution says, and what is seen so
    often as `POWER` says still as many further.
    """
    normal = NormalDist()
    return 1 + normal.inv_cdf(POWER) / normal.inv_cdf((1 + confidence) / 2)


def level_of_runs(confidence: float) -> float:
    """The false discovery rate of verdicts whose unit is the run, in one session: 5 % at 95 %."""
    return 1 - confidence


def level_of_sessions(confidence: float) -> float:
    """That of verdicts whose unit is the session: 2 % at 95 %, since few sessions tell little of scatter."""
    return 0.4 * (1 - confidence)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number, in the order given: at most q of what is below q is false.

    Benjamini and Hochberg (1995): the step-up procedure that controls the false discovery rate.
    """
    adjusted = [1.0] * len(p_values)
    running, number = 1.0, len(p_values)
    for rank, place in reversed(list(enumerate(sorted(range(number), key=p_values.__getitem__), start=1))):
        running = min(running, p_values[place] * (number / rank))
        adjusted[place] = running
    return adjusted


def exceeds(
    low: float | None, high: float | None, bound: float, q: float | None = None, level: float = 1.0
) -> bool | None:
    """Whether what lies between `low` and `high` lies past `bound`, the same rule for a single bound.

    True where the whole interval does and `q` is at most `level`, False where nothing of it does, None where
    that cannot be told.
    """
    if low is None or high is None:
        return None
    if high <= bound:
        return False
    return True if low > bound and (q is None or q <= level + SLACK) else None
