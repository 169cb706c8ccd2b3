"""What is asked of Ray and not answered yet, and whoever waits for the answers."""

import collections
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from bench.errors import ClusterLostError
from bench.orchestration.on_ray.vigil import Vigil
from bench.orchestration.pool import Event
from bench.orchestration.signals import heeded

Answer = Future[Any]
"""Gives what the call gave, or raises Ray's error."""
Then = Callable[[Answer], list[Event]]


class Calls:
    """References of Ray, each with what to do once it is answered.

    Each answer comes by itself, from a thread of Ray's. `ray.wait` would look at all that is awaited for each
    of them: with a thousand streams that took 8 ms of the driver's core, where this takes half a millisecond
    however many there are.
    """

    def __init__(self, vigil: Vigil | None = None) -> None:
        self._vigil = vigil or Vigil()
        self._then: dict[Any, Then] = {}
        self._answers = collections.deque[tuple[Any, Answer]]()
        self._bell = queue.SimpleQueue[None]()
        self._vigil.ring(lambda: self._bell.put(None))

    def add(self, reference: Any, then: Then) -> None:  # noqa: ANN401 -- a Ray reference, untyped
        """Have `then` take the answer, unless the reference is removed before.

        It raises ClusterLostError where it asks a Ray that is gone, and nothing else.
        """
        self._then[reference] = then
        reference.future().add_done_callback(lambda answer: self._ring(reference, answer))

    def remove(self, reference: Any) -> None:  # noqa: ANN401
        """Its answer matters no longer."""
        self._then.pop(reference, None)

    def answered(self, seconds: float) -> list[Event]:
        """What came of all that is answered by now, or of what first brings events within `seconds`.

        Raises ClusterLostError once there is no Ray any more that could answer.
        """
        until = time.monotonic() + seconds
        with heeded():  # also where answers never cease
            pass
        events = self._take()
        while not events:
            self._vigil.check()  # what was answered before comes first
            if not self._rung(until - time.monotonic()):
                break
            events = self._take()
        return events

    def _ring(self, reference: Any, answer: Answer) -> None:  # noqa: ANN401
        self._answers.append((reference, answer))
        self._bell.put(None)

    def _rung(self, seconds: float) -> bool:
        """Whether there may be something by then. An interrupt can lose a ring, but no answer."""
        if seconds <= 0 or not self._then:
            return False
        with heeded():  # here alone: nothing that was told is lost, nothing is recorded by half
            try:
                self._bell.get(timeout=seconds)
            except queue.Empty:
                return False
        return True

    def _take(self) -> list[Event]:
        events = list[Event]()
        while self._answers:
            reference, answer = self._answers.popleft()
            then = self._then.pop(reference, None)
            if then is None:
                continue
            try:
                events += then(answer)
            except ClusterLostError:
                if not events:
                    raise
                break  # whoever asks again is told
        return events
