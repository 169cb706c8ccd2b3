"""The table of one contender: times, ratio, interval and verdict of each scenario."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD, Box
from rich.table import Table
from rich.text import Text

from bench.analysis.comparison import Comparison, ScenarioComparison, SideOfScenario
from bench.views.comparison import words
from bench.views.comparison.details import Details
from bench.views.comparison.rows import Group, group_line, hidden_line
from bench.views.format import ratio, span

WIDE = 110
"""Terminal columns from which every figure gets a column of its own."""


def one_table(comparison: Comparison, details: Details, groups: Sequence[Group], width: int) -> Table:
    """The groups' rows; compact below `WIDE` columns."""
    wide = width >= WIDE
    table = _wide_columns(comparison) if wide else _compact_columns(comparison)
    row = _wide_row if wide else _compact_row
    for number, group in enumerate(groups):
        if group.verdict is not None:
            above = "\n" if number else ""
            style = words.STYLES[group.verdict]
            table.add_row(Text(above + group_line(group), style))
        for scenario in group.shown:
            table.add_row(*row(comparison, scenario, details.of_row(scenario)))
        if below := hidden_line(group):
            table.add_row(Text(below, "dim"))
    return table


def empty_table(title: str, box: Box | None) -> Table:
    """A table without rows in the style that all of a comparison have."""
    return Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box,
        padding=(0, 1 if box else 2, 0, 0),
        show_edge=False,
        pad_edge=False,
    )


def _wide_columns(comparison: Comparison) -> Table:
    table = empty_table(words.table_title([comparison]), SIMPLE_HEAD)
    table.add_column("scenario", ratio=1, overflow="fold")
    for name in ("A", "B", "B/A", f"{words.share(comparison.confidence)} interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for name in ("val A", "val B", "ok A", "ok B", "q"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _wide_row(comparison: Comparison, scenario: ScenarioComparison, details: str) -> list[str | Text]:
    (time_a, val_a), (time_b, val_b) = (
        words.amount_and_accuracy(side, scenario.metric) for side in (scenario.a, scenario.b)
    )
    return [
        Text.assemble(scenario.label, ("\n" + details if details else "", "dim")),
        time_a,
        time_b,
        ratio(scenario.ratio),
        span(scenario.low, scenario.high),
        verdict_cell(comparison, scenario),
        val_a,
        val_b,
        _ok_cell(scenario.a),
        _ok_cell(scenario.b),
        words.p_value(scenario.q),
    ]


def _compact_columns(comparison: Comparison) -> Table:
    """Two lines a scenario: times over accuracies, ratio over interval, label over what is left."""
    table = empty_table(words.table_title([comparison]), SIMPLE_HEAD)
    table.add_column(two_lines("scenario", "runs ok", "dim not bold"), ratio=1, overflow="fold")
    interval = f"{words.share(comparison.confidence)} interval"
    for name, below in (("A", "val"), ("B", "val"), ("B/A", interval)):
        table.add_column(two_lines(name, below, "dim not bold"), justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    return table


def _compact_row(comparison: Comparison, scenario: ScenarioComparison, details: str) -> list[str | Text]:
    ok = Text.assemble(_ok_cell(scenario.a, "dim"), (" and ", "dim"), _ok_cell(scenario.b, "dim"))
    return [
        Text.assemble(scenario.label, "\n", ok, (f"; {details}" if details else "", "dim")),
        two_lines(*words.amount_and_accuracy(scenario.a, scenario.metric)),
        two_lines(*words.amount_and_accuracy(scenario.b, scenario.metric)),
        two_lines(ratio(scenario.ratio), span(scenario.low, scenario.high)),
        verdict_cell(comparison, scenario, "\n"),
    ]


def two_lines(above: str, below: str, style: str = "dim") -> Text:
    """A figure over one that says more of it."""
    return Text.assemble(above, ("\n" + below, style))


def verdict_cell(comparison: Comparison, scenario: ScenarioComparison, between: str = " ") -> Text:
    """The verdict in its colour, and what one that is not clear rests on."""
    below = words.below(scenario, comparison.delta)
    style = words.STYLES[scenario.verdict]
    said = words.said(scenario.verdict, scenario.metric)
    return Text.assemble((said, style), (between + below if below else "", "dim"))


def _ok_cell(side: SideOfScenario, style: str = "") -> Text:
    return Text(words.runs_ok(side), style if side.ok == side.runs else words.STYLES["failed"])
