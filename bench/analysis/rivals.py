"""The machines of recorded runs against one another: each against the one that ran first."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.comparison import Comparison, compare_scenarios
from bench.analysis.pairing import pair, scenarios
from bench.records.run_table import Rows, RunTable
from bench.records.tables import Row


@dataclass(frozen=True)
class Rivals:
    """How the times of machine `b` stand to those of machine `a`."""

    a: str
    b: str
    comparison: Comparison


def rivals(runs: RunTable, machines: Sequence[Row], most: int) -> tuple[list[Rivals], int]:
    """The other machines of `runs` against the one that began first, where they share a scenario with it.

    Takes rows of `machines`. Published results say no time: they come first. Of the others the `most` that
    began last are compared; the second value is how many are left out.
    """
    names = runs.codes("machine")
    of = {names[rows[0]]: rows for rows in runs.groups("machine") if names[rows[0]]}
    ordered = sorted(of, key=lambda name: (_began(runs, of[name]), name))
    if not ordered:
        return [], 0
    first, *others = ((name, scenarios(runs.take(of[name]))) for name in ordered)
    comparable = [other for other in others if pair(first[1], other[1]).pairs]
    chosen = comparable[-most:]
    facts = {name: [row for row in machines if row.get("machine") == name] for name, _ in (first, *chosen)}
    found = [
        Rivals(first[0], name, compare_scenarios(first[1], facts[first[0]], own, facts[name]))
        for name, own in chosen
    ]
    return found, len(comparable) - len(chosen)


def _began(runs: RunTable, rows: Rows) -> int:
    """Microseconds since 1970; 0 where any says no time."""
    began = runs.take(rows).numbers("started_at")
    return int(began.values.min()) if began.known.all() else 0
