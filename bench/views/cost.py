"""Costs as a table for the terminal, and as Markdown, CSV and JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.cost import Costs, ScenarioCost
from bench.analysis.typical import Estimate
from bench.views.cost_columns import FRONT, SCENARIO, CostColumn, columns_of
from bench.views.cost_words import cost_legend, cost_sentences, side_lines
from bench.views.export import csv_text, json_text
from bench.views.sheet import Sheet, as_markdown
from bench.views.width import ByWidth

LEAST_NAME, MOST_NAME = 18, 60
"""Columns that a scenario's name has, at least, before others give way, and at most."""
_ESTIMATES = (
    *("seconds", "cost", "target_seconds", "target_cost"),
    *("energy_joules", "energy_joules_per_million_samples"),
)
_COUNTS = (
    *("suite", "sweep", "label", "scenario_id", "machine", "sessions", "session_id", "runs", "ok"),
    *("target_accuracy", "target_reached", "at_least_runs", "lost_attempts", "currency", "price_per_hour"),
    "paid",
)
COLUMNS = (
    *_COUNTS,
    *(f"{name}{end}" for name in _ESTIMATES for end in ("", "_low", "_high")),
    *("front", "behind", "front_unit"),
)
"""Of CSV and JSON: SI units and the currency's own, an hour for a price."""


def cost_tables(found: Costs, letters: Mapping[str, str] | None = None) -> RenderableType:
    """The table with the columns that fit, then the sides with their prices, and what is to be said.

    Begins with a blank line: it stands below the summaries. Nothing for no scenario. `letters` are what the
    sides go by above it, where they do.
    """
    return Group(*_parts(found, letters or side_numbers(found)))


def cost_sheet(found: Costs, letters: Mapping[str, str] | None = None) -> Sheet:
    """The table in words, with all that is to be said of it."""
    numbers = letters or side_numbers(found)
    columns = [SCENARIO, *columns_of(found.scenarios, numbers)]
    sides = (f"{number}: {words}" if number else words for number, words in side_lines(found, numbers))
    return Sheet(
        "Cost",
        f"in {found.currency}",
        tuple(column.title for column in columns),
        tuple(tuple(column.cell(cost) for column in columns) for cost in found.scenarios),
        (*sides, *cost_sentences(found)),
    )


def cost_markdown(found: Costs, letters: Mapping[str, str] | None = None) -> str:
    """A line in bold, the table, sentences and a legend; empty for no scenario."""
    return f"{as_markdown(cost_sheet(found, letters))}\n{cost_legend(found)}\n" if found.scenarios else ""


def cost_csv(found: Costs) -> str:
    """One line for each scenario and side, every figure as a plain number."""
    return csv_text(COLUMNS, [_plain(cost, found.currency) for cost in found.scenarios])


def cost_json(found: Costs) -> str:
    """A list of objects under the same names."""
    return json_text([_plain(cost, found.currency) for cost in found.scenarios])


def side_numbers(found: Costs) -> dict[str, str]:
    """A number for each side where there are several."""
    names = sorted({cost.side for cost in found.scenarios})
    return {name: str(number) for number, name in enumerate(names, start=1)} if len(names) > 1 else {}


def _parts(found: Costs, numbers: Mapping[str, str]) -> Iterator[RenderableType]:
    if not found.scenarios:
        return
    for (suite, sweep), members in groupby(found.scenarios, key=lambda cost: (cost.suite, cost.sweep)):
        yield Text()
        yield Text.assemble((f"Cost in {found.currency}", "bold cyan"), f": {suite} · {sweep}")
        yield _table(list(members), numbers)
    yield Text()
    for number, words in side_lines(found, numbers):
        yield Text.assemble((f"on {number}  " if number else "", "bold"), words)
    if sentences := list(cost_sentences(found)):
        yield Text()
        yield from (Text(sentence, "yellow") for sentence in sentences)
    yield Text()
    yield Text(cost_legend(found), "dim")


def _table(costs: Sequence[ScenarioCost], numbers: Mapping[str, str]) -> RenderableType:
    """Of one sweep: labels tell its scenarios apart."""
    columns = [replace(SCENARIO, cell=lambda cost: cost.label), *columns_of(costs, numbers)]

    def render(width: int) -> Table:
        shown = _fitting(costs, columns, width)
        rows = [[column.cell(cost) for column in shown] for cost in costs]
        return _grid(shown, rows)

    return ByWidth(render)


def _grid(columns: Iterable[CostColumn], rows: Iterable[Sequence[str]]) -> Table:
    grid = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "left" if column.words else "right"
        grid.add_column(column.title, justify=justify, no_wrap=not column.words, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, _style(cell)) for cell in row))
    return grid


def _fitting(costs: Sequence[ScenarioCost], columns: Sequence[CostColumn], width: int) -> list[CostColumn]:
    """Those for which there is room beside a name of some length."""
    sizes = {column: max(map(len, (column.title, *map(column.cell, costs)))) for column in columns}
    names = sum(min(size, LEAST_NAME) for column, size in sizes.items() if column.words)
    shown = list(columns)
    while sum(sizes[c] for c in shown if not c.words) + names + 2 * len(shown) - 2 > width:
        last = max(shown, key=lambda column: column.rank)
        if last.rank == 0:
            break
        shown.remove(last)
    return shown


def _style(cell: str) -> str:
    if cell == FRONT:
        return "bold green"
    return "red" if cell.startswith("behind ") else ""


def _plain(cost: ScenarioCost, currency: str | None) -> dict[str, Any]:
    standing = cost.standing
    figures: Mapping[str, Any] = {
        f"{name}{end}": read(getattr(cost, name)) for name in _ESTIMATES for end, read in _ENDS.items()
    }
    return {
        **{name: value for name, value in asdict(cost).items() if name in _COUNTS},
        "machine": cost.side,
        "at_least_runs": cost.at_least,
        "lost_attempts": cost.lost,
        "currency": currency,
        "price_per_hour": cost.per_hour,
        **figures,
        "front": standing.place if standing else None,
        "behind": standing.behind if standing else None,
        "front_unit": standing.unit if standing else None,
    }


_ENDS: Mapping[str, Callable[[Estimate | None], float | None]] = {
    "": lambda estimate: estimate.value if estimate else None,
    "_low": lambda estimate: estimate.low if estimate else None,
    "_high": lambda estimate: estimate.high if estimate else None,
}
