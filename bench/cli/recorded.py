"""What people ask to see of what was recorded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.records.store import Tables

MOST_NOTES = 8


def recorded(paths: Sequence[str] | None, where: str | None) -> "Tables":
    """The sessions at or below `paths` (`results` unless said), of their runs those for which `where` holds.

    What is left out, or cannot be as it stands, is said on standard error. Machines of one name have names of
    their own. Raises BenchError where there is no session or no run, and where `where` is no condition.
    """
    from bench.analysis.machines import told_apart

    tables = read(paths or ["results"])
    if where is not None:
        from bench.analysis.frame import where as holds

        tables = replace(tables, runs=holds(tables.runs, where))
    return told_apart([tables])[0]


def read(paths: Sequence[str]) -> "Tables":
    """The sessions at or below `paths` as they were recorded, one run at least; notes on standard error."""
    from bench.records.store import read_sessions

    tables = read_sessions(paths)
    warn(tables.notes)
    if not tables.runs.num_rows:
        raise BenchError(f"{', '.join(paths)}: no run has ended there yet; look again later")
    return tables


def warn(notes: Sequence[str]) -> None:
    """Lines on standard error, the first few where there are many."""
    more = len(notes) - MOST_NOTES
    lines = [*notes[:MOST_NOTES], *([f"and {more} more of the kind"] if more > 0 else [])]
    from bench.views.visible import visible

    for line in lines:
        typer.echo(f"bench: {visible(line)}", err=True)
