"""Whether Ray's head is still there, which Ray itself tells nobody.

Calls that need it hang in C++ code, and a minute after it was lost that code ends the process without a
word to Python (`gcs_rpc_server_reconnect_timeout_s` in Ray's rpc_client.h). So a thread watches: who waits
for answers is woken, and a process whose main thread hangs is left with a line that says why.
"""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Protocol

from bench.errors import ClusterLostError
from bench.orchestration.signals import WRONG, leave

LOOK_SECONDS = 2.0
NOTICE_SECONDS = 10.0
_OF_RAY = "RAY_gcs_rpc_server_reconnect_timeout_s"
_OF_RAY_SECONDS = 60.0


class Head(Protocol):
    """One that can be watched."""

    def gone(self) -> str | None:
        """Why it is gone, as far as is known by now without a wait; None while it is there."""

    def wait(self, stop: IO[bytes]) -> None:
        """Until there may be something new to know, or `stop` can be read."""


class Vigil:
    """Over the head of the cluster that this process is in; without a `head` there is none to be lost."""

    def __init__(self, head: Head | None = None) -> None:
        self._head = head
        self._why: str | None = None
        self._looking = threading.Lock()
        self._bell: Callable[[], None] = lambda: None
        self._over = threading.Event()

    @property
    def lost(self) -> bool:
        """Whether the head is known to be gone, and with it whoever could do what Ray is asked."""
        return self._why is not None

    def check(self) -> None:
        """Raises ClusterLostError once the head is gone."""
        if self._look():
            self.end()
            raise ClusterLostError(self._why)

    def ring(self, bell: Callable[[], None]) -> None:
        """Have `bell` called, in another thread, when the head is gone."""
        self._bell = bell

    @contextlib.contextmanager
    def kept(self) -> Iterator["Vigil"]:
        """Watch, until the block ends or somebody says that it is enough."""
        if self._head is None:
            yield self
            return
        stop, ours = os.pipe()
        with os.fdopen(stop, "rb", 0) as stopping, os.fdopen(ours, "wb", 0) as running:
            thread = threading.Thread(target=self._watch, args=(self._head, stopping), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.end()
                running.close()
                thread.join()

    def end(self) -> None:
        """From now on this process needs Ray no more, or knows that it is gone."""
        self._over.set()

    def _look(self) -> bool:
        with self._looking:  # what it ended by can be read but once
            if self._why is None and self._head is not None:
                self._why = self._head.gone()
        return self.lost

    def _watch(self, head: Head, stop: IO[bytes]) -> None:
        while not self._look():
            if self._over.is_set():
                return
            head.wait(stop)
        self._bell()
        if not self._over.wait(NOTICE_SECONDS):
            leave(f"{self._why}; {ClusterLostError.remedy}", WRONG)


class OwnHead:
    """That of a Ray of one's own: `lease` ends with it, and `why` says what it ended by."""

    def __init__(self, lease: IO[bytes], why: Callable[[], str]) -> None:
        self._lease, self._ask = lease, why

    def gone(self) -> str | None:
        """See `Head`."""
        return self._ask() if _readable(0.0, self._lease) else None

    def wait(self, stop: IO[bytes]) -> None:
        """For its end."""
        _readable(None, self._lease, stop)


class JoinedHead:
    """That of a cluster at `address`, HOST:PORT: gone when that took nobody in for half of Ray's patience.

    One that is started again in time, as Ray's fault tolerance has it, was never gone.
    """

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address, self._clock = address, clock
        self._patience = float(os.environ.get(_OF_RAY) or _OF_RAY_SECONDS) / 2
        self._silent_since: float | None = None
        self._looked = clock()

    def gone(self) -> str | None:
        """See `Head`."""
        silent = 0.0 if self._silent_since is None else self._looked - self._silent_since
        if silent < self._patience:
            return None
        return f"the head of the Ray cluster at {self._address} has not answered for {silent:.0f} s"

    def wait(self, stop: IO[bytes]) -> None:
        """A while, and look."""
        if _readable(LOOK_SECONDS, stop):
            return
        began = self._clock()
        if _answers(self._address):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = began
        self._looked = self._clock()


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK_SECONDS).close()
    except OSError:
        return False
    return True


def _readable(seconds: float | None, *files: IO[bytes]) -> bool:
    """Whether one of `files` can be read within `seconds`, None for ever; any number of files may be open."""
    waiting = select.poll()
    for file in files:
        waiting.register(file, select.POLLIN)
    return bool(waiting.poll(None if seconds is None else seconds * 1000))
