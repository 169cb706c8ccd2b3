"""The machines of recorded runs against one another: each against the one that ran first."""

from collections.abc import Sequence

from bench.analysis.comparison import Comparison, Side, compare
from bench.analysis.pairing import pair, scenarios
from bench.records.run_table import Rows, RunTable
from bench.records.tables import Row


def rivals(runs: RunTable, machines: Sequence[Row], most: int) -> tuple[list[Comparison], int]:
    """The other machines of `runs` against the one that began first, where they share a scenario with it.

    Takes rows of `machines`. Published results say no time: they come first. Of the others the `most` that
    began last are compared; the second value is how many are left out.
    """
    names = runs.codes("machine")
    of = {names[rows[0]]: rows for rows in runs.groups("machine") if names[rows[0]]}
    ordered = sorted(of, key=lambda name: (_began(runs, of[name]), name))
    if not ordered:
        return [], 0
    sides = {name: runs.take(of[name]) for name in ordered}
    first, *others = ordered
    known = scenarios(sides[first])
    comparable = [name for name in others if pair(known, scenarios(sides[name])).pairs]
    chosen = comparable[-most:]
    facts = {name: [row for row in machines if row.get("machine") == name] for name in (first, *chosen)}
    held = [Side(name, sides[name], facts[name]) for name in (first, *chosen)]
    return list(compare(held[0], held[1:])), len(comparable) - len(chosen)


def _began(runs: RunTable, rows: Rows) -> int:
    """Microseconds since 1970; 0 where any says no time."""
    began = runs.take(rows).numbers("started_at")
    return int(began.values.min()) if began.known.all() else 0
