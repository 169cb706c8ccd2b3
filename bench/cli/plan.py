"""`bench plan`: the scenarios of a suite, what each needs, what the sweep will take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.earlier import earlier_times
from bench.cli.options import (
    AddressOption,
    OnlyOption,
    RoundsOption,
    SessionsOption,
    SetOption,
    parse_overrides,
)
from bench.cli.output import terminal
from bench.uri import ResultsAt, local_path, results_at

if TYPE_CHECKING:
    from bench.orchestration.scheduling.request import Node


def plan(
    suite: Annotated[Path, typer.Argument(metavar="SUITE", parser=local_path, help="A suite's TOML file.")],
    rounds: RoundsOption = None,
    sessions: SessionsOption = None,
    only: OnlyOption = None,
    settings: SetOption = None,
    address: AddressOption = None,
    results: Annotated[
        ResultsAt,
        typer.Option(
            "--results",
            metavar="PATH",
            parser=results_at,
            help="Where earlier times are looked for, two levels deep.",
        ),
    ] = ResultsAt(Path("results")),  # noqa: B008 -- frozen
) -> None:
    """Show a suite's scenarios, what each needs, and what running it will take. Starts no run.

    It names what this machine, or with --address the cluster there, could never hold. --rounds N makes
    exactly N rounds, whatever precision the suite asks for.
    """
    from bench.analysis.forecast import forecast
    from bench.orchestration.on_ray.start import LOCAL, wanted_address
    from bench.orchestration.scheduling.feasibility import impossible, this_machine
    from bench.records.suite import read_suite
    from bench.views.plan import plan_table

    chosen = read_suite(suite, parse_overrides(settings), rounds)
    chosen = chosen if only is None else chosen.only(only)
    planned = forecast(chosen.points, chosen.measure, earlier_times(results), sessions or 1)
    named = wanted_address(address)
    nodes = _nodes(address) if named != LOCAL else (this_machine(),)
    hopeless = impossible(chosen.points, nodes, chosen.measure.exclusive)
    where = "this machine" if named == LOCAL else f"the {len(nodes)} nodes at {named}"
    slices = [name for node in nodes for name in node.slices]
    terminal().print(plan_table(planned, chosen.title, hopeless, where, slices))


def _nodes(address: str | None) -> "tuple[Node, ...]":
    """The nodes of the cluster, which costs the start of Ray in this process."""
    from bench.orchestration.on_ray.cluster import inspect_nodes, ray_cluster

    with ray_cluster(address):
        nodes, _ = inspect_nodes()
        return nodes
