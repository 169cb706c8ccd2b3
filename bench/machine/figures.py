"""Figures of several meters as one; a meter that could not tell gives None."""

import itertools
from collections.abc import Iterable
from typing import TypeVar

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
