"""How often what came up."""

from collections import Counter
from collections.abc import Iterable


def counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Each name and how often it comes up, the most frequent first."""
    return most_first(Counter(names).items())


def most_first(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Names with how often each comes up, the most frequent first."""
    return tuple(sorted(counts, key=lambda item: (-item[1], item[0])))
