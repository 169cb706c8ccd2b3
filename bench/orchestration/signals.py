"""Signals that end a command: Ctrl-C, SIGTERM as schedulers send it, SIGHUP of a terminal that is gone.

All mean the same: KeyboardInterrupt in the main thread, where and when it does no harm. `held` says where it
would, `heeded` where it does not after all. They are blocked in every thread and read by one of their own:
Ray's driver would take SIGTERM for a crash (absl's failure handler), a main thread that is in C++ code would
learn of them only afterwards, and a command that hangs must still be ended by one of them.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

WRONG, INTERRUPTED = 2, 130
MESSAGE = "interrupted; every finished run is kept"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CARRIER = signal.SIGURG  # brings the news to the main thread; nobody else sends it, and it harms nobody
_REPEAT_SECONDS = 0.2
_PATIENCE_SECONDS = 15.0
_FOR_EVER = threading.TIMEOUT_MAX
_SHOW_CURSOR = b"\x1b[?25h"

_Mode = Literal["heeded", "held", "abandoned"]


class _State:
    """Of this process: how the main thread takes an interrupt now, whether one waits, whether it knows."""

    mode: _Mode = "heeded"
    pending = False
    taken = True


_state = _State()
_last_acts: list[Callable[[], None]] = []


def listen() -> None:
    """From now on until this process ends. To be called by the main thread, before there are others.

    Signals that are ignored stay so: that is what nohup and a shell's background jobs ask for. A signal that
    comes 15 s after the first one ends the process where it is.
    """
    ending = {number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN}
    signal.signal(_CARRIER, lambda *_: _take())
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    if ending:
        threading.Thread(target=_receive, args=(ending,), name="signals", daemon=True).start()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Interrupts wait for `heeded`, for `take_pending`, or for the end of the outermost of such blocks."""
    with _as("held"):
        yield
    heed_pending()


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Within `held`: an interrupt, one that has waited included, is raised here."""
    with _as("heeded"):
        heed_pending()
        yield


@contextlib.contextmanager
def abandoned(seconds: float = _FOR_EVER, late: str = "") -> Iterator[None]:
    """An interrupt ends this process at once, wherever it is: it has nothing to keep, and may hang in C++.

    After `seconds` it ends likewise, with `late` for its one line and status 2.
    """
    timer = threading.Timer(seconds, _leave, (late, WRONG))
    timer.daemon = True
    timer.start()
    try:
        with _as("abandoned"):
            heed_pending()
            yield
    finally:
        timer.cancel()


def take_pending() -> bool:
    """Whether an interrupt waits; it no longer does."""
    pending, _state.pending = _state.pending, False
    return pending


def heed_pending() -> None:
    """Raises KeyboardInterrupt where one waits and is not held."""
    if _state.pending and _state.mode == "abandoned":
        _leave()
    if _state.pending and _state.mode == "heeded":
        # Further ones are held while this one unwinds the stack: none of them ends an __exit__ half done.
        _state.pending, _state.mode = False, "held"
        raise KeyboardInterrupt


def deafen() -> None:
    """The command is over: nothing that comes now changes how it ends."""
    _state.mode = "held"


@contextlib.contextmanager
def at_last(act: Callable[[], None]) -> Iterator[None]:
    """`act` is called, in whatever thread, where this process is left at once while in this block."""
    _last_acts.append(act)
    try:
        yield
    finally:
        _last_acts.remove(act)


@contextlib.contextmanager
def _as(mode: _Mode) -> Iterator[None]:
    before = _state.mode
    try:
        _state.mode = mode
        yield
    finally:
        _state.mode = before


def _take() -> None:
    _state.taken = _state.pending = True
    heed_pending()


def _receive(ending: set[signal.Signals]) -> None:
    main = threading.main_thread().ident
    assert main is not None
    first: float | None = None
    while True:
        if _state.taken:
            signal.sigwait(ending)
        # Else the news may have come as the main thread went to wait for something else, and not woken it.
        elif signal.sigtimedwait(ending, _REPEAT_SECONDS) is None:
            signal.pthread_kill(main, _CARRIER)
            continue
        now = time.monotonic()
        first = now if first is None else first
        if _state.mode == "abandoned" or now - first > _PATIENCE_SECONDS:
            _leave()
        _state.taken = False
        signal.pthread_kill(main, _CARRIER)


def _leave(message: str = MESSAGE, status: int = INTERRUPTED) -> None:
    """End here and now; what is buffered for standard output is lost."""
    for act in reversed(_last_acts):
        with contextlib.suppress(Exception):
            act()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            if stream.isatty():
                os.write(stream.fileno(), _SHOW_CURSOR)
    with contextlib.suppress(OSError):
        os.write(2, f"bench: {message}\n".encode())
    os._exit(status)
