"""What people say that an hour of their machines costs, for the commands that tell costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Format

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.analysis.cost import Costs
    from bench.records.prices import Prices
    from bench.records.run_table import RunTable
    from bench.records.tables import TableName

PriceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        metavar="MACHINE=EUR_PER_HOUR",
        help="What a node costs for an hour, by its machine's name, its machine_id or four digits of it or "
        "more, or the node's name. Again for each machine.",
    ),
]
PricesOption = Annotated[
    str | None,
    typer.Option(
        "--prices",
        metavar="FILE",
        help='The same in a TOML file: currency = "EUR", and below [price] such lines as '
        '"Intel Xeon, 2 cores" = 0.12. --price goes before it.',
    ),
]


def prices_asked(price: Sequence[str] | None, file: str | None) -> "Prices | None":
    """The prices that the two options give; None without either. Raises BenchError for what is none."""
    if not price and file is None:
        return None
    from bench.records.prices import prices_of
    from bench.uri import local_path

    return prices_of(price or (), None if file is None else local_path(file))


def with_costs(
    columns: "Mapping[TableName, Sequence[str]]", prices: "Prices | None"
) -> "Mapping[TableName, Sequence[str]]":
    """The columns to read where costs are to be told beside what is made from `columns`."""
    if prices is None:
        return columns
    from bench.analysis.cost import MACHINE_COLUMNS, RUN_COLUMNS

    return {
        **columns,
        "runs": (*columns.get("runs", ()), *RUN_COLUMNS),
        "machines": (*columns.get("machines", ()), *MACHINE_COLUMNS),
    }


def costs_asked(
    runs: "RunTable",
    machines: "pa.Table",
    prices: "Prices | None",
    by_session: bool = False,
    others: int = 0,
) -> "Costs | None":
    """What the runs cost, on each machine or, `by_session`, in each session of each; None without prices.

    `others` is how many sessions are beside those of `runs`: a machine may be there.
    """
    if prices is None:
        return None
    from bench.analysis.cost import costs
    from bench.analysis.machine_sides import machine_sides
    from bench.errors import UnknownMachineError
    from bench.views.format import several

    try:
        return costs(machine_sides(runs, by_session), machines.to_pylist(), prices)
    except UnknownMachineError as error:
        if not others:
            raise
        raise UnknownMachineError(
            f"{error}; {several(others, 'other session')} left out, which --pool has"
        ) from error


def cost_text(found: "Costs", output: Format) -> str:
    """The same as csv, md or json."""
    from bench.views import cost as view

    texts = {Format.csv: view.cost_csv, Format.md: view.cost_markdown, Format.json: view.cost_json}
    return texts[output](found)
