"""Figures of several meters as one; a meter that could not tell gives None."""

import itertools
from collections.abc import Iterable
from typing import Literal, TypeVar, get_args

EnergySource = Literal["counter", "samples", "too-short"]
"""Where joules come from, from best to worst: a meter's counter; power sampled once a second; or nowhere,
since what was metered was shorter than the meter can tell."""
_BEST_FIRST: tuple[EnergySource, ...] = get_args(EnergySource)

_T = TypeVar("_T")
_Number = TypeVar("_Number", int, float)


def told(values: Iterable[_T | None]) -> list[_T]:
    """Those that are known."""
    return [value for value in values if value is not None]


def total(values: Iterable[_Number | None]) -> _Number | None:
    """None where one of them is: the sum of the rest would be wrong."""
    values = list(values)
    known = told(values)
    return sum(known) if len(known) == len(values) else None


def largest(values: Iterable[_Number | None]) -> _Number | None:
    """Of those that are known."""
    return max(told(values), default=None)


def least(values: Iterable[_Number | None]) -> _Number | None:
    """Of those that are known."""
    return min(told(values), default=None)


def union(values: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Every name of those that are known, sorted; None where none is."""
    known = told(values)
    return tuple(sorted(set(itertools.chain(*known)))) if known else None


def farthest(values: Iterable[_Number | None]) -> _Number | None:
    """Of those that are known, the one farthest from zero, on either side."""
    return max(told(values), key=abs, default=None)


def worst_source(sources: Iterable[EnergySource | None]) -> EnergySource | None:
    """Of a sum: that of its worst part; None where one of them is not known."""
    sources = list(sources)
    known: list[EnergySource] = [source for source in sources if source is not None]
    return max(known, key=_BEST_FIRST.index, default=None) if len(known) == len(sources) else None
