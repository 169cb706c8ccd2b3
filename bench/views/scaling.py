"""Speed-up and efficiency of replicas as tables for the terminal, and as Markdown."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.scaling import Scaling
from bench.views.scaling_words import (
    INTERVAL,
    SESSIONS,
    UNITS,
    Line,
    apart_lines,
    cells,
    over_sessions,
    scaling_legend,
    scaling_lines,
    scaling_name,
    titles,
    what_scales,
)
from bench.views.sheet import Sheet, as_markdown
from bench.views.width import ByWidth

WIDE = 120
"""Terminal columns from which every interval gets a column of its own."""


def scaling_tables(scalings: Sequence[Scaling]) -> RenderableType:
    """A table per scaling and a legend below all; nothing for no scaling.

    Begins with a blank line: it stands below the summaries.
    """
    return ByWidth(lambda width: Group(*_parts(scalings, width)))


def scaling_markdown(scalings: Sequence[Scaling]) -> str:
    """A line in bold and a table per scaling, and a legend; empty for no scaling."""
    if not scalings:
        return ""
    return "\n".join((*map(as_markdown, scaling_sheets(scalings)), scaling_legend(scalings) + "\n"))


def scaling_sheets(scalings: Sequence[Scaling]) -> list[Sheet]:
    """The tables in words."""
    return [
        Sheet(
            scaling_name(scaling, scalings),
            what_scales(scaling, scalings),
            titles(scaling),
            cells(scaling),
            tuple(apart_lines(scaling)),
        )
        for scaling in scalings
    ]


def _parts(scalings: Sequence[Scaling], width: int) -> Iterator[RenderableType]:
    for scaling in scalings:
        yield Text()
        yield Text.assemble(
            (scaling_name(scaling, scalings), "bold cyan"), f": {what_scales(scaling, scalings)}"
        )
        yield _wide_table(scaling) if width >= WIDE else _compact_table(scaling)
        yield from (Text(line, "yellow") for line in apart_lines(scaling))
    if scalings:
        yield Text()
        yield Text(scaling_legend(scalings), "dim")


def _wide_table(scaling: Scaling) -> Table:
    table, several = _empty_table(), over_sessions(scaling)
    table.add_column("strategy", overflow="fold")
    for title in titles(scaling)[1:]:
        table.add_column(title, justify="right", no_wrap=True)
    for line in scaling_lines(scaling):
        table.add_row(
            _over(line.strategy, line.details),
            line.replicas,
            line.nodes,
            line.hardware,
            _speedup(line),
            line.speedup_interval,
            line.efficiency,
            line.efficiency_interval,
            *([line.sessions] if several else []),
            line.all_reduce,
            _ok(line),
        )
    return table


def _compact_table(scaling: Scaling) -> Table:
    """Two lines a scenario: each figure over its interval."""
    table, several = _empty_table(), over_sessions(scaling)
    table.add_column(_over("strategy", "replicas", "dim not bold"), overflow="fold")
    for title in ("nodes", UNITS[scaling.on_gpus]):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("speed-up", "efficiency"):
        table.add_column(_over(title, INTERVAL, "dim not bold"), justify="right", no_wrap=True)
    for title in (*([SESSIONS] if several else []), "all-\nreduce"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("ok", justify="right", no_wrap=True)
    for line in scaling_lines(scaling):
        table.add_row(
            _over(line.strategy, f"{line.replicas} {line.details}".strip()),
            line.nodes,
            line.hardware,
            Text.assemble(_speedup(line), _over("", line.speedup_interval)),
            _over(line.efficiency, line.efficiency_interval.replace(" %", "%")),
            *([line.sessions] if several else []),
            line.all_reduce.replace(" %", "%"),
            _ok(line),
        )
    return table


def _empty_table() -> Table:
    return Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)


def _over(above: str, below: str, style: str = "dim") -> Text:
    return Text.assemble(above, (f"\n{below}", style)) if below else Text(above)


def _speedup(line: Line) -> Text:
    """A figure; or statuses, one a line, so that they take no room from the other columns."""
    return Text(line.speedup.replace(", ", ",\n"), "bold red" if line.gone else "bold")


def _ok(line: Line) -> Text:
    return Text(line.ok, "green" if line.all_ok else "bold red")
