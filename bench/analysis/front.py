"""Who is on the front of time against cost: nobody is both faster and cheaper (Pareto)."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bench.analysis.decision import (
    CONFIDENCE,
    FEWEST_SESSIONS,
    Decision,
    benjamini_hochberg,
    decide,
    level_of_runs,
    level_of_sessions,
)
from bench.analysis.log_mean import LogMean, log_mean
from bench.analysis.ratio_of_sums import log_ratio_of_sums
from bench.analysis.statistics import hodges_lehmann_ratio, margin_p, median
from bench.analysis.typical import FEWEST_RUNS, Unit, typical

DELTA = 0.01
"""Times, and costs, that are no farther apart are the same."""
LEVELS: Mapping[Unit, float] = {"run": level_of_runs(CONFIDENCE), "session": level_of_sessions(CONFIDENCE)}
"""The false discovery rates of verdicts."""
Place = Literal["front", "maybe", "behind"]
_Pair = tuple[int, int]


@dataclass(frozen=True)
class Standing:
    """On the front, maybe, or behind the side that is named.

    `unit` is what the verdict counts once; where it is None the runs allow none, and the place is that of
    their medians and sums alone.
    """

    place: Place
    behind: str | None = None
    unit: Unit | None = None


@dataclass(frozen=True, eq=False)
class Contender:
    """One side of a scenario, by session: times, misses infinite; what each run was paid, and whether it won.

    Times are in seconds; `won` is 1 for a run that ended ok, or got to the target, else 0. `kinds` tell runs
    apart that cannot cost the same, such as one that compiled from others; without them all are of one.
    """

    name: str
    times: Mapping[str, Sequence[float]]
    paid: Mapping[str, Sequence[float]]
    won: Mapping[str, Sequence[int]]
    kinds: Mapping[str, Sequence[object]] | None = None

    @cached_property
    def sessions(self) -> frozenset[str]:
        """Those that it has runs of."""
        return frozenset(self.paid)

    @cached_property
    def cost(self) -> float:
        """All that was paid, over the runs that won; infinite where none did."""
        won = sum(map(sum, self.won.values()))
        return sum(map(math.fsum, self.paid.values())) / won if won else math.inf

    @cached_property
    def time(self) -> float:
        """The median; infinite where there is none."""
        found = typical(list(self.times.values()))
        return found.value if found else math.inf

    def log_time(self) -> LogMean | None:
        """The mean logarithm of the sessions' medians."""
        return log_mean([median(values) for values in self.times.values() if len(values)])

    def log_cost(self, unit: Unit) -> LogMean | None:
        """The logarithm of the cost, by run or by session."""
        if unit == "session":
            paid, won = ([float(sum(of[s])) for s in self.paid] for of in (self.paid, self.won))
            return log_ratio_of_sums(paid, won)
        paid, won = (list(itertools.chain(*of.values())) for of in (self.paid, self.won))
        kinds = None if self.kinds is None else list(itertools.chain(*self.kinds.values()))
        return log_ratio_of_sums(paid, won, kinds)


@dataclass(frozen=True)
class _Difference:
    """A ratio's interval, and the p value of its lying within the margin."""

    low: float | None
    high: float | None
    p: float = 1.0

    def decided(self, q: float, unit: Unit) -> Decision:
        return decide(self.low, self.high, DELTA, q, LEVELS[unit])


_UNKNOWN = _Difference(None, None)


def standings(contests: Iterable[Sequence[Contender]]) -> list[list[Standing | None]]:
    """Of each scenario's contenders where they stand; None for one that never won, or is alone.

    Each is held against each other one, in time and in cost: behind where another is better in one and no
    worse in the other, on the front where it is better than every other one in something, or both are the
    same. "Better" is `decide` with what `benjamini_hochberg` makes of the p values of the whole table. Two
    sides of one session count its runs, two of `FEWEST_SESSIONS` a side their sessions: times by the exact
    Mann-Whitney test or Welch's, costs by Welch's test on the logarithms of the ratios of sums. Others allow
    no verdict.

    By simulation of two equal sides that pay by the second in 40 scenarios, at most 1 % of tables call one
    behind the other: runs of one session that scatter by 2 to 5 %, and four to eight sessions a side with
    moods of 0.5 to 5 % (tests.statistics.costs). A side that takes 5 % longer is found behind in 92 to 96 %
    with ten runs a side of one session at 2 % noise, and in 95 % with five sessions and moods of 0.5 %.
    """
    contests = [list(contest) for contest in contests]
    decided = _decisions(contests)
    return [
        [_standing(place, contest, decided[number]) for place in range(len(contest))]
        for number, contest in enumerate(contests)
    ]


_Decided = tuple[Decision, Decision, Unit | None]
"""What the second of a pair is against the first: its time, its cost, and by what unit."""


def _decisions(contests: Sequence[Sequence[Contender]]) -> list[dict[_Pair, _Decided]]:
    found: list[dict[_Pair, _Decided]] = [{} for _ in contests]
    asked: dict[Unit, list[tuple[int, _Pair, _Difference, _Difference]]] = defaultdict(list)
    for number, contest in enumerate(contests):
        there = [place for place, one in enumerate(contest) if math.isfinite(one.cost)]
        for pair in itertools.combinations(there, 2):
            a, b = (contest[place] for place in pair)
            if unit := _unit(a, b):
                asked[unit].append((number, pair, _of_times(a, b, unit), _of_costs(a, b, unit)))
            else:
                found[number][pair] = (_apart(b.time, a.time), _apart(b.cost, a.cost), None)
    for unit, questions in asked.items():
        q = benjamini_hochberg([one.p for _, _, *both in questions for one in both])
        for (number, pair, times, costs), of_times, of_costs in zip(questions, q[::2], q[1::2], strict=True):
            found[number][pair] = (times.decided(of_times, unit), costs.decided(of_costs, unit), unit)
    return found


def _unit(a: Contender, b: Contender) -> Unit | None:
    if a.sessions == b.sessions and len(a.sessions) == 1:
        return "run"
    enough = min(len(a.sessions), len(b.sessions)) >= FEWEST_SESSIONS
    return "session" if enough else None


def _of_times(a: Contender, b: Contender, unit: Unit) -> _Difference:
    if unit == "session":
        return _welch(a.log_time(), b.log_time())
    of_a, of_b = (list(itertools.chain(*side.times.values())) for side in (a, b))
    if not of_a or not of_b:
        return _UNKNOWN
    ratio = hodges_lehmann_ratio(of_a, of_b)
    return _Difference(ratio.low, ratio.high, margin_p(of_a, of_b, DELTA))


def _of_costs(a: Contender, b: Contender, unit: Unit) -> _Difference:
    if a.cost == 0 or b.cost == 0:  # what costs nothing does not scatter, and has no logarithm
        ratio = 1.0 if a.cost == b.cost else (0.0 if b.cost == 0 else math.inf)
        return _Difference(ratio, ratio, 0.0)
    fewest = min(sum(map(len, side.paid.values())) for side in (a, b))
    if unit == "run" and fewest < FEWEST_RUNS:
        return _UNKNOWN
    return _welch(a.log_cost(unit), b.log_cost(unit))


def _welch(a: LogMean | None, b: LogMean | None) -> _Difference:
    if a is None or b is None:
        return _UNKNOWN
    difference = b.over(a)
    return _Difference(*difference.interval(), difference.margin_p(DELTA))


def _apart(b: float, a: float) -> Decision:
    """What figures say that have no interval."""
    if b == a or (b <= a * (1 + DELTA) and a <= b * (1 + DELTA)):
        return "same"
    return "faster" if b < a else "slower"


def _standing(place: int, contest: Sequence[Contender], decided: Mapping[_Pair, _Decided]) -> Standing | None:
    against = [_turned(place, pair, of) for pair, of in decided.items() if place in pair]
    if not against:
        return None
    units = {unit for _, _, _, unit in against}
    unit = units.pop() if len(units) == 1 else None
    ahead = [contest[other] for other, times, costs, _ in against if _worse(times, costs)]
    if ahead:
        first = min(ahead, key=lambda one: (one.time * one.cost, one.name))
        return Standing("behind", first.name, unit)
    safe = all(_not_worse(times, costs) for _, times, costs, _ in against)
    return Standing("front" if safe else "maybe", None, unit)


_TURNED: Mapping[Decision, Decision] = {
    "faster": "slower",
    "slower": "faster",
    "same": "same",
    "unclear": "unclear",
}


def _turned(place: int, pair: _Pair, of: _Decided) -> tuple[int, Decision, Decision, Unit | None]:
    """The other one of `pair`, and how the one at `place` stands to it."""
    first, second = pair
    times, costs, unit = of
    if place == second:
        return first, times, costs, unit
    return second, _TURNED[times], _TURNED[costs], unit


def _worse(times: Decision, costs: Decision) -> bool:
    both = {times, costs}
    return "slower" in both and both <= {"slower", "same"}


def _not_worse(times: Decision, costs: Decision) -> bool:
    return "faster" in (times, costs) or (times, costs) == ("same", "same")
