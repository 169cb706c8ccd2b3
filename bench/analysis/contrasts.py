"""What a session tells of its own settings: each way to do the same work against the first one."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.analysis.choosing import by_column
from bench.analysis.comparison import Comparison, compare
from bench.analysis.origin import Origin, platforms
from bench.analysis.sides import Side
from bench.records.run_table import RunTable, grouped
from bench.records.scenario import of_group, of_role

MOST_VALUES = 6
"""A setting with more values than that is an axis of the sweep, and has tables of its own."""
MOST_MACHINES = 4
"""Of more machines, or kinds of software on them, a sentence for each would hide the table below them."""


@dataclass(frozen=True)
class Contrast:
    """Two values of a setting, held against each other on one machine with one software."""

    origin: Origin
    comparison: Comparison


def contrasts(runs: RunTable) -> list[Contrast]:
    """Of each execution setting of which one session has several values: the others against the first.

    The first is that of a comparison by that column. Machines are never mixed: what one of them ran is held
    together, and of two nodes of one kind only what both sides ran on; else a slow machine would pass for a
    slow setting. None where `runs` are of several sessions, or of more than `MOST_MACHINES`; none of sides
    that have no time to compare. How a training is spread is left to the tables of scaling.
    """
    if len(runs.codes("session_id").distinct()) != 1:
        return []
    own = platforms(runs)
    groups = grouped([own], runs.rows)
    if len(groups) > MOST_MACHINES:
        return []
    return [
        Contrast(Origin(runs.codes("session_id")[rows[0]], *own[rows[0]]), comparison)
        for rows in groups
        for comparison in _on_one_machine(runs.take(rows))
    ]


def _on_one_machine(runs: RunTable) -> Iterator[Comparison]:
    for name in _CONTRASTED:
        values = [value for value in runs.codes(name).distinct() if value is not None]
        if 1 < len(values) <= MOST_VALUES:
            first, *others = by_column(runs, (), name)
            alike = [other for other in others if _nodes(other) == _nodes(first)]
            yield from (one for one in compare(first, alike) if _is_timed(one))


def _is_timed(comparison: Comparison) -> bool:
    return any(one.a.times and one.b.times for one in comparison.scenarios)


def _nodes(side: Side) -> set[str | None]:
    """Those on which the runs that ended ok began."""
    return set(side.runs.take(side.runs.is_ok()).codes("node").distinct())


_CONTRASTED = tuple(
    name for name in of_role("execution") if name not in (*of_group("spread"), *of_group("batch"))
)
