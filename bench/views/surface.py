"""Surfaces of batch size and learning rate as grids for the terminal, and as Markdown."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.color import Color
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from bench.analysis.surface import Cell, Outcome, Surface
from bench.views.export import markdown_table, markdown_words
from bench.views.format import NONE, count
from bench.views.origins import origin_names
from bench.views.width import ByWidth

DIGITS = (3, 2)
"""Significant digits of a time, as many as allow the fewest blocks."""
PAD = 2
"""Blank columns around a cell: one on each side, of which the left one holds the mark of the fastest."""
FASTEST = "★"
RAMP = ((87, 187, 106), (240, 214, 92), (233, 109, 84))
"""Red, green and blue from the fastest to the slowest: light enough for black figures on all of them."""
UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
LEAST = 10
"""A unit is used where the fastest takes so many of it."""

FAILED: dict[Outcome, str] = {"diverged": "div", "out-of-memory": "oom", "failed": "fail"}
STYLES: dict[Outcome, str] = {
    "partly": "yellow",
    "missed": "dim",
    "not-learning": "red",
    "diverged": "bold red",
    "out-of-memory": "bold magenta",
    "failed": "bold magenta",
}
MEANINGS: dict[Outcome, tuple[str, str]] = {
    "partly": ("k/n", "reached it, the others count as infinite"),
    "missed": ("%", "best accuracy of a miss"),
    "not-learning": ("%", "at chance"),
    "diverged": ("div", "diverged"),
    "out-of-memory": ("oom", "out of memory"),
    "failed": ("fail", "failed"),
}


@dataclass(frozen=True)
class Grid:
    """A surface as words: what stands above each column, before each row, and in each cell."""

    rates: tuple[str, ...]
    batches: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]

    @property
    def widths(self) -> list[int]:
        """Terminal columns of each column, with those around it."""
        return [max(map(len, column)) + PAD for column in zip(self.rates, *self.cells, strict=True)]

    @property
    def margin(self) -> int:
        """Terminal columns of what stands before each row, with one that sets it apart."""
        return max(map(len, self.batches)) + 1


def surface_grids(surfaces: Sequence[Surface]) -> RenderableType:
    """A grid per surface, in blocks of columns that fit, and a legend below all; nothing for no surface.

    Begins with a blank line: it stands below the summaries.
    """
    return ByWidth(lambda width: Group(*_parts(surfaces, width)))


def surface_markdown(surfaces: Sequence[Surface]) -> str:
    """A line in bold and a table per surface, the fastest time in bold; empty for no surface."""
    titles = [
        markdown_words(f"**{surface_name(surface)}**: {surface_title(surface, surfaces)}")
        for surface in surfaces
    ]
    tables = [_markdown(surface, surface_grid(surface)) for surface in surfaces]
    return "\n".join(f"{title}\n\n{table}\n" for title, table in zip(titles, tables, strict=True))


def _parts(surfaces: Sequence[Surface], width: int) -> Iterator[RenderableType]:
    for surface in surfaces:
        grids = [surface_grid(surface, digits) for digits in DIGITS]
        grid, blocks = min(((g, _blocks(g, width)) for g in grids), key=lambda pair: len(pair[1]))
        yield Text()
        yield Text.assemble((surface_name(surface), "bold cyan"), f": {surface_title(surface, surfaces)}")
        for block in blocks:
            if block.start:
                yield Text()
            yield from _lines(surface, grid, block)
    if surfaces:
        yield Text()
        yield surface_legend(surfaces)


def surface_name(surface: Surface) -> str:
    """Its suite, sweep and label."""
    return " · ".join(name for name in (surface.suite, surface.sweep, surface.label) if name)


def surface_title(surface: Surface, surfaces: Iterable[Surface]) -> str:
    """What the figures are; the session and the machine only where there are several."""
    name = origin_names(other.origin for other in surfaces)[surface.origin]
    goal = f"{_unit(surface)[0]} to {surface.target_accuracy * 100:.6g} % validation accuracy"
    return f"{goal} on {name}" if name else goal


def _unit(surface: Surface) -> tuple[str, float]:
    """The unit of all times of a surface, so that they can be compared at sight, and its seconds."""
    least = surface.fastest.target_seconds if surface.fastest else 0.0
    return next((unit for unit in UNITS if least >= LEAST * unit[1]), UNITS[-1])


def surface_grid(surface: Surface, digits: int = DIGITS[0]) -> Grid:
    """The words of a surface, times with so many significant digits in the unit of its title."""
    unit = _unit(surface)[1]
    return Grid(
        rates=tuple(map(_rate, surface.learning_rates)),
        batches=("batch", *map(count, surface.batches)),
        cells=tuple(tuple(_words(cell, unit, digits) for cell in row) for row in surface.cells),
    )


def _words(cell: Cell | None, unit: float, digits: int) -> str:
    """A time where the median run reached the target, else how many did; the best accuracy where none did."""
    if cell is None:
        return ""
    if cell.outcome in FAILED:
        return FAILED[cell.outcome]
    if not cell.reached:
        return _accuracy(cell.best_val_accuracy, digits - 2)
    shares = [] if cell.reached == cell.runs else [f"{cell.reached}/{cell.runs}"]
    times = [_figure(cell.target_seconds / unit, digits)] if math.isfinite(cell.target_seconds) else []
    return " ".join([*times, *shares])


def _figure(value: float, digits: int) -> str:
    """Significant digits without an exponent, at least all of the whole part."""
    rounded = float(f"{value:.{digits}g}")
    decimals = digits - 1 - math.floor(math.log10(rounded)) if rounded else 0
    return f"{value:.{max(0, decimals)}f}"


def _accuracy(share: float | None, decimals: int) -> str:
    """Rounded down: what missed the target never reads as if it had reached it."""
    if share is None:
        return NONE
    scale = 10**decimals
    return f"{math.floor(round(share * 100 * scale, 6)) / scale:.{decimals}f}%"


def _rate(learning_rate: float) -> str:
    """As "0.003" or "1e-4"."""
    if learning_rate >= 1e-3:
        return f"{learning_rate:g}"
    mantissa, _, exponent = f"{learning_rate:e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _blocks(grid: Grid, width: int) -> list[range]:
    """The columns of each block: as few blocks as there can be, of about as many columns each."""
    columns = len(grid.rates)
    for number in range(1, columns):
        ends = [columns * i // number for i in range(number + 1)]
        blocks = [range(a, b) for a, b in itertools.pairwise(ends)]
        if all(grid.margin + sum(grid.widths[a] for a in block) <= width for block in blocks):
            return blocks
    return [range(i, i + 1) for i in range(columns)]


def _lines(surface: Surface, grid: Grid, columns: range) -> Iterator[Text]:
    """The block of `columns`: what the axes are, the learning rates, and a line per batch."""
    yield Text(" " * (grid.margin + 1) + "learning rate", "dim")
    widths = [grid.widths[column] for column in columns]
    heads = [f"{grid.rates[column]} ".rjust(width) for column, width in zip(columns, widths, strict=True)]
    yield Text("".join([grid.batches[0].rjust(grid.margin - 1), " ", *heads]), "bold")
    for batch, words, cells in zip(grid.batches[1:], grid.cells, surface.cells, strict=True):
        line = Text().append(f"{batch} ".rjust(grid.margin), "bold")
        for column, width in zip(columns, widths, strict=True):
            cell = cells[column]
            mark = FASTEST if cell and cell is surface.fastest else ""
            line.append(f"{mark}{words[column]} ".rjust(width), _style(cell, surface))
        yield line


def _style(cell: Cell | None, surface: Surface) -> Style | str:
    if cell is None:
        return ""
    if not math.isfinite(cell.target_seconds):
        return STYLES.get(cell.outcome, "")
    return Style(color="#000000", bgcolor=_colour(cell, surface), bold=cell is surface.fastest)


def _colour(cell: Cell, surface: Surface) -> Color:
    """From green for the fastest, through yellow, to red for the slowest, by the logarithm of the time."""
    times = [c.target_seconds for row in surface.cells for c in row if c and math.isfinite(c.target_seconds)]
    spread = math.log(max(times) / min(times))
    place = 2 * math.log(cell.target_seconds / min(times)) / spread if spread else 0.0
    low, high = RAMP[:2] if place < 1 else RAMP[1:]
    share = place if place < 1 else place - 1
    red, green, blue = (a + share * (b - a) for a, b in zip(low, high, strict=True))
    return Color.from_rgb(red, green, blue)


def surface_legend(surfaces: Sequence[Surface]) -> Text:
    """What the marks mean that are there to be seen."""
    cells = [cell for surface in surfaces for row in surface.cells for cell in row]
    seen = {cell.outcome for cell in cells if cell}
    parts = [(FASTEST, "bold", "fastest median")] if any(s.fastest for s in surfaces) else []
    parts += [(mark, STYLES[outcome], is_) for outcome, (mark, is_) in MEANINGS.items() if outcome in seen]
    parts += [("blank", "", "not run")] if None in cells else []
    line = Text()
    for mark, style, meaning in parts:
        line.append(" · " if line else "", "dim").append(mark, style).append(f" {meaning}", "dim")
    return line


def _markdown(surface: Surface, grid: Grid) -> str:
    rows = (
        [batch, *(_bold_fastest(word, cell, surface) for word, cell in zip(words, cells, strict=True))]
        for batch, words, cells in zip(grid.batches[1:], grid.cells, surface.cells, strict=True)
    )
    return markdown_table(["batch \\ learning rate", *grid.rates], rows)


def _bold_fastest(word: str, cell: Cell | None, surface: Surface) -> str:
    return f"**{word}**" if cell and cell is surface.fastest else word
