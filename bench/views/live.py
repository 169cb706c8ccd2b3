"""How a session looks while it runs: in lines, and as a display that fits the terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.analysis.failures import first_line
from bench.views.format import NONE, count, elapsed, percent, seconds, several
from bench.views.progress import Progress, Running, Seen

BAR = 32
"""The longest that the bar gets, in terminal columns."""
GAP = 2
NAME = 1
"""Which of a run's cells may be longer than there is room for."""
FEWEST_RUNS = 3
"""Lines for runs under way before those for runs that have ended, where the terminal is low."""
TOLD = ("status", "error", "flags", "step_seconds", "val_accuracy")
"""Of a run's row, what `finished_line` tells."""


class ProgressView:
    """The suite's title, the last runs that ended, those under way, and how far the session is.

    Of those under way, as many as the terminal has room for.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = _Room(console, options.max_width, options.size.height)
        yield Group(*_parts(self._progress.seen(room.height), room))


def finished_line(name: str, round_number: int, row: Mapping[str, Any]) -> Text:
    """One line about a run that has ended; a long error is cut short where there is no room for it."""
    ok = row["status"] == "ok"
    line = Text.assemble(
        ("✓ ", "green") if ok else ("✗ ", "bold red"),
        name,
        (f"  round {round_number}  ", "dim"),
        no_wrap=not ok,
        overflow="fold" if ok else "ellipsis",
    )
    if ok:
        line.append(f"{seconds(row['step_seconds'])}/step", "cyan")
        line.append(f"  val {percent(row['val_accuracy'])}")
    else:
        error = first_line(row["error"])
        line.append(f"{row['status']}{': ' + error if error else ''}", "red")
    if row["flags"]:
        line.append("  " + " ".join(row["flags"]), "yellow")
    return line


@dataclass(frozen=True)
class _Room:
    """A terminal, in columns and lines."""

    console: Console
    width: int
    height: int

    def lines(self, texts: Iterable[Text], width: int | None = None) -> int:
        """How many lines the texts take."""
        return sum(1 if t.no_wrap else len(t.wrap(self.console, width or self.width)) for t in texts)


def _parts(seen: Seen, room: _Room) -> Iterator[RenderableType]:
    left = room.height - 2 - bool(seen.note)  # the title and the foot
    recent = list(seen.recent)
    while recent and left - room.lines(recent) < min(seen.under_way, FEWEST_RUNS) + 1:
        del recent[0]
    yield Text(seen.title, "bold", no_wrap=True, overflow="ellipsis")
    yield from recent
    yield from _running(seen, room, max(left - room.lines(recent), 1))
    if seen.note:
        yield Text(seen.note, "dim", no_wrap=True, overflow="ellipsis")
    yield _foot(seen)


def _running(seen: Seen, room: _Room, left: int) -> Iterator[RenderableType]:
    """As many of the runs under way as the lines that are `left` hold, and how many more there are."""
    if not seen.under_way:
        over = seen.total and seen.done == seen.total
        yield Text("  ending …" if over else "  starting processes …", "dim")
        return
    shown = seen.running if seen.under_way <= left else seen.running[: left - 1]
    if shown:
        yield from _runs(shown, seen.now, room, left)
    if more := seen.under_way - len(shown):
        yield Text(f"   … and {count(more)} more" if shown else f"  {several(more, 'run')} under way", "dim")


def _runs(running: Sequence[Running], now: float, room: _Room, left: int) -> Iterator[RenderableType]:
    """A line per run, of several where a name is long and there is room for that.

    Where each runs is left out where the terminal is too narrow for it.
    """
    rows = [_cells(run, now - run.began) for run in running]
    widths = [max(row[column].cell_len for row in rows) for column in range(len(rows[0]))]
    if sum(widths) + GAP * (len(widths) - 1) > room.width:
        del widths[-1]
    for_name = max(room.width - sum(widths) + widths[NAME] - GAP * (len(widths) - 1), 1)
    if widths[NAME] > for_name and room.lines((row[NAME] for row in rows), for_name) <= left:
        yield _folded(rows, len(widths), for_name)
        return
    widths[NAME] = min(widths[NAME], for_name)
    for row in rows:
        yield _line(row, widths)


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    """The cells side by side: a table of its own costs a hundred times as much."""
    line = Text(no_wrap=True, overflow="crop")
    for cell, width in zip(cells, widths, strict=False):
        cell.truncate(width, overflow="ellipsis")
        blank = " " * (width - cell.cell_len)
        before, after = (blank, "") if cell.justify == "right" else ("", blank)
        line.append(before).append_text(cell).append(after + " " * GAP)
    return line


def _folded(rows: Sequence[Sequence[Text]], shown: int, for_name: int) -> Table:
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column()
    table.add_column(overflow="fold", max_width=for_name)
    for _ in range(3):
        table.add_column(no_wrap=True)
    for row in rows:
        table.add_row(*row[:shown])
    return table


def _cells(run: Running, taken: float) -> list[Text]:
    ahead = run.phase is not None and run.phase not in ("train", "evaluate")
    epoch = f"epoch {run.epoch + 1}/{run.epochs}" if run.epoch < run.epochs else "testing"
    return [
        Text("▶", "bold cyan"),
        Text(run.name),
        Text(str(run.phase) if ahead else epoch),
        Text(f"val {percent(run.accuracy)}" if run.accuracy is not None else ""),
        Text(elapsed(taken), "dim", justify="right"),
        Text(run.where, "dim"),
    ]


def _foot(seen: Seen) -> RenderableType:
    gone = Text(f"{elapsed(seen.gone)} gone", "dim")
    if not seen.total:
        return gone
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(max_width=BAR)
    for _ in range(5):
        grid.add_column(no_wrap=True)
    grid.add_row(
        ProgressBar(max(seen.total, 1), seen.done, complete_style="cyan", finished_style="green"),
        f"{count(seen.done)}/{'' if seen.fixed else '~'}{several(seen.total, 'run')}",
        f"round {seen.round}/{'' if seen.fixed else '≤'}{seen.rounds}",
        gone,
        f"{NONE if seen.left is None else 'about ' + elapsed(seen.left)} left",
        Text(f"{seen.not_ok} not ok" if seen.not_ok else "", "bold red"),
    )
    return grid
