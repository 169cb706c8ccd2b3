"""`bench show`: the summary tables, and what they say of batch sizes, replicas and slow nodes."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Format, FormatOption, PathsArgument, WhereOption
from bench.cli.output import terminal, write
from bench.cli.prices import PriceOption, PricesOption, cost_text, costs_asked, prices_asked, with_costs
from bench.cli.scope import AllOption, PoolOption, check_scope, chosen
from bench.cli.summed_up import print_tables
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.records.run_table import RunTable
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
    every: AllOption = False,
    pool: PoolOption = False,
    price: PriceOption = None,
    prices: PricesOption = None,
    output: FormatOption = Format.table,
) -> None:
    """Sum up the newest session: per scenario times, accuracies, failures and flags. Default PATH: results.

    Of the sessions at or below PATH that hold a run for which --where holds, it is the one that began last; a
    PATH that is a session's own folder is shown in any case. --all shows every one, each with rows of its
    own. --pool makes one row of all of them for each scenario, machine and software: sessions of one machine
    differ by 2 to 10 % on shared machines, so that times are taken over sessions, never over all runs.

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
    check_scope(every, pool)
    asked = prices_asked(price, prices)
    if overhead:
        if asked:
            raise BenchError("--price: --overhead tells of time alone; leave one of the two out")
        _show_overhead(paths, where, sort, every or pool, output)
        return
    from bench.analysis.columns import OF_ONE_SESSION, TABLE_COLUMNS
    from bench.analysis.drift import MACHINE_COLUMNS
    from bench.analysis.summary import RUN_COLUMNS, sort_by, summarise
    from bench.records.run_table import RunTable
    from bench.views import summary as view
    from bench.views.cost import cost_tables
    from bench.views.visible import visible_table

    for_people = output in (Format.table, Format.md)
    shown_runs = TABLE_COLUMNS if every or pool else OF_ONE_SESSION
    columns: dict[TableName, tuple[str, ...]] = {"runs": shown_runs if for_people else RUN_COLUMNS}
    if output is Format.table:
        columns["machines"] = MACHINE_COLUMNS
    found = chosen(paths, where, with_costs(columns, asked), every or pool)
    shown = visible_table if for_people else lambda table: table
    table, machines = RunTable(shown(found.tables.runs)), shown(found.tables.machines)
    cost = costs_asked(table, machines, asked, not pool, found.others)
    if cost and not for_people and sort is not None:
        raise BenchError("--sort: costs come by scenario in csv and json; leave one of the two out")
    if output is Format.table:
        console = terminal()
        print_tables(console, table, machines.to_pylist(), pool, sort, found.others)
        if cost:
            console.print(cost_tables(cost))
    elif cost and not for_people:
        write(cost_text(cost, output))
    elif output is Format.md:
        below = cost_text(cost, output) if cost else ""
        write("\n".join(filter(None, (_markdown(table, pool, sort, found.others), below))))
    else:
        summaries = sort_by(summarise(table, pool), sort)
        write(view.as_csv(summaries) if output is Format.csv else view.as_json(summaries))


def _markdown(runs: "RunTable", pool: bool, sort: str | None, others: int) -> str:
    from bench.analysis.contrasts import contrasts
    from bench.analysis.nodes import node_tables
    from bench.analysis.scaling import scalings
    from bench.analysis.sessions import session_facts
    from bench.analysis.summary import sort_by, summarise
    from bench.analysis.surface import surfaces
    from bench.views.contrasts import contrast_lines
    from bench.views.export import markdown_words
    from bench.views.nodes import node_markdown
    from bench.views.scaling import scaling_markdown
    from bench.views.summary import as_markdown
    from bench.views.surface import surface_markdown

    summaries = summarise(runs, pool)
    parts = (
        *(f"{markdown_words(line)}\n" for line in contrast_lines(contrasts(runs))),
        as_markdown(sort_by(summaries, sort), session_facts(runs), others),
        surface_markdown(surfaces(summaries, runs)),
        scaling_markdown(scalings(runs)),
        node_markdown(node_tables(runs)),
    )
    return "\n".join(filter(None, parts))


def _show_overhead(
    paths: list[str] | None, where: str | None, sort: str | None, every: bool, output: Format
) -> None:
    from bench.analysis.overhead import MACHINE_COLUMNS, RUN_COLUMNS, overheads
    from bench.records.run_table import RunTable
    from bench.views import overhead as view
    from bench.views.visible import visible_table

    if sort is not None:
        raise BenchError("--sort: the parts of --overhead come the largest first; leave one of the two out")
    tables = chosen(paths, where, {"runs": RUN_COLUMNS, "machines": MACHINE_COLUMNS}, every).tables
    for_people = output in (Format.table, Format.md)
    table = RunTable(visible_table(tables.runs) if for_people else tables.runs)
    found = overheads(table, tables.machines.to_pylist(), whole=where is None)
    if output is Format.table:
        terminal().print(view.overhead_grids(found))
    elif output is Format.md:
        write(view.overhead_markdown(found))
    else:
        write(view.overhead_csv(found) if output is Format.csv else view.overhead_json(found))
