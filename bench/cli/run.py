"""`bench run`: a suite goes in, a recorded session and its summary come out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import OnlyOption, RoundsOption, SetOption, parse_overrides
from bench.cli.output import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from bench.records.tables import Row


def run(
    suite: Annotated[Path, typer.Argument(metavar="SUITE", help="A suite's TOML file.")],
    results: Annotated[Path, typer.Option("--results", help="The session's folder is made in here.")] = Path(
        "results"
    ),
    address: Annotated[
        str | None, typer.Option("--address", help="A Ray cluster to join, in place of starting one here.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="MNIST or Fashion-MNIST: an npz file, or a folder of npz or IDX files."),
    ] = None,
    rounds: RoundsOption = None,
    only: OnlyOption = None,
    settings: SetOption = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=0.001, help="Seconds after which a run is ended."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Nothing but the summary.")] = False,
) -> None:
    """Run a suite: live progress, then the summary. Exit status 1 where some runs did not end ok.

    --rounds N makes exactly N rounds, whatever precision the suite asks for.
    """
    from bench.analysis.repetition import until
    from bench.cli.watchers import Display, Lines, Silent
    from bench.orchestration.launch import launch
    from bench.records.suite import read_suite

    chosen = read_suite(suite, parse_overrides(settings), rounds, timeout)
    chosen = chosen.only(only) if only else chosen
    console = terminal()
    watcher = (
        Silent() if quiet else Display(console, chosen) if console.is_terminal else Lines(console, chosen)
    )
    with watcher:
        outcome = launch(chosen, results, data, address, watcher, until(chosen.measure.precision))
    if outcome.rows:
        _sum_up(console, outcome.rows, outcome.machines)
    console.print(f"Session: {outcome.folder}", markup=False, highlight=False, soft_wrap=True)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if any(row["status"] != "ok" for row in outcome.rows):
        raise typer.Exit(1)


def _sum_up(console: "Console", rows: "Sequence[Row]", machines: "Iterable[Row]") -> None:
    from bench.analysis.drift import drifts
    from bench.analysis.summary import summarise
    from bench.analysis.surface import surfaces
    from bench.views.probe import drift_lines
    from bench.views.summary import summary_table
    from bench.views.surface import surface_grids

    console.print(summary_table(summarise(rows)))
    console.print(surface_grids(surfaces(rows)))
    for line in drift_lines(drifts(machines)):
        console.print(line)
