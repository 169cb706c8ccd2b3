"""Renderables that take their form from the width there is."""

from collections.abc import Callable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult


class ByWidth:
    """A renderable that is made only when its width in terminal columns is known."""

    def __init__(self, render: Callable[[int], RenderableType]) -> None:
        self._render = render

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._render(options.max_width)
