"""Answers of file systems elsewhere, which may come late or never."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from bench.errors import StoreError
from bench.uri import NETWORK

ANSWER_SECONDS = 15.0

_T = TypeVar("_T")


def answer_of(
    ask: Callable[[], _T],
    where: str,
    seconds: float | None = ANSWER_SECONDS,
    instead: str = "copy the sessions here",
) -> _T:
    """What `ask` gives or raises; StoreError where it takes longer than `seconds`, and what to do `instead`.

    It is asked in a thread of its own: no signal gets through to a client that waits for the network.
    """
    answers: queue.SimpleQueue[tuple[_T | None, Exception | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((ask(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=work, name=NETWORK, daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        message = f"{where}: no answer within {seconds:.0f} s; check the network, or {instead}"
        raise StoreError(message) from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # None only where `ask` gave it
