"""What the driver's own time goes to, beside the runs."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, TypeVar

Doing = Literal["data", "ray-start", "inspection", "session", "tables", "ray-end"]
"""What it does, in this order; `session` is from the first slot opened to the last one closed."""
_T = TypeVar("_T")


class Spent:
    """Seconds by what they went to, added up as they pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.seconds: dict[Doing, float] = {}

    @contextlib.contextmanager
    def on(self, doing: Doing) -> Iterator[None]:
        """Count what the block takes, however it ends."""
        began = self._clock()
        try:
            yield
        finally:
            self.seconds[doing] = self.seconds.get(doing, 0.0) + self._clock() - began

    @contextlib.contextmanager
    def around(self, context: AbstractContextManager[_T], start: Doing, end: Doing) -> Iterator[_T]:
        """Enter `context` for the block, and count what entering and leaving it take."""
        with contextlib.ExitStack() as leaving:
            with self.on(start):
                value = context.__enter__()
            leaving.push(lambda *raised: self._leave(context, end, *raised))
            yield value

    def _leave(
        self,
        context: AbstractContextManager[_T],
        end: Doing,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        with self.on(end):
            return context.__exit__(kind, error, trace)
