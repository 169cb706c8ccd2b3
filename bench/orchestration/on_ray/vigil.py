"""Whether Ray's head is still there, which Ray itself tells nobody.

Calls that need it hang in C++ code, and a minute after it was lost that code ends the process without a
word to Python (`gcs_rpc_server_reconnect_timeout_s` in Ray's rpc_client.h). So a thread watches: who waits
for answers is woken, and a process whose main thread hangs is left with a line that says why.
"""

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO

from bench.errors import ClusterLostError
from bench.orchestration.signals import WRONG, at_last, leave

LOOK_SECONDS = 2.0
NOTICE_SECONDS = 25.0
"""More than a main thread that does not hang looks elsewhere; with what goes before, less than a minute."""
_OF_RAY = "RAY_gcs_rpc_server_reconnect_timeout_s"
_OF_RAY_SECONDS = 60.0
_HERE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL)
"""What this machine lacks says nothing of another one."""


class Head:
    """At `address`, HOST:PORT: gone when that took nobody in for half of Ray's patience.

    One that is started again in time, as Ray's fault tolerance has it, was never gone.
    """

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address, self._clock = address, clock
        self._patience = _patience_of_ray() / 2
        self._silent_since: float | None = None
        self._looked = clock()

    def gone(self) -> str | None:
        """Why it is gone, as far as is known by now; None while it is there."""
        if self._silent_since is None:
            return None
        silent = self._looked - self._silent_since
        if silent < self._patience:
            return None
        return f"the head of the Ray cluster at {self._address} has not answered for {silent:.0f} s"

    def answers(self) -> bool:
        """Whether it is there at this moment, and may not be in the next."""
        return _answers(self._address)

    def wait(self, stop: IO[bytes]) -> None:
        """Look, after a while. Returns at once where `stop` can be read."""
        if not _readable(LOOK_SECONDS, stop):
            self._look()

    def _look(self) -> None:
        began = self._clock()
        if self.answers():
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = began
        self._looked = self._clock()


class OwnHead(Head):
    """That of a Ray of one's own: `lease` ends with it, and `why` says what it ended by.

    Told to end by SIGTERM it stays, and is silent.
    """

    def __init__(self, address: str, lease: IO[bytes], why: Callable[[], str]) -> None:
        super().__init__(address)
        self._lease, self._ask = lease, why

    def gone(self) -> str | None:
        """See `Head`."""
        return self._ask() if _readable(0.0, self._lease) else super().gone()

    def answers(self) -> bool:
        """See `Head`."""
        return not _readable(0.0, self._lease) and super().answers()

    def wait(self, stop: IO[bytes]) -> None:
        """See `Head`; nor is its end waited for."""
        if not _readable(LOOK_SECONDS, self._lease, stop):
            self._look()


class Vigil:
    """Over the head of the cluster that this process is in; without a `head` there is none to be lost.

    `remedy` is what to do where the process is left for it.
    """

    def __init__(self, head: Head | None = None) -> None:
        self.remedy = "try again once it is there"
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
            self.close()
            raise ClusterLostError(self._why)

    def answers(self) -> bool:
        """Whether Ray can be asked now: where not, a call would hang, for ever or until its head is back."""
        return self._head is None or self._head.answers()

    def ring(self, bell: Callable[[], None]) -> None:
        """Have `bell` called, in another thread, when the head is gone."""
        self._bell = bell

    @contextlib.contextmanager
    def kept(self) -> Iterator["Vigil"]:
        """Watch until the block ends, or somebody closes it before."""
        if self._head is None:
            yield self
            return
        stop, ours = os.pipe()
        with os.fdopen(stop, "rb", 0) as stopping, os.fdopen(ours, "wb", 0) as running:
            thread = threading.Thread(
                target=self._watch, args=(self._head, stopping), name="vigil", daemon=True
            )
            thread.start()
            try:
                with at_last(self.close):
                    yield self
            finally:
                self.close()
                running.close()
                thread.join()

    def close(self) -> None:
        """From now on this process needs Ray no more, or knows that it is gone: it is not left for that."""
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
            leave(f"{self._why}; {self.remedy}", WRONG)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK_SECONDS).close()
    except OSError as error:
        return error.errno in _HERE
    return True


def _patience_of_ray() -> float:
    try:
        return float(os.environ[_OF_RAY])
    except (KeyError, ValueError):
        return _OF_RAY_SECONDS


def _readable(seconds: float, *files: IO[bytes]) -> bool:
    """Whether one of `files` can be read within `seconds`; any number of files may be open."""
    waiting = select.poll()
    for file in files:
        waiting.register(file, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
