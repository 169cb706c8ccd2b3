"""The tables of `bench show`, which `bench run` ends with, too."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from bench.records.run_table import RunTable
    from bench.records.tables import Row


def print_tables(
    console: "Console",
    runs: "RunTable",
    machines: Iterable["Row"],
    pool: bool = False,
    sort: str | None = None,
    others: int = 0,
) -> None:
    """What the settings of `runs` come to in sentences, their summaries and what those say, and what drifted.

    Takes rows of `machines`, whether to `pool` sessions, the column to `sort` by, and how many `others` there
    are beside the sessions of `runs`.
    """
    from rich.text import Text

    from bench.analysis.contrasts import contrasts
    from bench.analysis.drift import drifts
    from bench.analysis.nodes import node_tables
    from bench.analysis.scaling import scalings
    from bench.analysis.sessions import session_facts
    from bench.analysis.summary import sort_by, summarise
    from bench.analysis.surface import surfaces
    from bench.views.contrasts import contrast_lines
    from bench.views.nodes import node_grids
    from bench.views.probe import drift_lines
    from bench.views.scaling import scaling_tables
    from bench.views.summary import summary_table
    from bench.views.surface import surface_grids

    if found := contrasts(runs):
        console.print(Text("\n".join([*contrast_lines(found), ""])))
    summaries = summarise(runs, pool)
    console.print(summary_table(sort_by(summaries, sort), session_facts(runs), others))
    console.print(surface_grids(surfaces(summaries, runs)))
    console.print(scaling_tables(scalings(runs)))
    console.print(node_grids(node_tables(runs)))
    for line in drift_lines(drifts(machines)):
        console.print(line)
