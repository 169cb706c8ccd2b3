"""`bench report`: recorded sessions as one page for a browser."""

from typing import Annotated

import typer

from bench.cli.options import PathsArgument, WhereOption
from bench.cli.output import say, terminal, write
from bench.cli.prices import PriceOption, PricesOption, costs_asked, prices_asked, with_costs
from bench.cli.streams import is_output, streams
from bench.uri import local_path, scheme_of


def report(
    paths: PathsArgument = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page; - is standard output. One that is there is replaced.",
        ),
    ] = "report.html",
    where: WhereOption = None,
    price: PriceOption = None,
    prices: PricesOption = None,
) -> None:
    """Write recorded runs as one page with tables and plots. Default PATH: results.

    Of each suite the newest session on each machine is shown in full; times over all sessions follow, where
    each session counts once. The page holds all that it needs and opens in any browser, without a network.
    With prices it has a figure of time against cost, and a table of costs.
    """
    from bench.analysis.findings import REPORTED, findings
    from bench.cli.recorded import recorded
    from bench.records.run_table import RunTable
    from bench.views.report import report_page
    from bench.views.visible import visible_table

    if output.startswith("~") or scheme_of(output):
        output = str(local_path(output))
    asked = prices_asked(price, prices)
    tables = recorded(paths, where, with_costs(REPORTED, asked))
    runs, epochs, machines = map(visible_table, (tables.runs, tables.epochs, tables.machines))
    table, rows = RunTable(runs), machines.to_pylist()
    page = report_page(findings(table, epochs, rows), costs_asked(table, machines, asked))
    if output == "-" or is_output(output):
        write(page)
        return
    _write(output, page)
    streams.spare = True
    say(terminal(), f"Report: {output}")


def _write(output: str, page: str) -> None:
    from bench.errors import BenchError, reason
    from bench.files import replacing

    try:
        with replacing(output) as file:
            file.write(page.encode(errors="replace"))
    except OSError as error:
        raise BenchError(
            f"{output or repr(output)}: cannot be written: {reason(error)}; give another file by -o"
        ) from error
