"""`bench compare`: how the times of each side stand to those of the first."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.gate import FailIfOption, JunitOption, Undecided, UndecidedOption, end, parse_rules
from bench.cli.options import Format, FormatOption, WhereOption
from bench.cli.output import terminal, write
from bench.cli.prices import PriceOption, PricesOption, prices_asked, with_costs
from bench.cli.recorded import Columns, warn
from bench.cli.sides import Asked, sides_of
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.analysis.cost import Costs
    from bench.analysis.sides import Side
    from bench.records.prices import Prices


class MetricName(StrEnum):
    """What can be compared: times, and the energy and money that runs took."""

    step_seconds = "step_seconds"
    train_seconds = "train_seconds"
    wall_seconds = "wall_seconds"
    target_seconds = "target_seconds"
    energy_joules = "energy_joules"
    cost = "cost"


def compare(
    sides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SIDE",
            help="A session, a folder of some, or a machine in results; with --a or --by, where to choose.",
        ),
    ] = None,
    a: Annotated[
        str | None, typer.Option("--a", metavar="EXPR", help="The runs for which it holds are the reference.")
    ] = None,
    b: Annotated[
        list[str] | None,
        typer.Option("--b", metavar="EXPR", help="Those for which it holds are held against it; repeatable."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="COLUMN", help="A side for each value of a column: loop, precision, node, …"
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="SIDE", help="Which side the others are held against."),
    ] = None,
    where: WhereOption = None,
    metric: Annotated[
        MetricName | None,
        typer.Option(
            "--metric",
            metavar="METRIC",
            help="What to compare, in place of each scenario's usual time: step_seconds, train_seconds, "
            "wall_seconds, target_seconds, energy_joules, or cost.",
        ),
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of every interval.")] = 0.95,
    delta: Annotated[
        float, typer.Option("--delta", help="Margin within which times count as the same.")
    ] = 0.01,
    force: Annotated[
        bool, typer.Option("--force", help="Compare even what makes times incomparable.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--full", help="Every scenario, however many there are.")
    ] = False,
    price: PriceOption = None,
    prices: PricesOption = None,
    fail_if: FailIfOption = None,
    undecided: UndecidedOption = Undecided.error,
    junit: JunitOption = None,
    output: FormatOption = Format.table,
) -> None:
    """Compare each side with the first one, scenario by scenario and overall.

    Sides are sessions, folders of them, machines, or sets of runs within one: --by loop holds the values of a
    column against each other, --a and --b the runs that conditions choose.

    Within one session, which is best, every run counts. Between machines, software or days whole sessions
    do: four a side at least, since what a session has in common moves all its runs alike.

    With prices a table of costs follows, and --metric cost compares those of ok runs.

    With --fail-if it is a gate: exit status 1 where a rule's interval shows that it holds, 3 where it cannot
    tell, 0 where it shows that it does not.
    """
    from bench.analysis.comparison import RUN_COLUMNS, Options
    from bench.analysis.comparison import compare as compare_sides
    from bench.records.tables import schema_of
    from bench.views import comparison as view
    from bench.views.cost import cost_markdown, cost_tables

    rules = parse_rules(fail_if, junit)
    for_people = output in (Format.table, Format.md)
    paying = prices_asked(price, prices)
    costs_compared = metric is MetricName.cost or any(rule.quantity == "cost" for rule in rules)
    if paying is None and costs_compared:
        raise BenchError("cost: no prices; give --price MACHINE=EUR_PER_HOUR, or --prices FILE")
    asked = Asked(sides or [], a, b or [], by, where, reference, paying)
    columns: Columns = {"runs": RUN_COLUMNS, "machines": schema_of("machines").names}
    first, *others = sides_of(asked, with_costs(columns, paying), for_people)
    options: Options = {
        "confidence": confidence,
        "delta": delta,
        "metric": metric.value if metric else None,
        "force": force,
    }
    found = compare_sides(first, others, **options)
    letters = view.side_letters(found)
    if output is Format.table:
        console = terminal()
        console.print(view.comparison_table(found, everything))
        if paying:
            console.print(cost_tables(_costs([first, *others], paying), letters))
    else:
        forms = {Format.csv: view.as_csv, Format.md: view.as_markdown, Format.json: view.as_json}
        below = cost_markdown(_costs([first, *others], paying), letters) if paying and for_people else ""
        write("\n".join(filter(None, (forms[output](found), below))))
        if paying and not (for_people or costs_compared):
            warn(
                [f"--format {output.value}: has no costs unless --metric cost compares them; table and md do"]
            )
    if rules:
        from bench.analysis.gate import judgements

        status = end(judgements(rules, first, others, **options), undecided, junit, output)
        if status:
            raise typer.Exit(status)


def _costs(sides: "list[Side]", prices: "Prices") -> "Costs":
    """What the runs of each side cost, and who is on the front of time against cost."""
    from bench.analysis.cost import costs

    machines = [row for side in sides for row in side.machines]
    return costs({side.name: side.runs for side in sides}, machines, prices)
