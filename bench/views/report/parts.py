"""What the page is made of: sections of blocks, each with a table, figures and words."""

from dataclasses import dataclass

import plotly.graph_objects as go

from bench.views.report.tables import Grid


@dataclass(frozen=True)
class Plot:
    """A figure, and what it shows in words."""

    figure: go.Figure
    caption: str


@dataclass(frozen=True)
class Block:
    """A heading and what stands below it; any of the parts may be missing.

    A long table folds where there are plots that tell the same, or where it is to `fold`.
    """

    title: str
    intro: str = ""
    grid: Grid | None = None
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()
    fold: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page that its table of contents leads to."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Tile:
    """A figure at the head of the page."""

    figure: str
    caption: str
    tone: str = ""


def plots_of(figure: go.Figure | None, caption: str) -> tuple[Plot, ...]:
    """The figure with its caption, if there is one."""
    return () if figure is None else (Plot(figure, caption),)
