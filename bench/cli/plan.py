"""`bench plan`: the scenarios of a suite, what each needs, what the sweep will take."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import OnlyOption, RoundsOption, SetOption, parse_overrides
from bench.cli.output import terminal


def plan(
    suite: Annotated[Path, typer.Argument(metavar="SUITE", help="A suite's TOML file.")],
    rounds: RoundsOption = None,
    only: OnlyOption = None,
    settings: SetOption = None,
    results: Annotated[Path, typer.Option("--results", help="Where earlier times are looked for.")] = Path(
        "results"
    ),
) -> None:
    """Show a suite's scenarios, what each needs, and what running it will take. Starts nothing.

    --rounds N makes exactly N rounds, whatever precision the suite asks for.
    """
    from bench.analysis.forecast import forecast
    from bench.records.suite import read_suite
    from bench.views.plan import plan_table

    chosen = read_suite(suite, parse_overrides(settings), rounds)
    chosen = chosen.only(only) if only else chosen
    planned = forecast(chosen.points, chosen.measure, _earlier(results))
    terminal().print(plan_table(planned, chosen.title))


def _earlier(results: Path) -> dict[str, float]:
    """Times of runs recorded on this node; none where there are no results yet."""
    if not results.is_dir() or not any(results.iterdir()):
        return {}
    import platform

    from bench.analysis.forecast import earlier_seconds
    from bench.errors import StoreError
    from bench.records.store import read_sessions
    from bench.records.tables import plain_rows

    try:
        return earlier_seconds(plain_rows(read_sessions([str(results)]).runs), platform.node())
    except StoreError:  # no session there yet, or one that `bench show` explains
        return {}
