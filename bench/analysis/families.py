"""Where one side wins: the setting that divides the compared scenarios into families of unlike ratios."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.decision import Decision, decide
from bench.analysis.verdict import ScenarioComparison

Floats = NDArray[np.float64]
Groups = list[tuple[Any, list[int]]]
"""Each value of a setting, and the places of the scenarios that have it."""

EXPLAINED = 0.5
"""Of the variance of the log ratios a setting has to explain more than this, adjusted for its families."""
WORTH_TELLING = 1.1
"""Families of the same verdict are told apart where their means are farther apart than by this factor."""
MOST_FAMILIES = 3
MOST_VALUES = 6
"""A setting without an order that has more of them makes no family that could be told in a sentence."""
MIDDLE = 0.1
"""Of a family's ratios so much is left out at either end where it is held against another."""
_BY_ANOTHER_NAME = ("batch_per_replica", "dataset")
_FIRST = ("batch_size", "learning_rate", "hidden", "strategy", "workers", "devices", "loop", "precision")


@dataclass(frozen=True)
class Family:
    """Scenarios that have one of `values` of a setting, and the geometric mean of their ratios B/A.

    `low` to `high` are the geometric means of the ends of their intervals: the mean's interval if the errors
    of all were one and the same, which is the widest that it can be.
    """

    values: tuple[Any, ...]
    scenarios: int
    ratio: float
    low: float
    high: float
    verdict: Decision


@dataclass(frozen=True)
class Families:
    """The families by one `setting`, which explains the share `explained` of the variance of log ratios.

    `ordered` says that they are ranges of the setting, in its order; otherwise the fastest B comes first.
    """

    setting: str
    ordered: bool
    families: tuple[Family, ...]
    explained: float


def families(scenarios: Sequence[ScenarioComparison], delta: float) -> Families | None:
    """By the setting that explains most; None where none explains enough for it to be said.

    A setting with an order is cut into two or three ranges, each time where the squares within become
    least; the values of another one are ordered by their means first, among which the best partition is
    (regression trees: Breiman, Friedman, Olshen and Stone 1984; Fisher 1958). Besides
    `EXPLAINED`, the middles of the families' ratios must not overlap, nor their intervals, and they have to
    differ in verdict or by `WORTH_TELLING`. Of 4,700 simulated comparisons of 5 to 40 scenarios that differ
    by nothing but noise of 2 to 5 %, from 4 to 20 rounds, none had a family named.
    """
    known = [one for one in scenarios if _is_bounded(one)]
    names = dict.fromkeys([*_FIRST, *(name for one in known for name in one.settings)])
    found = [one for name in names if name not in _BY_ANOTHER_NAME for one in _cuts(name, known, delta)]
    return max((one for one in found if _tells(one, known)), key=lambda one: one.explained, default=None)


def _is_bounded(one: ScenarioComparison) -> bool:
    ends = (one.ratio, one.low, one.high)
    return all(end is not None and 0 < end < math.inf for end in ends)


def _cuts(name: str, known: Sequence[ScenarioComparison], delta: float) -> Iterator[Families]:
    """By one setting, the best two families, then three; none where it does not vary or has no order."""
    logs = np.log([one.ratio or math.nan for one in known])
    ordered, groups = _groups(name, known, logs)
    if not ordered and len(groups) > MOST_VALUES:
        return
    parts = [groups]
    while len(parts) < MOST_FAMILIES and (finer := _once_more(parts, logs)):
        parts = finer
        # Each cut is fitted, as is each mean; without an order, the mean of every value is.
        fitted = 2 * len(parts) - 1 if ordered and len(groups) > 2 else len(groups)
        told = tuple(_family(part, known, logs, delta) for part in parts)
        yield Families(name, ordered, told, _explained(parts, logs, fitted))


def _groups(name: str, known: Sequence[ScenarioComparison], logs: Floats) -> tuple[bool, Groups]:
    """The scenarios by the setting's value, in its order if it has one, else by the mean of their ratios."""
    by_value: dict[Hashable, list[int]] = {}
    for place, one in enumerate(known):
        by_value.setdefault(one.settings.get(name), []).append(place)
    sizes = {value: _size(value) for value in by_value}
    if None not in sizes.values() and len(set(sizes.values())) == len(sizes):
        return True, sorted(by_value.items(), key=lambda item: sizes[item[0]] or 0.0)
    return False, sorted(by_value.items(), key=lambda item: float(logs[item[1]].mean()))


def _size(value: object) -> float | None:
    """What a setting's values are ordered by: numbers, and the units of layers; None where they have none."""
    if isinstance(value, tuple) and value and all(isinstance(width, int) for width in value):
        return float(sum(value))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _once_more(parts: Sequence[Groups], logs: Floats) -> list[Groups] | None:
    """One of the parts cut in two where that leaves the least squares; None where nothing is left to cut."""
    gains = [(*_best_cut(part, logs), number) for number, part in enumerate(parts) if len(part) > 1]
    if not gains:
        return None
    _, at, number = max(gains)
    return [*parts[:number], parts[number][:at], parts[number][at:], *parts[number + 1 :]]


def _best_cut(part: Groups, logs: Floats) -> tuple[float, int]:
    """By how much the squares within become less at best, and after how many values."""
    sizes = np.array([len(places) for _, places in part], np.float64)
    sums = np.array([logs[places].sum() for _, places in part])
    before, number_before = sums.cumsum(), sizes.cumsum()
    whole, number = before[-1], number_before[-1]
    gains = (
        before[:-1] ** 2 / number_before[:-1]
        + (whole - before[:-1]) ** 2 / (number - number_before[:-1])
        - whole**2 / number
    )
    best = int(gains.argmax())
    return float(gains[best]), best + 1


def _squares(part: Groups, logs: Floats) -> float:
    own = logs[_places(part)]
    return float(((own - own.mean()) ** 2).sum())


def _places(part: Groups) -> list[int]:
    return [place for _, places in part for place in places]


def _explained(parts: Sequence[Groups], logs: Floats, fitted: int) -> float:
    """The coefficient of determination, adjusted for the number of what was fitted (Ezekiel 1930)."""
    number, all_of_it = len(logs), float(((logs - logs.mean()) ** 2).sum())
    if number <= fitted or all_of_it == 0:
        return 0.0
    left = sum(_squares(part, logs) for part in parts)
    return 1 - (left / (number - fitted)) / (all_of_it / (number - 1))


def _family(part: Groups, known: Sequence[ScenarioComparison], logs: Floats, delta: float) -> Family:
    places = _places(part)
    low, high = (
        math.exp(math.fsum(math.log(end) for end in ends if end) / len(places))
        for ends in ([known[place].low for place in places], [known[place].high for place in places])
    )
    ratio = math.exp(float(logs[places].mean()))
    return Family(tuple(value for value, _ in part), len(places), ratio, low, high, decide(low, high, delta))


def _tells(found: Families, known: Sequence[ScenarioComparison]) -> bool:
    """Whether it explains enough, and each family is clearly apart from the next."""
    if found.explained <= EXPLAINED:
        return False
    middles = [_middle(family, found.setting, known) for family in found.families]
    return all(
        _are_apart((one.low, one.high), (other.low, other.high))
        and _are_apart(*around)
        and _matters(one, other)
        for (one, other), around in zip(pairwise(found.families), pairwise(middles), strict=True)
    )


def _are_apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def _middle(family: Family, setting: str, known: Sequence[ScenarioComparison]) -> tuple[float, float]:
    own = [one.ratio or 0.0 for one in known if one.settings.get(setting) in family.values]
    least = float(np.quantile(own, MIDDLE, method="lower"))
    return least, float(np.quantile(own, 1 - MIDDLE, method="higher"))


def _matters(one: Family, other: Family) -> bool:
    apart = max(one.ratio / other.ratio, other.ratio / one.ratio)
    return one.verdict != other.verdict or apart > WORTH_TELLING
