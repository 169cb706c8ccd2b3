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
import traceback
from collections.abc import Callable, Iterator
from typing import Literal

WRONG, INTERRUPTED = 2, 130
MESSAGE = "interrupted; every finished run is kept"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CARRIER = signal.SIGURG  # brings the news to the main thread; nobody else sends it, and it harms nobody
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0  # longer than anything in `held` waits: what became of a process, Ray's end
_FOR_EVER = threading.TIMEOUT_MAX
_SHOW_CURSOR = b"\x1b[?25h"

_Mode = Literal["heeded", "held", "abandoned", "deaf"]


class _State:
    """Of this process. Each count has one thread that writes it: the receiver's, and the main one.

    `received` is how many signals have come, `noticed` of how many the main thread has heard, `taken` how
    many are done with.
    """

    mode: _Mode = "heeded"
    received = noticed = taken = 0
    receiver: threading.Thread | None = None

    @property
    def pending(self) -> bool:
        """Whether an interrupt waits."""
        return self.taken != self.received


_state = _State()
_last_acts: list[Callable[[], None]] = []
_leaving = threading.Lock()
"""Held by the thread that ends this process where it is, for ever."""


def listen() -> None:
    """From now on until this process ends. To be called by the main thread, before there are others.

    Signals that are ignored stay so: that is what nohup and a shell's background jobs ask for. After the
    first one, one that comes when the main thread has got nowhere for 30 s ends the process where it is.
    """
    ending = {number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN}
    signal.signal(_CARRIER, lambda *_: _notice())
    sys.unraisablehook = _again
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    if ending:
        _state.receiver = threading.Thread(target=_receive, args=(ending,), name="signals", daemon=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, {_CARRIER})  # to that thread it brings the news of its end
        _state.receiver.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {_CARRIER})


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
    timer = threading.Timer(seconds, leave, (late, WRONG))
    timer.daemon = True
    timer.start()
    try:
        with _as("abandoned"):
            heed_pending()
            yield
    finally:
        timer.cancel()
        _stand_still()


def take_pending() -> bool:
    """Whether an interrupt waits; it no longer does."""
    pending, _state.taken = _state.pending, _state.received
    return pending


def heed_pending() -> None:
    """Raises KeyboardInterrupt where one waits and is not held.

    It is held also while an earlier one unwinds the stack: none ends an __exit__ half done.
    """
    if not _state.pending or _leaving.locked():
        return
    if _state.mode == "abandoned":
        leave()
    if _state.mode == "heeded" and not _unwinding():
        _state.taken = _state.received
        raise KeyboardInterrupt


def hand_over() -> None:
    """Nobody listens any more: what comes from now on waits for the program that this process becomes.

    They stay blocked through `execve`, until that one listens. Raises KeyboardInterrupt where one has come.
    """
    receiver, _state.receiver = _state.receiver, None
    if receiver is not None:
        assert receiver.ident is not None
        signal.pthread_kill(receiver.ident, _CARRIER)
        receiver.join()
    heed_pending()


def deafen() -> None:
    """The command is over: nothing that comes now changes how it ends, nor does it end twice."""
    _state.mode = "deaf"
    _stand_still()


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


def _unwinding() -> bool:
    """Whether the code that runs here deals with an interrupt; one that was swallowed is none any more."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _notice() -> None:
    _state.noticed = _state.received
    heed_pending()


def _again(unraisable: "sys.UnraisableHookArgs") -> None:
    """An interrupt that was raised where none can be, such as in a __del__, is raised again."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _state.taken = _state.received - 1
    else:
        sys.__unraisablehook__(unraisable)


def _receive(ending: set[signal.Signals]) -> None:
    main = threading.main_thread().ident
    assert main is not None
    where, since = _whereabouts(main), time.monotonic()
    while (came := _wait(ending)) != _CARRIER:
        here, now = _whereabouts(main), time.monotonic()
        if here != where:
            where, since = here, now
        if came:
            _state.received += 1
            if _state.mode == "abandoned" or now - since > _PATIENCE_SECONDS:
                leave()
        # The news may have come as the main thread went to wait for something else, and not woken it.
        if _state.noticed != _state.received or (_state.pending and _state.mode == "heeded"):
            signal.pthread_kill(main, _CARRIER)


def _wait(ending: set[signal.Signals]) -> int | None:
    """One that came, or none. Nothing is looked at before the first: it would disturb what is measured."""
    awaited = {*ending, _CARRIER}
    if _state.received and hasattr(signal, "sigtimedwait"):
        came = signal.sigtimedwait(awaited, _LOOK_SECONDS)
        return came and came.si_signo
    if _state.received:  # on macOS, which lacks it
        time.sleep(_LOOK_SECONDS)
        if not signal.sigpending() & awaited:
            return None
    return signal.sigwait(awaited)


def _whereabouts(thread: int) -> tuple[object, ...]:
    """Where a thread is, and how many seconds it has computed: the same again and again where it hangs."""
    frames = traceback.walk_stack(sys._current_frames().get(thread))
    clock = getattr(time, "pthread_getcpuclockid", None)  # macOS lacks it
    seconds = time.clock_gettime(clock(thread)) if clock else time.process_time()
    return int(seconds), *((id(frame), frame.f_lasti) for frame, _ in frames)


def _stand_still() -> None:
    """For ever where another thread ends this process: how is up to that one."""
    if _leaving.locked():
        threading.Event().wait()


def leave(message: str = MESSAGE, status: int = INTERRUPTED) -> None:
    """End here and now; what is buffered for standard output is lost. No second thread does the same."""
    if not _leaving.acquire(blocking=False):
        return
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
