"""A ratio of two sums over units, such as all that was paid over the runs that came of it.

The mean of the units' own ratios would be another thing, and infinite where a unit came to nothing.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import repeat

from bench.analysis.log_mean import LogMean

Interval = tuple[float, float]


def log_ratio_of_sums(
    above: Sequence[float], below: Sequence[float], strata: Sequence[object] | None = None
) -> LogMean | None:
    """The logarithm of sum(above) / sum(below), with what the scatter of the units leaves open.

    Linearised (Cochran, Sampling Techniques, 1977, section 6.3): what each unit has above the line less the
    ratio times what it has below is a residual, whose scatter is the ratio's. Units of several kinds, which
    there are as many of as were planned, scatter about the mean of their own kind (section 5.3, `strata`): a
    run that compiles takes longer than others, which is no scatter. One that is alone of its kind is taken to
    scatter by as large a share as the others. None where no kind has two, or where a sum is not above 0.
    """
    top, bottom = math.fsum(above), math.fsum(below)
    kinds: dict[object, list[tuple[float, float]]] = defaultdict(list)
    for unit, kind in zip(zip(above, below, strict=True), strata or repeat(None), strict=False):
        kinds[kind].append(unit)
    freedom = sum(len(units) - 1 for units in kinds.values())
    if freedom == 0 or top <= 0 or bottom <= 0:
        return None
    ratio = top / bottom
    several = [_scatter(units, ratio) for units in kinds.values() if len(units) > 1]
    share = math.fsum(squares for _, squares, _ in several) / math.fsum(level for *_, level in several)
    alone = math.fsum(up**2 * share for units in kinds.values() if len(units) == 1 for up, _ in units)
    squared_error = (math.fsum(error for error, *_ in several) + alone) / top**2
    return LogMean(math.log(ratio), squared_error, freedom)


def _scatter(units: Sequence[tuple[float, float]], ratio: float) -> tuple[float, float, float]:
    """The squared error of a kind's sum; the squared deviations; and what these are a share of."""
    residuals = [up - ratio * down for up, down in units]
    mean, number = math.fsum(residuals) / len(units), len(units)
    squares = math.fsum((one - mean) ** 2 for one in residuals)
    level = math.fsum(up for up, _ in units) / number
    return squares * number / (number - 1), squares, (number - 1) * level**2


def interval_per_success(
    paid: Sequence[float],
    successes: Sequence[int],
    tries: Sequence[int],
    strata: Sequence[object] | None = None,
    confidence: float = 0.95,
) -> Interval | None:
    """The interval of what a success costs: of units, what each paid, and how many of its tries succeeded.

    That of `log_ratio_of_sums`, by Student's t. Where some try failed the rate of successes is uncertain
    beyond that: then also from what a try cost over the rate's own interval, each at half the error allowed
    (Bonferroni), and what either of the two holds. None where there is no success, or a single unit.

    By simulation (4 to 20 units that scatter by 1 to 30 %, lognormal) 94 to 96 % hold the truth where no try
    can fail, and 99 to 100 % of those that saw a failure where 10 or 30 % do. Failures that none of the
    tries saw are in no interval: at 10 %, 39 % of all hold the truth with 4 units that scatter by 2 %, 89 %
    with 20. With one of a kind of its own, 2 to 5 times as large, 94 to 96 % hold it; 65 to 74 % where that
    one scatters by three times the share that the others do.
    """
    ratio = log_ratio_of_sums(paid, successes, strata)
    if ratio is None:
        return None
    low, high = ratio.interval(confidence)
    if sum(successes) == sum(tries):
        return low, high
    each = 1 - (1 - confidence) / 2
    of_try = log_ratio_of_sums(paid, tries, strata)
    if of_try is None:
        return None
    least, most = of_try.interval(each)
    rarely, often = rate_interval(sum(successes), sum(tries), each)
    return min(low, least / often), max(high, most / rarely)


def rate_interval(successes: int, tries: int, confidence: float = 0.95) -> Interval:
    """The exact interval of a probability from how often it came true (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    tail, failures = (1 - confidence) / 2, tries - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high
