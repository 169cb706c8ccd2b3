"""What a session tells of its own settings: each way to do the same work against the default one."""

from bench.analysis.choosing import by_column
from bench.analysis.comparison import Comparison, compare
from bench.records.run_table import RunTable
from bench.records.scenario import of_group, of_role

MOST_VALUES = 6
"""A setting with more values than that is an axis of the sweep, and has tables of its own."""


def contrasts(runs: RunTable) -> list[Comparison]:
    """Of each execution setting of which one session has several values: the others against the first.

    Empty where `runs` are of several sessions. How a training is spread is left to the tables of scaling.
    """
    if len(runs.codes("session_id").distinct()) != 1:
        return []
    found: list[Comparison] = []
    for name in _CONTRASTED:
        values = [value for value in runs.codes(name).distinct() if value is not None]
        if 1 < len(values) <= MOST_VALUES:
            first, *others = by_column(runs, (), name)
            found += (one for one in compare(first, others) if one.scenarios)
    return found


_CONTRASTED = tuple(
    name for name in of_role("execution") if name not in (*of_group("spread"), *of_group("batch"))
)
