"""Having a process end with those that it works for, whatever it does at the time.

The kernel sends the signal, so that it arrives where every thread is in C code or waits for Python's lock.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys
import threading

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # prctl(2)


def die_with(pipe: int) -> None:
    """Have this process killed once all writing ends of `pipe` are closed; at once where they are.

    Nothing may ever be written to it. Sources: F_SETSIG and O_ASYNC in fcntl(2), `pipe_release` in the
    kernel's fs/pipe.c. A thread waits for it where the system knows no such signal.
    """
    if not _signalled_by(pipe):
        threading.Thread(target=_exit_after, args=(pipe,), daemon=True).start()
        return
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    if waiting.poll(0):  # before it was asked for
        _end()


def _signalled_by(pipe: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        _set_flag(pipe, os.O_ASYNC, True)
    except OSError:  # a kernel that only looks like Linux
        return False
    return True


def outlive(pipe: int) -> None:
    """Take `die_with` back, for whoever goes on to look at the pipe itself."""
    if sys.platform == "linux":
        _set_flag(pipe, os.O_ASYNC, False)


def die_with_parent(parent: int) -> None:
    """Have this process killed once the thread that started it ends, the only one of process `parent`."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform == "linux" and os.getppid() != parent:
        _end()


def set_title(name: str) -> None:
    """Show as `name`, of 15 characters at most, in ps and top."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))


def _prctl(option: int, value: object) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _set_flag(descriptor: int, flag: int, on: bool) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | flag if on else flags & ~flag)


def _exit_after(pipe: int) -> None:
    with contextlib.suppress(OSError):
        os.read(pipe, 1)
    _end()


def _end() -> None:
    """As the kernel would have ended it, lest who reads its exit status take it for an end of its own."""
    os.kill(os.getpid(), signal.SIGKILL)
