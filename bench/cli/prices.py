"""What people say that an hour of their machines costs, for the commands that tell costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Format

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

    from bench.analysis.energy import ScenarioEnergy
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
    columns: "Mapping[TableName, Sequence[str]]", prices: "Prices | None", energy: bool
) -> "dict[TableName, tuple[str, ...]]":
    """The columns to read where costs are to be told beside `columns`, or, without prices, `energy` alone."""
    found = {name: tuple(of) for name, of in columns.items()}
    if prices is None and not energy:
        return found
    from bench.analysis import cost
    from bench.analysis.energy import ENERGY_COLUMNS

    more = ENERGY_COLUMNS if prices is None else cost.RUN_COLUMNS
    found["runs"] = tuple(dict.fromkeys([*found.get("runs", ()), *more]))
    found["machines"] = tuple(dict.fromkeys([*found.get("machines", ()), *cost.MACHINE_COLUMNS]))
    return found


def cost_parts(runs: "RunTable", machines: "pa.Table", prices: "Prices | None") -> "RenderableType":
    """What the runs cost, for a terminal; without prices what their training took in energy."""
    from bench.analysis.cost import costs, machine_sides
    from bench.views import cost as view
    from bench.views.energy import energy_grids

    if prices is None:
        return energy_grids(_energies(runs, machines))
    return view.cost_tables(costs(machine_sides(runs), machines.to_pylist(), prices))


def cost_text(runs: "RunTable", machines: "pa.Table", prices: "Prices | None", output: Format) -> str:
    """The same in another format; energy in Markdown alone, since the summaries have its column elsewhere."""
    from bench.analysis.cost import costs, machine_sides
    from bench.views import cost as view
    from bench.views.energy import energy_markdown

    if prices is None:
        return energy_markdown(_energies(runs, machines))
    found = costs(machine_sides(runs), machines.to_pylist(), prices)
    if output is Format.md:
        return view.cost_markdown(found)
    return view.cost_csv(found) if output is Format.csv else view.cost_json(found)


def _energies(runs: "RunTable", machines: "pa.Table") -> "list[ScenarioEnergy]":
    from bench.analysis.cost import machine_sides
    from bench.analysis.energy import energies

    if not runs.numbers("energy_joules").known.any():
        return []
    return energies(machine_sides(runs), machines.to_pylist())
