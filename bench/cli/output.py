"""Standard output: the console that commands print to, and text for other programs."""

import os
import sys
from typing import TYPE_CHECKING

from bench.views.visible import visible, visible_lines

if TYPE_CHECKING:
    from rich.console import Console

SIZES = ("COLUMNS", "LINES")
MOST_COLUMNS = 10_000
"""A wider terminal is none: a table's lines are filled up to its width."""


def terminal() -> "Console":
    """A console on standard output that shows control characters instead of sending them."""
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Terminal(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control or text.isprintable() else Segment(visible_lines(text), style)

    _forget_absurd_sizes()
    return Terminal()


def say(console: "Console", line: str) -> None:
    """Print one line as it is, however long."""
    console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def write(text: str) -> None:
    """Text to standard output as it is, for other programs to read; to a terminal, for people to."""
    sys.stdout.write(visible_lines(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _forget_absurd_sizes() -> None:
    """A terminal of no columns, or of a word, is one whose size nobody knows."""
    for name in SIZES:
        given = os.environ.get(name, "")
        if not (given.isascii() and given.isdigit() and len(given) < 6 and 0 < int(given) <= MOST_COLUMNS):
            os.environ.pop(name, None)
