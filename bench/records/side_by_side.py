"""Many items at once: sessions that are hashed and decoded, or waited for on a network."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from bench.uri import NETWORK

ELSEWHERE = 16
"""Threads for items that are on a network, and wait for it."""

_T = TypeVar("_T")
_R = TypeVar("_R")
_Answer = tuple[_R | None, BaseException | None]


def side_by_side(function: Callable[[_T], _R], items: Iterable[_T], threads: int) -> Iterator[_R]:
    """As `map`, in so many threads: what `function` gives for each of `items`, in their order.

    What it raises is raised here. A caller that is interrupted, or wants no more, waits for none of them, as
    it would for those of concurrent.futures, and at the end of its process again.
    """
    ahead: queue.SimpleQueue[tuple[_T, queue.SimpleQueue[_Answer[_R]]]] = queue.SimpleQueue()
    answers: list[queue.SimpleQueue[_Answer[_R]]] = []
    for item in items:
        answers.append(queue.SimpleQueue())
        ahead.put((item, answers[-1]))
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            try:
                item, answer = ahead.get_nowait()
            except queue.Empty:
                return
            try:
                answer.put((function(item), None))
            except BaseException as error:
                answer.put((None, error))

    try:
        for _ in range(min(threads, len(answers))):
            threading.Thread(target=work, name=NETWORK, daemon=True).start()
        for answer in answers:
            value, error = answer.get()
            if error is not None:
                raise error
            yield value  # type: ignore[misc]  # None only where `function` gave it
    finally:
        ended.set()
