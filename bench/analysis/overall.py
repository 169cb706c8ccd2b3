"""All scenarios that were compared by one metric, together."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.decision import FEWEST_SESSIONS, Decision, decide
from bench.analysis.estimates import session_differences
from bench.analysis.jackknife import (
    Sample,
    Strata,
    mean_of_paired_sessions,
    mean_of_rounds,
    mean_of_sessions,
    numbered,
)
from bench.analysis.sides import Unit
from bench.analysis.statistics import geometric_mean
from bench.analysis.timed import METRICS, Metric, Timed
from bench.analysis.verdict import Paired, ScenarioComparison, SideOfScenario, Verdict
from bench.analysis.welch import Shift


@dataclass(frozen=True)
class Overall:
    """All scenarios that were compared by one metric, together.

    `places` are theirs among those of the comparison. One with a single round, or session, on a side is not
    among them where others have several: it has no scatter that an interval could tell of. `ratio` is the
    geometric mean of their ratios B/A, `low` to `high` its interval by leaving out one round, or session, at
    a time; `reason` says why one of them is None. `verdict` is what the interval says of the mean, `counts`
    how many scenarios got which.
    """

    metric: Metric
    scenarios: int
    ratio: float | None
    low: float | None
    high: float | None
    verdict: Decision
    reason: str
    counts: Mapping[Verdict, int]
    places: tuple[int, ...]


def overalls(
    pairs: Sequence[Paired],
    compared: Sequence[ScenarioComparison],
    unit: Unit,
    confidence: float,
    delta: float,
) -> tuple[Overall, ...]:
    """One per metric: a step's ratio and a whole fit's are not ratios of the same thing."""
    found = []
    for metric in METRICS:
        estimated = [place for place, one in enumerate(compared) if one.metric == metric and _is_counted(one)]
        if places := _with_scatter({place: _fewest_blocks(pairs[place], unit) for place in estimated}):
            found.append(_overall(metric, places, pairs, compared, unit, confidence, delta))
    return tuple(found)


def _with_scatter(blocks: Mapping[int, int]) -> tuple[int, ...]:
    """The places of those with several blocks; where there are none, of those with one."""
    fewest = 2 if any(number > 1 for number in blocks.values()) else 1
    return tuple(place for place, number in blocks.items() if number >= fewest)


def _is_counted(scenario: ScenarioComparison) -> bool:
    """Whether it was estimated; a single figure has no scatter that a mean could have."""
    estimated = scenario.a.times > 0 and scenario.b.times > 0 and scenario.verdict != "refused"
    return estimated and scenario.one_figure is None


def _fewest_blocks(pair: Paired, unit: Unit) -> int:
    """How many rounds, or sessions, the side with fewer has that are compared; 1 where neither counts."""
    sides = pair.timed_a, pair.timed_b
    if unit == "none":
        return 1
    if unit == "session":
        return min(len(side.by_session) for side in sides)
    shared = set(sides[0].by_session) & set(sides[1].by_session)
    if unit == "pair of sessions":
        return len(shared)
    return min(
        len({side.blocks[place] for session in shared for place in side.by_session[session]})
        for side in sides
    )


def _overall(
    metric: Metric,
    places: tuple[int, ...],
    pairs: Sequence[Paired],
    compared: Sequence[ScenarioComparison],
    unit: Unit,
    confidence: float,
    delta: float,
) -> Overall:
    pairs, compared = [pairs[place] for place in places], [compared[place] for place in places]
    ratio, shift, reason = _mean(pairs, compared, unit, confidence, delta)
    low, high = (math.exp(shift.low), math.exp(shift.high)) if shift else (None, None)
    return Overall(
        metric=metric,
        scenarios=len(compared),
        ratio=ratio,
        low=low,
        high=high,
        verdict=decide(low, high, delta),
        reason=reason,
        counts=Counter(scenario.verdict for scenario in compared),
        places=places,
    )


def _mean(
    pairs: Sequence[Paired],
    compared: Sequence[ScenarioComparison],
    unit: Unit,
    confidence: float,
    delta: float,
) -> tuple[float | None, Shift | None, str]:
    """The geometric mean, its interval, and why there is none."""
    ratios = [scenario.ratio for scenario in compared]
    bounded = [ratio for ratio in ratios if ratio is not None and 0 < ratio < math.inf]
    if len(bounded) < len(ratios):
        return None, None, "missed targets leave the mean open"
    mean = geometric_mean(bounded)
    if unit == "none":
        a, b = (max(side.sessions for side in sides) for sides in _by_side(compared))
        return mean, None, f"{a} and {b} sessions, {FEWEST_SESSIONS} and {FEWEST_SESSIONS} needed"
    timed = [(pair.timed_a, pair.timed_b) for pair in pairs]
    if not all(np.isfinite(side.seconds).all() for of in timed for side in of):
        return mean, None, "missed targets leave the interval open"
    shift = shift_over_all(timed, unit, confidence, delta)
    return mean, shift, "" if shift else _too_few(compared, unit)


def _too_few(compared: Sequence[ScenarioComparison], unit: Unit) -> str:
    """Said where rounds, or sessions, of too many scenarios are too few."""
    block = "round" if unit == "run" else "session"
    fewest = [
        min(side.times if unit == "run" else side.sessions for side in sides)
        for sides in zip(*_by_side(compared), strict=True)
    ]
    return f"a single {block} on a side" + (" of some scenarios" if max(fewest) > 1 else "")


def _by_side(compared: Sequence[ScenarioComparison]) -> tuple[list[SideOfScenario], list[SideOfScenario]]:
    return [one.a for one in compared], [one.b for one in compared]


def shift_over_all(
    timed: Sequence[tuple[Timed, Timed]], unit: Unit, confidence: float, delta: float
) -> Shift | None:
    """The mean of the log ratios of pairs of finite times; None where a side has one block alone."""
    if unit == "run":
        return mean_of_rounds(_strata(timed), confidence, delta)
    if unit == "session":
        return mean_of_sessions([(a.log_medians, b.log_medians) for a, b in timed], confidence, delta)
    return mean_of_paired_sessions([session_differences(a, b) for a, b in timed], confidence, delta)


def _strata(timed: Sequence[tuple[Timed, Timed]]) -> list[Strata]:
    """The logarithms by session, each with the number of its round; rounds are shared by all scenarios."""
    blocks = [numbered(block for of in timed for block in of[side].blocks) for side in (0, 1)]
    found: list[Strata] = []
    for a, b in timed:
        shared = [session for session in a.by_session if session in b.by_session]
        found.append([(_sample(a, session, blocks[0]), _sample(b, session, blocks[1])) for session in shared])
    return found


def _sample(timed: Timed, session: Hashable, blocks: Mapping[Hashable, int]) -> Sample:
    places = timed.by_session[session]
    return Sample(np.log(timed.seconds[places]), np.array([blocks[timed.blocks[place]] for place in places]))
