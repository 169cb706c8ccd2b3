"""A table of words and figures for the terminal, without lines but the one below its header."""

from collections.abc import Callable, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


def _plain(_cell: str) -> str:
    return ""


def plain_grid(
    titles: Iterable[tuple[str, bool]], rows: Iterable[Sequence[str]], style: Callable[[str], str] = _plain
) -> Table:
    """`titles` with whether words stand below, which may wrap; `style` is a cell's by what it says."""
    grid = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for title, words in titles:
        grid.add_column(title, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, style(cell)) for cell in row))
    return grid
