"""Jobs in processes of their own, which are killed after a while; what they tell until then is heard."""

import contextlib
import itertools
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass

import pandas  # noqa: F401 -- which pyarrow would look for in each copy of this process

_STEPS = frozenset(("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "ctypes.dlsym"))
"""Of what Python tells by audit events: one that finds a function of the system's does so to call it."""


@dataclass(frozen=True)
class Ended:
    """Whether a job was `killed`, how many `seconds` it took, and what it `told`, in order."""

    killed: bool
    seconds: float
    told: list


def ended(job, delay=None, step=None):
    """What becomes of `job`, called with a function that tells, in a copy of this process.

    It is killed `delay` seconds after it began, or just before it changes files for the time number `step`;
    with neither it is left alone. What it opens, and which threads it begins, is its own.
    """
    ear, mouth = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if not child:
        os.close(ear)
        os._exit(_work(job, mouth, step))
    os.close(mouth)
    heard = _heard(ear, child, None if delay is None else began + delay)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    took = time.perf_counter() - began
    told = [json.loads(line) for line in heard.split(b"\n")[:-1]]
    assert status in (0, -signal.SIGKILL), told[-1] if told else status
    return Ended(status != 0, took, told)


def steps_of(job):
    """How many times `job` changes files, or what is in folders."""

    def counted(tell):
        count = itertools.count()
        _at_each_step(lambda: next(count))
        job(lambda _what: None)
        tell(next(count))

    (steps,) = ended(counted).told
    return steps


def answer(job):
    """What `job` gives, as JSON has it, in a copy of this process: clients leave no threads in this one."""
    (given,) = ended(lambda tell: tell(job())).told
    return given


def _at_each_step(act):
    """`act` is called just before each of this process, from now on."""

    def heed(event, arguments):
        if event in _STEPS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            act()

    sys.addaudithook(heed)
    flushed = os.fsync

    def flush(descriptor):
        act()
        flushed(descriptor)

    os.fsync = flush


def _kill_at(step):
    left = itertools.count(step, -1)

    def act():
        if next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _at_each_step(act)


def _work(job, mouth, step):
    def tell(what):
        data = f"{json.dumps(what)}\n".encode()
        while data:
            data = data[os.write(mouth, data) :]

    try:
        if step is not None:
            _kill_at(step)
        job(tell)
    except BaseException:
        with contextlib.suppress(OSError):
            tell(traceback.format_exc())
        return 1
    return 0


def _heard(ear, child, end):
    heard = bytearray()
    with open(ear, "rb", buffering=0) as lines:  # noqa: PTH123 -- a descriptor
        while end is None or time.perf_counter() < end:
            left = None if end is None else max(end - time.perf_counter(), 0)
            if not select.select([lines], [], [], left)[0]:
                break
            if not (some := lines.read(2**16)):
                return heard
            heard += some
        os.kill(child, signal.SIGKILL)
        heard += lines.read()
    return heard
