"""The machines of recorded runs against one another: each against the one that ran first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.comparison import Comparison, compare
from bench.records.tables import Row


@dataclass(frozen=True)
class Rivals:
    """How the times of machine `b` stand to those of machine `a`."""

    a: str
    b: str
    comparison: Comparison


def rivals(runs: Iterable[Row], machines: Sequence[Row]) -> list[Rivals]:
    """The other machines of `runs` against the one that began first, where they share a scenario with it.

    Takes rows of the tables `runs` and `machines`. Published results say no time: they come first.
    """
    of: dict[str, list[Row]] = {}
    for row in {row["run_id"]: row for row in runs}.values():
        if row["machine"]:
            of.setdefault(row["machine"], []).append(row)
    first, *others = sorted(of, key=lambda name: (_began(of[name]), name)) or [""]
    found = (Rivals(first, other, _compare(of[first], of[other], machines)) for other in others)
    return [pair for pair in found if pair.comparison.scenarios]


def _began(rows: Iterable[Row]) -> float:
    return min((row["started_at"].timestamp() if row["started_at"] else 0.0 for row in rows), default=0.0)


def _compare(a: Sequence[Row], b: Sequence[Row], machines: Iterable[Row]) -> Comparison:
    facts = list(machines)
    sides = []
    for rows in (a, b):
        own = [fact for fact in facts if fact["machine"] == rows[0]["machine"]]
        sides += [pd.DataFrame(rows), pd.DataFrame(own)]
    return compare(*sides)
