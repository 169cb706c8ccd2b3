"""Which nodes are slow, as a table for the terminal, and as Markdown."""

import math
from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.decision import CONFIDENCE, DELTA, FEWEST_SESSIONS, Decision
from bench.analysis.node_ratios import FEWEST_FOR_ERROR
from bench.analysis.nodes import FEWEST_NODES, NodeTable, NodeTimes
from bench.views.format import NONE, count, percent, ratio, several, span
from bench.views.sheet import Sheet, as_markdown

STYLES: dict[Decision, str] = {
    "slower": "bold red",
    "faster": "bold green",
    "same": "cyan",
    "unclear": "yellow",
}
TITLES = ("node", "step time", f"{CONFIDENCE * 100:g} % interval", "verdict", "scenarios", "sessions", "runs")
"""Those of one session have no column for the number of them."""
MOST_NAMED = 5
"""Of nodes that are named without being slow for certain."""
FIRST, LAST = 30, 10
"""Of more nodes, a terminal shows so many of the slowest and of the fastest."""
REMEDY = f"bench run SUITE --every-node --sessions {FEWEST_SESSIONS}"


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
            _titles(table),
            tuple(_cells(table, found) for found in table.nodes),
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
    """Which nodes they are, and in what they were seen; the device only where a machine has several."""
    several_devices = sum(other.machine == table.machine for other in tables) > 1
    device = f", trained on {table.device_name}" if several_devices and table.device_name else ""
    return f"{_seen(table)}, each against {_like(table)} of {table.machine}{device}"


def _seen(table: NodeTable) -> str:
    if table.over_sessions:
        return f"in {several(table.sessions, 'session')}"
    return "in this session" if table.sessions == 1 else f"in these {count(table.sessions)} sessions"


def _like(table: NodeTable) -> str:
    return "the other" if len(table.nodes) == 2 else "the median node"


def _grid(table: NodeTable) -> Table:
    grid = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for title in _titles(table):
        justify: JustifyMethod = "left" if title in ("node", "verdict") else "right"
        grid.add_column(title, justify=justify, no_wrap=title != "node", overflow="fold")
    for found in _shown(table):
        if found is None:
            grid.add_row(Text(f"… {count(len(table.nodes) - FIRST - LAST)} more", "dim"))
            continue
        node, times, interval, verdict, *counts = _cells(table, found)
        style = STYLES[found.verdict] if found.verdict else ""
        grid.add_row(Text(node), times, interval, Text(verdict, style), *counts)
    return grid


def _shown(table: NodeTable) -> Iterator[NodeTimes | None]:
    """The nodes of the terminal's table: of very many the ends, and None in place of the others."""
    if len(table.nodes) <= FIRST + LAST:
        yield from table.nodes
        return
    yield from table.nodes[:FIRST]
    yield None
    yield from table.nodes[-LAST:]


def _titles(table: NodeTable) -> tuple[str, ...]:
    return TITLES if table.sessions > 1 else tuple(title for title in TITLES if title != "sessions")


def _cells(table: NodeTable, found: NodeTimes) -> tuple[str, ...]:
    return (
        found.node,
        ratio(found.ratio),
        span(found.low, found.high),
        found.verdict or NONE,
        count(found.scenarios),
        *([count(found.sessions)] if table.sessions > 1 else []),
        count(found.runs),
    )


def _sentences(table: NodeTable) -> Iterator[Text]:
    """Which nodes are slow, and of what; which may be; and who had no like."""
    for found in table.nodes:
        if found.verdict == "slower" and found.low and found.high:
            times, low, high = map(_times, (found.ratio, found.low, found.high))
            is_ = "is" if table.over_sessions else "was"
            like = _other(table, found)
            said = f"{found.node} {is_} {times} times as slow as {like} {_seen(table)} ({low} to {high})"
            yield Text(said, "bold red")
    told = [found for found in table.nodes if found.verdict in ("slower", "faster")]
    doubtful = [found for found in table.nodes if found.differs and found.verdict == "unclear"]
    if doubtful:
        yield Text(f"{_doubt(table)}: {_named(doubtful)}", "yellow")
    if (told or doubtful) and not table.over_sessions:
        yield Text(f"Repeat over sessions to tell a slow node from a mood: {REMEDY}", "yellow")
    if table.alone:
        yield Text(
            f"With no other node of the same hardware, so compared with none: {', '.join(table.alone)}"
        )


def _other(table: NodeTable, found: NodeTimes) -> str:
    if len(table.nodes) > 2:
        return "the median node"
    return next(other.node for other in table.nodes if other.node != found.node)


def _doubt(table: NodeTable) -> str:
    """Why nodes that are past the margin of what is the same are not said to be slower or faster."""
    if table.over_sessions:
        return f"Not certain {_seen(table)}, more would tell"
    if table.margin is None:
        return "Not certain among so many nodes, more rounds would tell"
    return f"Not the same {_seen(table)}, but within ±{percent(table.margin, 1)}, as these nodes scatter"


def _named(nodes: Sequence[NodeTimes]) -> str:
    """The nodes that are farthest off, with their ratios."""
    farthest = sorted(nodes, key=lambda found: -abs(math.log(found.ratio)))
    names = ", ".join(f"{found.node} {ratio(found.ratio)}" for found in farthest[:MOST_NAMED])
    more = len(nodes) - MOST_NAMED
    return f"{names} and {count(more)} more" if more > 0 else names


def _times(value: float) -> str:
    """A ratio that is said aloud: to a thousandth where a percent matters."""
    return f"{value:.3f}" if value < 1.1 else f"{value:.2f}"


def node_legend(tables: Iterable[NodeTable]) -> str:
    """How to read the tables."""
    found = [node for table in tables for node in table.nodes]
    same = f"±{DELTA * 100:g} %"
    parts = [
        "Step time: over that of the median node with the same hardware, of two nodes over that of the other "
        f"one; above 1 is slower; slower or faster only where the whole interval lies past {same} and, of "
        f"{FEWEST_NODES} nodes or more in fewer than {FEWEST_SESSIONS} sessions, the ratio past five times "
        f"their own scatter, more where they are few; same only where all of it lies within {same}"
    ]
    if any(node.verdict is None for node in found):
        parts.append(
            f"{NONE} too few for an interval: {FEWEST_FOR_ERROR} rounds on each node suffice, or, as soon as "
            f"there are {FEWEST_SESSIONS} sessions, as many of each node"
        )
    return "; ".join(parts) + "."
