"""`bench show`: the summary tables."""

from typing import Annotated

import typer

from bench.cli.options import Format, FormatOption
from bench.cli.output import terminal, write
from bench.errors import BenchError


def show(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="Session folders, or folders of them.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="EXPR", help="Only runs for which it holds, e.g. 'batch_size > 10'."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COL", help="Sort by a column; -COL for the largest first."),
    ] = None,
    output: FormatOption = Format.table,
) -> None:
    """Sum up recorded runs: per scenario the times, accuracies, failures and flags. Default PATH: results."""
    from bench.analysis.summary import sort_by, summarise
    from bench.records.store import read_sessions
    from bench.records.tables import plain_rows
    from bench.views import summary as view

    runs = read_sessions(paths or ["results"]).runs
    if not runs.num_rows:
        raise BenchError(f"{', '.join(paths or ['results'])}: no run has ended there yet; look again later")
    if where is not None:
        from bench.analysis.frame import where as holds

        runs = holds(runs, where)
    summaries = summarise(plain_rows(runs))
    if sort is not None:
        summaries = sort_by(summaries, sort)
    if output is Format.table:
        terminal().print(view.summary_table(summaries))
        return
    text = {Format.csv: view.as_csv, Format.md: view.as_markdown, Format.json: view.as_json}[output](
        summaries
    )
    write(text)
