"""Cases in a child process: one that crashes or hangs is a finding, and the next child goes on after it."""

import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from random import Random

from tests.fuzz.judge import FINDING, Outcome, judged

MEMORY_BYTES = 12 * 2**30
"""Of address space, of which libraries reserve far more than they use."""


def random_of(seed, kind, number):
    """All that is random in a case."""
    return Random(f"{seed} {kind.name} {number}")


def outcomes(kind, numbers, seed, scratch, seconds):
    """Gives (number, Outcome) for each case of `kind`; its input is left in `scratch`/NUMBER at a finding.

    A case that takes longer than `seconds` is a finding, too.
    """
    left = list(numbers)
    while left:
        for number, outcome in in_a_child(kind, tuple(left), seed, scratch, seconds):
            left.remove(number)
            yield number, outcome


def in_a_child(kind, numbers, seed, scratch, seconds):
    """The outcomes of the cases that one child gets through, and of the one that it does not survive."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(reader)
        live(kind, numbers, seed, scratch, writer)
    os.close(writer)
    try:
        with open(reader, "rb", buffering=0) as lines:  # noqa: PTH123 -- a descriptor
            yield from told(numbers, lines, seconds)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def told(numbers, lines, seconds):
    """What the child tells, a line a case."""
    buffer = b""
    for number in numbers:
        end = time.monotonic() + seconds
        while b"\n" not in buffer:
            ready, _, _ = select.select([lines], [], [], max(0.0, end - time.monotonic()))
            part = lines.read(65_536) if ready else None
            if not ready:
                yield number, Outcome(FINDING, "hangs", f"nothing after {seconds:g} s")
                return
            if not part:
                yield number, Outcome(FINDING, "crashes", "the process died without a word")
                return
            buffer += part
        line, _, buffer = buffer.partition(b"\n")
        yield number, Outcome(**json.loads(line))


def outcome_of(kind, folder, random):
    try:
        feed = kind.case(folder, random)
    except Exception as error:
        what = f"a fault of the fuzzer itself, {type(error).__name__}"
        return Outcome(FINDING, what, traceback.format_exc())
    return judged(feed)


def live(kind, numbers, seed, scratch, writer):
    """The child: never returns."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        kind.begin()
        for number in numbers:
            folder = scratch / str(number)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            outcome = outcome_of(kind, folder, random_of(seed, kind, number))
            if outcome.kind != FINDING:
                shutil.rmtree(folder)
            os.write(writer, outcome.as_json().encode() + b"\n")
        status = 0
    except BaseException:
        traceback.print_exc()  # of this program itself
    finally:
        os._exit(status)
