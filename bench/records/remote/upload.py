"""The upload of one session in the background, for as long as it is written and then until all is there."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from bench.errors import StoreError, reason
from bench.records.claims import Claim
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import PlaceBoard
from bench.uri import NETWORK

LOOK_SECONDS = 2.0
JOURNAL_SECONDS = 30.0
AT_ONCE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
PATIENCE_SECONDS = 300.0
"""At the end: so long nothing gets there, and it is left for later."""
_FAILED = (OSError, pa.ArrowException, StoreError, MemoryError)
_TOLD_AFTER = 2  # failures one after the other


@dataclass(frozen=True)
class Left:
    """What is not there: why, and whether another process has taken over what is."""

    why: str
    taken: bool = False


class Upload:
    """Of the session in the folder of `mirror`. `tell` gets a line where it fails for long, once.

    `left` is what is in the way; None once all is there.
    """

    def __init__(self, mirror: Mirror, claim: Claim | None, tell: Callable[[str], None]) -> None:
        """With the `claim` to its place that this process has; without one, it makes one there."""
        self.mirror, self._claim, self._tell = mirror, claim, tell
        self._ending, self._done, self._given_up = (threading.Event() for _ in range(3))
        self._failures, self._told = 0, False
        if claim:
            claim.is_kept = True
        self.left: Left | None = Left("no answer")
        self._journal_at = 0.0
        threading.Thread(target=self._work, name=NETWORK, daemon=True).start()

    def finish(self, waiting: Callable[[], None] = lambda: None) -> Left | None:
        """Waits until all is there, and gives None, or else what is in the way.

        To be called once nobody writes the session any more. `waiting` is called where it takes a while. An
        interrupt is raised here, and is as if no answer came any more.
        """
        self._ending.set()
        try:
            if not self._done.wait(AT_ONCE_SECONDS):
                waiting()
            self._wait_while_it_moves()
        finally:
            self.give_up()
        return self.left

    def _wait_while_it_moves(self) -> None:
        moved, since = self.mirror.moved, time.monotonic()
        while not self._done.wait(0.2):
            if self.mirror.moved != moved:
                moved, since = self.mirror.moved, time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                break

    def give_up(self) -> Left | None:
        """No more is tried; gives what `finish` does."""
        self._given_up.set()
        self.mirror.stopped.set()
        self._done.wait(AT_ONCE_SECONDS)  # so that it takes its claim down, if it gets an answer at all
        return self.left

    def _work(self) -> None:
        try:
            while not self._given_up.is_set() and not self._is_over():
                pause = self._pause()
                if self._ending.is_set():
                    self._given_up.wait(pause if self._failures else 0)
                else:
                    self._ending.wait(pause)
        finally:
            if self._claim:
                self._claim.withdraw()
            self._done.set()

    def _is_over(self) -> bool:
        """Copies what is new; whether all is there now, or another process has taken over."""
        last = self._ending.is_set()
        try:
            if self._claim is None:
                self._claim = Claim(PlaceBoard(self.mirror.place), self.mirror.place.path)
            if self._is_taken(self._claim):
                return True
            if doubt := self._claim.doubt():  # another driver may go on with what is there
                raise doubt
            journal_due = time.monotonic() - self._journal_at >= JOURNAL_SECONDS
            if last or self._failures or self.mirror.has_new(journal_due):
                self.mirror.copy(ended=last)
                self._journal_at = time.monotonic()
            if last:
                self.mirror.check()
            self._failures, self.left = 0, Left("no answer")
        except _FAILED as error:
            self._failed(error)
            return False
        if last:
            self.left = None
            for note in self.mirror.notes:
                self._tell(f"{note}; it is the same at {self.mirror.place.path}")
        return last

    def _is_taken(self, claim: Claim) -> bool:
        try:
            claim.check()
        except StoreError as error:
            self.left = Left(str(error), taken=True)
            self._tell(str(error))
            return True
        return False

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self.left = Left(reason(error))
        if self._failures >= _TOLD_AFTER and not self._told:
            self._told = True
            place = self.mirror.place.path
            self._tell(
                f"{place}: upload fails: {reason(error)}; it is tried again, all is kept here meanwhile"
            )

    def _pause(self) -> float:
        if not self._failures:
            return LOOK_SECONDS
        return min(2.0 ** min(self._failures - 1, 10), LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1)
