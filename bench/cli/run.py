"""`bench run`: a suite goes in, a recorded session and its summary come out."""

import enum
import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    AddressOption,
    OnlyOption,
    RoundsOption,
    SessionsOption,
    SetOption,
    parse_overrides,
)
from bench.cli.output import say, terminal
from bench.cli.series import Course, pool_line
from bench.cli.streams import streams
from bench.errors import ClusterLostError, StoreError
from bench.uri import ResultsAt, local_path, results_at

if TYPE_CHECKING:
    from rich.console import Console

    from bench.cli.kept import Kept
    from bench.cli.watchers import Silent
    from bench.orchestration.launch import Outcome
    from bench.orchestration.scheduling.policy import Order
    from bench.orchestration.session import Rules
    from bench.records.suite import Suite


class OrderName(enum.StrEnum):
    """What --order takes."""

    shuffled = "shuffled"
    longest_first = "longest-first"


def run(
    suite: Annotated[Path, typer.Argument(metavar="SUITE", parser=local_path, help="A suite's TOML file.")],
    results: Annotated[
        ResultsAt,
        typer.Option(
            "--results",
            metavar="PATH",
            parser=results_at,
            help="The session's folder is made in here, on this machine or elsewhere (s3://…).",
        ),
    ] = ResultsAt(Path("results")),  # noqa: B008 -- frozen
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
    sessions: SessionsOption = None,
    only: OnlyOption = None,
    settings: SetOption = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", min=0.001, help="Seconds after which a run is ended."),
    ] = None,
    order: Annotated[
        OrderName,
        typer.Option("--order", help="In which order the runs of a round wait for their slots."),
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
    twins: Annotated[
        bool, typer.Option("--twins", help="A node may run several rounds of a scenario at once.")
    ] = False,
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

    --sessions N makes N sessions in a row, each in fresh processes and on a fresh Ray (with --address: a
    fresh driver and workers; the cluster's Ray stays). An interrupt or a lost cluster ends the row, runs that
    do not end ok do not. --resume goes on with its newest session, then makes those that are missing.
    """
    from bench.analysis.repetition import until
    from bench.cli.kept import kept_at
    from bench.cli.recorded import warn
    from bench.orchestration.launch import launch
    from bench.orchestration.session import Rules
    from bench.orchestration.signals import held
    from bench.records.suite import read_suite

    streams.spare = True
    course = Course.taken_up(sessions)
    chosen = read_suite(suite, parse_overrides(settings), rounds, timeout)
    chosen = chosen if only is None else chosen.only(only)
    console = terminal()
    tell = _tells_nothing if quiet else functools.partial(say, console)
    watcher, ordered = _watcher(console, chosen, quiet), _order(order, chosen, results)
    rules = Rules(until(chosen.measure.precision), ordered, every_node, probe, twins, cold_compile)
    with course.told_where_cut(tell):
        with kept_at(results) as place:
            begun = None if course.again or not resume else _to_resume(tell, chosen, place, rules)
            if begun:
                course.go_on_with(begun, sessions)
            course.check(suite, chosen)
            course.tell(tell)
            place.upload_left()
            rules = replace(rules, series=course.series)
            with held(), watcher:
                outcome = launch(chosen, place.folder, data, address, watcher, rules, begun, place.begin)
            if outcome.runs:
                _sum_up(console, outcome)
            warn(outcome.notes)
            left = place.finish(tell)
            say(console, f"Session: {outcome.folder if left else place.named(outcome.folder)}")
        _check_end(outcome, left)
        course.ended(outcome.folder.name, bool(outcome.not_ok))
    if len(course.series.before) > 1:
        say(console, pool_line([place.named(place.folder / name) for name in course.series.before]))
    if course.not_ok:
        raise typer.Exit(1)


def _tells_nothing(_line: str) -> None:
    """For --quiet."""


def _watcher(console: "Console", suite: "Suite", quiet: bool) -> "Silent":
    from bench.cli.watchers import Display, Lines, Silent

    if quiet:
        return Silent()
    return Display(console, suite) if console.is_terminal else Lines(console, suite)


def _order(order: OrderName, suite: "Suite", results: ResultsAt) -> "Order":
    from bench.analysis.forecast import expected_seconds
    from bench.cli.earlier import earlier_times
    from bench.orchestration.scheduling.policy import LongestFirst, Order

    if order is OrderName.shuffled:
        return Order()
    return LongestFirst(expected_seconds(suite.points, earlier_times(results, everywhere=True)))


def _check_end(outcome: "Outcome", left: str | None) -> None:
    """Raises where the session was cut, or where not all of it is where it should be: `left` says so."""
    from bench.cli.recorded import warn

    if left and (outcome.interrupted or outcome.lost):
        warn([left])
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.lost:
        raise ClusterLostError(f"{outcome.lost}; {outcome.lost.remedy}")
    if left:
        raise StoreError(left)


def _to_resume(tell: Callable[[str], None], suite: "Suite", place: "Kept", rules: "Rules") -> Path | None:
    begun = place.session_to_resume(suite, rules.every_node)
    there = f"Going on with {place.named(begun)}" if begun else ""
    tell(there or f"No session of {suite.name} in {place.where} yet: a new one")
    return begun


def _sum_up(console: "Console", outcome: "Outcome") -> None:
    """What `bench show` would say of the session, and where its time went."""
    from bench.analysis.columns import SUMMED_UP, SUMMED_UP_MACHINES
    from bench.analysis.overhead import overheads
    from bench.cli.recorded import recorded
    from bench.cli.summed_up import print_tables
    from bench.records.run_table import RunTable
    from bench.views.overhead import overhead_lines
    from bench.views.visible import visible_table

    whole = [str(outcome.folder.absolute())]
    tables = recorded(whole, None, {"runs": SUMMED_UP, "machines": SUMMED_UP_MACHINES})
    runs, machines = RunTable(visible_table(tables.runs)), visible_table(tables.machines).to_pylist()
    print_tables(console, runs, machines)
    for overhead in overheads(runs, machines):
        for told in overhead_lines(overhead, outcome.spent):
            say(console, told)
