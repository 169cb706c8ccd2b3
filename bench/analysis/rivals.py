"""The machines of recorded runs against one another: each against the one that ran first."""

from collections.abc import Sequence

from bench.analysis.choosing import side_of
from bench.analysis.comparison import Comparison, compare
from bench.analysis.machine_sides import machine_sides
from bench.analysis.pairing import pair, scenarios
from bench.records.run_table import RunTable
from bench.records.tables import Row


def rivals(runs: RunTable, machines: Sequence[Row], most: int) -> tuple[list[Comparison], int]:
    """The other machines of `runs` against the one that began first, where they share a scenario with it.

    A machine with other software is another one. Takes rows of `machines`. Published results say no time:
    they come first. Of the others the `most` that began last are compared; the second value is how many are
    left out.
    """
    known = runs.take(~runs.codes("machine").among([None, ""]))
    of = machine_sides(known)
    ordered = sorted(of, key=lambda name: (_began(of[name]), name))
    if not ordered:
        return [], 0
    first, *others = ordered
    reference = scenarios(of[first])
    comparable = [name for name in others if pair(reference, scenarios(of[name])).pairs]
    chosen = comparable[-most:]
    sides = [side_of(name, of[name], machines) for name in (first, *chosen)]
    return list(compare(sides[0], sides[1:])), len(comparable) - len(chosen)


def _began(runs: RunTable) -> int:
    """Microseconds since 1970; 0 where any says no time."""
    began = runs.numbers("started_at")
    return int(began.values.min()) if began.known.all() else 0
