"""The table of several contenders: each one's ratio to the reference, side by side."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from bench.analysis.comparison import Comparison, Overall, ScenarioComparison
from bench.views.comparison import words
from bench.views.comparison.one_table import empty_table, two_lines
from bench.views.comparison.rows import IN_ORDER
from bench.views.format import NONE, ratio, span

NAME_WIDTH, COLUMN_WIDTH = 26, 21
"""What a scenario's name, and a contender's column, take of the terminal's columns at least and at most."""
TIME_WIDTH = 9
_AGAINST = {"faster": "slower", "slower": "faster"}


@dataclass(frozen=True)
class Line:
    """A scenario of the reference, and how each contender stands to it; None where one does not have it."""

    label: str
    cells: tuple[ScenarioComparison | None, ...]

    @property
    def of_reference(self) -> str:
        """The reference's median time, or energy."""
        known = (words.amount(cell.a.seconds, cell.metric) for cell in self.cells if cell is not None)
        return next(known, NONE)


def lines(comparisons: Sequence[Comparison]) -> list[Line]:
    """Every scenario that any contender shares with the reference, in the order of appearance."""
    found: dict[Hashable, list[ScenarioComparison | None]] = {}
    for number, comparison in enumerate(comparisons):
        for scenario in comparison.scenarios:
            key = (scenario.label, *sorted((name, str(value)) for name, value in scenario.settings.items()))
            found.setdefault(key, [None] * len(comparisons))[number] = scenario
    return [Line(_label(cells), tuple(cells)) for cells in found.values()]


def _label(cells: Sequence[ScenarioComparison | None]) -> str:
    return next(cell.label for cell in cells if cell is not None)


def shown(comparisons: Sequence[Comparison], found: Sequence[Line], everything: bool) -> list[Line]:
    """Those that there is room for: the most surprising first where there are many."""
    if len(found) <= IN_ORDER:
        return list(found)
    overalls = [words.overall_by(comparison, words.usual_metric(comparison)) for comparison in comparisons]
    ordered = sorted(found, key=lambda line: max(map(_surprise, line.cells, overalls)), reverse=True)
    return ordered if everything else ordered[:IN_ORDER]


def _surprise(cell: ScenarioComparison | None, overall: Overall | None) -> tuple[int, float]:
    """Against the whole first, then what failed; then by the distance from the contender's mean."""
    if cell is None:
        return 0, 0.0
    against = overall is not None and cell.verdict == _AGAINST.get(overall.verdict)
    failed = cell.verdict in ("failed", "refused")
    mean = overall.ratio if overall and overall.ratio else 1.0
    known = cell.ratio is not None and 0 < cell.ratio < math.inf
    return 2 * against + failed, abs(math.log((cell.ratio or 1.0) / mean)) if known else 0.0


def many_tables(comparisons: Sequence[Comparison], found: Sequence[Line], width: int) -> Iterator[Table]:
    """One table, or several below each other where the contenders' columns do not fit into the width."""
    most = max(1, (width - NAME_WIDTH - TIME_WIDTH) // COLUMN_WIDTH)
    each = math.ceil(len(comparisons) / math.ceil(len(comparisons) / most))
    for first in range(0, len(comparisons), each):
        title = words.table_title(comparisons) if first == 0 else ""
        yield _table(title, comparisons, range(first, min(first + each, len(comparisons))), found)


def _table(title: str, comparisons: Sequence[Comparison], places: range, found: Sequence[Line]) -> Table:
    table = empty_table(title, SIMPLE_HEAD)
    table.add_column("scenario", ratio=1, overflow="fold", min_width=NAME_WIDTH - 1)
    table.add_column("A", justify="right", no_wrap=True)
    for place in places:
        heading = two_lines(f"{words.letters(place)}/A", _heading(comparisons[place].b), "dim not bold")
        table.add_column(heading, max_width=COLUMN_WIDTH - 2, no_wrap=True, overflow="ellipsis")
    for line in found:
        cells = (_cell(comparisons[place], line.cells[place]) for place in places)
        table.add_row(Text(line.label), line.of_reference, *cells)
    return table


def _heading(name: str) -> str:
    """A path's end, which tells it from others, where all of it is too long."""
    room = COLUMN_WIDTH - 2
    return f"…{name[1 - room :]}" if "/" in name and len(name) > room else name


def _cell(comparison: Comparison, scenario: ScenarioComparison | None) -> Text:
    if scenario is None:
        return Text(NONE, "dim")
    style, below = words.STYLES[scenario.verdict], words.below(scenario, comparison.delta)
    interval = span(scenario.low, scenario.high)
    verdict = words.said(scenario.verdict, scenario.metric)
    said = Text(f"{verdict} {ratio(scenario.ratio)}".removesuffix(f" {NONE}"), style)
    more = below if scenario.one_figure or scenario.low is None else interval
    return Text.assemble(said, (f"\n{more}", "dim")) if more else said
