"""Which nodes are slow, as a table for the terminal, and as Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.nodes import DELTA, NodeTable, NodeTimes, Verdict
from bench.analysis.repetition import CONFIDENCE
from bench.analysis.statistics import rounds_needed
from bench.views.format import NONE, count, ratio, several, span
from bench.views.sheet import Sheet, as_markdown

STYLES: dict[Verdict, str] = {
    "slower": "bold red",
    "faster": "bold green",
    "same": "cyan",
    "unclear": "yellow",
}
TITLES = ("node", "step time", f"{CONFIDENCE * 100:g} % interval", "verdict", "scenarios", "runs")


def node_grids(tables: Sequence[NodeTable]) -> RenderableType:
    """A table per hardware, what it says of slow nodes, and a legend below all; nothing for no table.

    Begins with a blank line: it stands below the summaries.
    """
    return Group(*_parts(tables))


def node_markdown(tables: Sequence[NodeTable]) -> str:
    """A line in bold, a table and the sentences for each hardware, and a legend; empty for no table."""
    if not tables:
        return ""
    return "\n".join((*map(as_markdown, node_sheets(tables)), node_legend(tables) + "\n"))


def node_sheets(tables: Sequence[NodeTable]) -> list[Sheet]:
    """The tables in words, one for each hardware."""
    return [
        Sheet(
            "Nodes",
            _what(table, tables),
            TITLES,
            tuple(map(_cells, table.nodes)),
            tuple(map(str, _sentences(table))),
        )
        for table in tables
    ]


def _parts(tables: Sequence[NodeTable]) -> Iterator[RenderableType]:
    for table in tables:
        yield Text()
        yield Text.assemble(("Nodes", "bold cyan"), f": {_what(table, tables)}")
        yield _grid(table)
        if sentences := list(_sentences(table)):
            yield from (Text(), *sentences)
    if tables:
        yield Text()
        yield Text(node_legend(tables), "dim")


def _what(table: NodeTable, tables: Iterable[NodeTable]) -> str:
    """Which nodes they are; the device only where a machine has several."""
    several_devices = sum(other.machine == table.machine for other in tables) > 1
    device = f", trained on {table.device_name}" if several_devices and table.device_name else ""
    return f"each against the others of {table.machine}{device}"


def _grid(table: NodeTable) -> Table:
    grid = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for title in TITLES:
        justify: JustifyMethod = "left" if title in ("node", "verdict") else "right"
        grid.add_column(title, justify=justify, no_wrap=title != "node", overflow="fold")
    for found in table.nodes:
        node, times, interval, verdict, *counts = _cells(found)
        style = STYLES[found.verdict] if found.verdict else ""
        grid.add_row(Text(node), times, interval, Text(verdict, style), *counts)
    return grid


def _cells(found: NodeTimes) -> tuple[str, ...]:
    return (
        found.node,
        ratio(found.ratio),
        span(found.low, found.high),
        found.verdict or NONE,
        count(found.scenarios),
        count(found.runs),
    )


def _sentences(table: NodeTable) -> Iterator[Text]:
    """Which nodes are slow for sure, and which only before the correction for so many comparisons."""
    for found in table.nodes:
        if found.verdict == "slower" and found.certain and found.low and found.high:
            others = found.others[0] if len(found.others) == 1 else "the others"
            times, low, high = map(_times, (found.ratio, found.low, found.high))
            yield Text(f"{found.node} is {times} times as slow as {others} ({low} to {high})", "bold red")
    doubtful = [found for found in table.nodes if found.verdict in ("slower", "faster") and not found.certain]
    if doubtful:
        names = ", ".join(f"{found.node} {found.verdict}" for found in doubtful)
        several_ = several(table.tests, "comparison")
        yield Text(f"Not certain among {several_} (Holm), more rounds would tell: {names}", "yellow")


def _times(value: float) -> str:
    """A ratio that is said aloud: to a thousandth where a percent matters."""
    return f"{value:.3f}" if value < 1.1 else f"{value:.2f}"


def node_legend(tables: Iterable[NodeTable]) -> str:
    """How to read the tables."""
    found = [node for table in tables for node in table.nodes]
    parts = [
        "Step time: over that of the other nodes with the same hardware, less those that are slower for "
        f"certain; above 1 is slower; slower or faster only where the whole interval lies past "
        f"±{DELTA * 100:g} %, same only where all of it lies within"
    ]
    if any(node.verdict is None for node in found):
        parts.append(
            f"{NONE} too few rounds for an interval: {rounds_needed(CONFIDENCE)} on each node suffice"
        )
    return "; ".join(parts) + "."
