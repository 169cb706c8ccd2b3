"""`bench run`: a suite goes in, a recorded session and its summary come out."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import AddressOption, OnlyOption, RoundsOption, SetOption, parse_overrides
from bench.cli.output import say, terminal
from bench.cli.streams import streams
from bench.uri import local_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from bench.orchestration.session import Rules
    from bench.records.suite import Suite
    from bench.records.tables import Row


class OrderName(enum.StrEnum):
    """What --order takes."""

    shuffled = "shuffled"
    longest_first = "longest-first"


def run(
    suite: Annotated[Path, typer.Argument(metavar="SUITE", parser=local_path, help="A suite's TOML file.")],
    results: Annotated[
        Path,
        typer.Option(
            "--results", metavar="PATH", parser=local_path, help="The session's folder is made in here."
        ),
    ] = Path("results"),
    address: AddressOption = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="PATH",
            parser=local_path,
            help="MNIST or Fashion-MNIST: an npz file, or a folder of npz or IDX files.",
        ),
    ] = None,
    rounds: RoundsOption = None,
    only: OnlyOption = None,
    settings: SetOption = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=0.001, help="Seconds after which a run is ended."),
    ] = None,
    order: Annotated[
        OrderName,
        typer.Option("--order", help="In which order the runs of a round wait for their places."),
    ] = OrderName.shuffled,
    every_node: Annotated[
        bool, typer.Option("--every-node", help="Each scenario on each node, to find the slow ones.")
    ] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe/--no-probe", help="Whether to measure what each node can do at most, before and after."
        ),
    ] = True,
    cold_compile: Annotated[
        bool,
        typer.Option(
            "--cold-compile", help="Compile in every run, not only in a scenario's first one on each node."
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest session of this suite in --results.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Nothing but the summary.")] = False,
) -> None:
    """Run a suite: live progress, then the summary. Exit status 1 where some runs did not end ok.

    --rounds N makes exactly N rounds, whatever precision the suite asks for. --order longest-first ends
    sooner where runs are side by side: by earlier times, where the results have some, else by FLOPs.
    --resume runs what is missing, what was cancelled and what was lost, up to --rounds where that is more.
    """
    from bench.analysis.forecast import expected_seconds
    from bench.analysis.repetition import until
    from bench.cli.earlier import earlier_times
    from bench.cli.watchers import Display, Lines, Silent
    from bench.orchestration.launch import launch
    from bench.orchestration.scheduling.order import LongestFirst, Order
    from bench.orchestration.session import Rules
    from bench.orchestration.signals import held
    from bench.records.suite import read_suite
    from bench.views.visible import visible_row

    streams.spare = True
    chosen = read_suite(suite, parse_overrides(settings), rounds, timeout)
    chosen = chosen if only is None else chosen.only(only)
    console = terminal()
    watcher = (
        Silent() if quiet else Display(console, chosen) if console.is_terminal else Lines(console, chosen)
    )
    ordered = Order()
    if order is OrderName.longest_first:
        ordered = LongestFirst(expected_seconds(chosen.points, earlier_times(results, everywhere=True)))
    rules = Rules(until(chosen.measure.precision), ordered, every_node, probe, cold_compile)
    begun = _session_to_resume(console, chosen, results, rules, quiet) if resume else None
    with held(), watcher:
        outcome = launch(chosen, results, data, address, watcher, rules, begun)
    if outcome.rows:
        _sum_up(console, *(list(map(visible_row, rows)) for rows in (outcome.rows, outcome.machines)))
    say(console, f"Session: {outcome.folder}")
    if outcome.interrupted:
        raise KeyboardInterrupt
    if any(row["status"] != "ok" for row in outcome.rows):
        raise typer.Exit(1)


def _session_to_resume(
    console: "Console", suite: "Suite", results: Path, rules: "Rules", quiet: bool
) -> Path | None:
    from bench.records.resume import session_to_resume

    begun = session_to_resume(results, suite, rules.every_node)
    if not quiet:
        text = (
            f"Going on with {begun}" if begun else f"No session of {suite.name} in {results} yet: a new one"
        )
        say(console, text)
    return begun


def _sum_up(console: "Console", rows: "Sequence[Row]", machines: "Sequence[Row]") -> None:
    from bench.analysis.drift import drifts
    from bench.analysis.machines import rows_told_apart
    from bench.analysis.nodes import node_tables
    from bench.analysis.scaling import scalings
    from bench.analysis.summary import summarise
    from bench.analysis.surface import surfaces
    from bench.views.nodes import node_grids
    from bench.views.probe import drift_lines
    from bench.views.scaling import scaling_tables
    from bench.views.summary import summary_table
    from bench.views.surface import surface_grids

    rows, machines = rows_told_apart(rows, machines)
    console.print(summary_table(summarise(rows)))
    console.print(surface_grids(surfaces(rows)))
    console.print(scaling_tables(scalings(rows)))
    console.print(node_grids(node_tables(rows)))
    for line in drift_lines(drifts(machines)):
        console.print(line)
