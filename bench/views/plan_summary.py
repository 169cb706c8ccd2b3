"""A forecast of more scenarios than anybody reads: a row per sweep, and what varies in it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.forecast import Forecast, PlannedScenario
from bench.analysis.settings import NAMES, setting_text
from bench.views.format import count, operations, several
from bench.views.visible import visible

MOST_NAMED = 4
"""So many values of an axis are named; of more its ends, or the first of them."""


def sweep_tables(forecast: Forecast) -> RenderableType:
    """The sweeps, their numbers of scenarios and from what to what a run in them goes, then their axes."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("sweep", overflow="fold")
    for name in ("scenarios", "weights", "steps", "work per step"):
        table.add_column(name, justify="right")
    lines = []
    for sweep, members in groupby(forecast.scenarios, key=lambda planned: planned.sweep):
        its, heading = list(members), Text(visible(sweep), "bold cyan")
        table.add_row(
            heading,
            count(len(its)),
            _ends((planned.parameters for planned in its), count),
            _ends((planned.steps for planned in its), count),
            _ends((planned.flops / planned.steps for planned in its), operations),
        )
        if len(its) > 1:
            lines.append(Text.assemble(heading, ": ", " × ".join(_axes(its))))
    return Group(table, Text(), *lines)


def _axes(members: Sequence[PlannedScenario]) -> Iterator[str]:
    for name in NAMES:
        values = dict.fromkeys(getattr(planned.scenario, name) for planned in members)
        if len(values) > 1:
            yield f"{name} ({_values(list(values))})"


def _values(values: list[object]) -> str:
    if len(values) <= MOST_NAMED:
        return ", ".join(map(_text, values))
    number = several(len(values), "value")
    if numbers := [value for value in values if isinstance(value, int | float)]:
        return f"{number} from {_text(min(numbers))} to {_text(max(numbers))}"
    return f"{number}: {', '.join(map(_text, values[:MOST_NAMED]))}, …"


def _text(value: object) -> str:
    return visible(setting_text(value))


def _ends(values: Iterable[float], form: Callable[[float], str]) -> str:
    found = sorted(values)
    least, most = form(found[0]), form(found[-1])
    return least if least == most else f"{least} to {most}"
