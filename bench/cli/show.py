"""`bench show`: the summary tables, and what they say of batch sizes, replicas and slow nodes."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Format, FormatOption, PathsArgument, WhereOption
from bench.cli.output import terminal, write
from bench.cli.prices import PriceOption, PricesOption, cost_text, costs_asked, prices_asked, with_costs
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.records.tables import TableName


def show(
    paths: PathsArgument = None,
    where: WhereOption = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COL", help="Sort by a column; -COL for the largest first."),
    ] = None,
    overhead: Annotated[
        bool,
        typer.Option(
            "--overhead", help="Where each session's time went instead: training, and all the rest."
        ),
    ] = False,
    price: PriceOption = None,
    prices: PricesOption = None,
    output: FormatOption = Format.table,
) -> None:
    """Sum up recorded runs: per scenario the times, accuracies, failures and flags. Default PATH: results.

    Where a sweep has several batch sizes, several learning rates and a target accuracy, their grid follows:
    how soon each of them reached it. Where scenarios differ only in their replicas, tables of speed-up and
    efficiency follow; where one ran several times on each of several nodes, a table of slow nodes does.

    With prices a table of costs follows: of a run, and of one that gets to its target, failed ones paid for;
    and where several machines ran a scenario, who is on the front of time against cost. csv and json are that
    table alone then.

    --overhead tells of each session how much of its slots' time was training, evaluation, compilation,
    process starts, probes and waiting, and the overhead of a run.

    What cannot be read is left out, which standard error says; only where nothing is left it is an error.
    """
    asked = prices_asked(price, prices)
    if overhead:
        if asked:
            raise BenchError("--price: --overhead tells of time alone; leave one of the two out")
        _show_overhead(paths, where, sort, output)
        return
    from bench.analysis.columns import TABLE_COLUMNS
    from bench.analysis.drift import MACHINE_COLUMNS, drifts
    from bench.analysis.nodes import node_tables
    from bench.analysis.scaling import scalings
    from bench.analysis.summary import RUN_COLUMNS, sort_by, summarise
    from bench.analysis.surface import surfaces
    from bench.cli.recorded import recorded
    from bench.records.run_table import RunTable
    from bench.views import summary as view
    from bench.views.cost import cost_tables
    from bench.views.nodes import node_grids, node_markdown
    from bench.views.probe import drift_lines
    from bench.views.scaling import scaling_markdown, scaling_tables
    from bench.views.surface import surface_grids, surface_markdown
    from bench.views.visible import visible_table

    for_people = output in (Format.table, Format.md)
    columns: dict[TableName, tuple[str, ...]] = {"runs": TABLE_COLUMNS if for_people else RUN_COLUMNS}
    if output is Format.table:
        columns["machines"] = MACHINE_COLUMNS
    tables = recorded(paths, where, with_costs(columns, asked))
    shown = visible_table if for_people else lambda table: table
    table, machines = RunTable(shown(tables.runs)), shown(tables.machines)
    cost = costs_asked(table, machines, asked)
    if cost and not for_people:
        if sort is not None:
            raise BenchError("--sort: costs come by scenario in csv and json; leave one of the two out")
        write(cost_text(cost, output))
        return
    found = summarise(table)
    summaries = found if sort is None else sort_by(found, sort)
    if output is Format.table:
        console = terminal()
        console.print(view.summary_table(summaries))
        console.print(surface_grids(surfaces(found, table)))
        console.print(scaling_tables(scalings(table)))
        console.print(node_grids(node_tables(table)))
        if cost:
            console.print(cost_tables(cost))
        for line in drift_lines(drifts(machines.to_pylist())):
            console.print(line)
    elif output is Format.md:
        below = (
            surface_markdown(surfaces(found, table)),
            scaling_markdown(scalings(table)),
            node_markdown(node_tables(table)),
            cost_text(cost, output) if cost else "",
        )
        write("\n".join(filter(None, (view.as_markdown(summaries), *below))))
    else:
        write(view.as_csv(summaries) if output is Format.csv else view.as_json(summaries))


def _show_overhead(paths: list[str] | None, where: str | None, sort: str | None, output: Format) -> None:
    from bench.analysis.overhead import MACHINE_COLUMNS, RUN_COLUMNS, overheads
    from bench.cli.recorded import recorded
    from bench.records.run_table import RunTable
    from bench.views import overhead as view
    from bench.views.visible import visible_table

    if sort is not None:
        raise BenchError("--sort: the parts of --overhead come the largest first; leave one of the two out")
    tables = recorded(paths, where, {"runs": RUN_COLUMNS, "machines": MACHINE_COLUMNS})
    for_people = output in (Format.table, Format.md)
    table = RunTable(visible_table(tables.runs) if for_people else tables.runs)
    found = overheads(table, tables.machines.to_pylist(), whole=where is None)
    if output is Format.table:
        terminal().print(view.overhead_grids(found))
    elif output is Format.md:
        write(view.overhead_markdown(found))
    else:
        write(view.overhead_csv(found) if output is Format.csv else view.overhead_json(found))
