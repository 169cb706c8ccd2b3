"""Why a process died: what it was born with, what it left behind, and what both say together. No Ray here.

Whoever starts a process asks it for its `birth` first. Once it is gone, `remains` of that birth are looked at
on the same node, and `cause` makes a status and one line of them.

Whoever it is a child of knows more: its exit status.

A process that ended itself by a fatal error (an abort, a fault) has failed, since it would do so again; one
that the kernel killed for want of memory ran out of the host's; of any other nothing is known but that it is
gone: it is lost, and may be tried again.
"""

import os
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.machine.cgroup import Cgroup, oom_kills_in
from bench.machine.files import ROOT
from bench.records.kinds import DeviceKind
from bench.records.measurement import Status
from bench.training.failure import status_of_words

TAIL_BYTES = 2**16
LONGEST = 500
"""Characters of a reason: a message of XLA alone can fill pages."""
_LOGGED = re.compile(r"(?P<level>[IWEF])\d{4} [\d:.]+\s+\d+ [\w./-]+:\d+\] (?P<text>.*)")
"""A line of TensorFlow's log (absl's): level, day, time, thread, file and line."""
_LOGGED_EARLIER = re.compile(r"[\d-]+ [\d:.]+: (?P<level>[IWEF]) [\w./-]+:\d+\] (?P<text>.*)")
_BY_PYTHON = re.compile(r"Fatal Python error: (?P<text>.+)")
"""Python's faulthandler, which Ray enables in each worker, and Python itself."""
_BY_LIBRARY = re.compile(
    r"(?P<text>terminate called .*|pure virtual method called|\*\*\* stack smashing detected.*"
    r"|(?:free|malloc|realloc|munmap_chunk|double free|corrupted)\b.*(?:invalid|corrupt|mismatch).*"
    r"|.*symbol lookup error: .*|.*cannot allocate memory in static TLS block.*)"
)
"""The C and C++ libraries' last words before they abort; the dynamic linker's before it exits."""
_WHAT = re.compile(r"\s*what\(\):\s*(?P<text>.+)")
_SIGNALLED = re.compile(r"\*\*\* (?P<text>SIG(?:ABRT|SEGV|BUS|ILL|FPE|TRAP)) received")
"""Absl's failure handler; it says the same of SIGTERM, by which a process is told to end."""
_NOISE = re.compile(
    r":\w+:|WARNING: All log messages|failed call to cuInit|Loading XLA:CPU AOT result"
    r"|Error parsing text-format tensorflow.XlaSerializedCacheEntry"
)
"""Ray's marks in a log, what TensorFlow says without a GPU, and what of every program that XLA had cached."""
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_SIGNALS = {
    "Aborted": "SIGABRT",
    "Segmentation fault": "SIGSEGV",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
    "Floating point exception": "SIGFPE",
    "Floating-point exception": "SIGFPE",
}


@dataclass(frozen=True)
class Birth:
    """What a process says of itself before anything can have gone wrong.

    `error_output` is the file that its standard error goes to, None where that is no file. `oom_kills` are
    the counts of its control groups, and `memory_limit` what they allow it in bytes.
    """

    process_id: int
    error_output: str | None = None
    oom_kills: Mapping[str, int] | None = None
    memory_limit: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a process ended, as whoever started it knows: by its exit status, negative for a signal.

    `oom_kills` are the counts of kills for memory that rose with its end, where it was killed.
    """

    process_id: int
    status: int
    oom_kills: tuple[str, ...] = ()


@dataclass(frozen=True)
class Remains:
    """What a process left: the last lines of its error output, and which counts of kills for memory rose."""

    last_lines: tuple[str, ...] = ()
    oom_kills: tuple[str, ...] = ()


def birth(root: Path = ROOT) -> Birth:
    """Of this process."""
    group = Cgroup(root)
    return Birth(os.getpid(), _error_output(), group.oom_kills(), group.memory_limit())


def remains(born: Birth) -> Remains:
    """Of a process of this node that is gone, as far as they can be found."""
    before = born.oom_kills or {}
    risen = tuple(file for file, count in oom_kills_in(before).items() if count > before[file])
    return Remains(_last_lines(born.error_output), risen)


def cause(born: Birth, left: Remains, kind: DeviceKind, exit_status: int | None = None) -> tuple[Status, str]:
    """The status of the run that the process had, and the reason in one line.

    With its `exit_status`, negative for a signal, that says who ended it where nothing else does.
    """
    who = f"its process {born.process_id}"
    words, fatal = last_words(left.last_lines)
    if words is not None:
        by = f" ({fatal})" if fatal else ""
        return status_of_words(words, kind) or "failed", _short(f"{who} ended itself{by}: {words}")
    if left.oom_kills:
        limit = born.memory_limit
        allowed = f", of which its control group has {limit / 2**20:,.0f} MiB" if limit else ""
        return "oom_host", f"the kernel killed {who} for want of memory{allowed}"
    heard = last_heard(left.last_lines)
    last = f"; its last words: {heard}" if heard else ""
    by_itself = _by_itself(exit_status)
    if by_itself is not None:
        return "failed", _short(f"{who} {by_itself}{last}")
    return "lost", _short(f"{who} is gone without a reason, as if killed from outside{last}")


def _by_itself(exit_status: int | None) -> str | None:
    """How a process ended itself; None where nothing is known of it, or it was killed from outside."""
    if exit_status is None or -exit_status in _FROM_OUTSIDE:
        return None
    if exit_status < 0:
        return f"ended itself ({signal.Signals(-exit_status).name}) without a word"
    return f"ended with exit status {exit_status} before its run was over"


def _error_output() -> str | None:
    try:
        path = Path("/proc/self/fd/2").readlink()
    except OSError:
        return None
    return str(path) if path.is_file() else None


def _last_lines(path: str | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        with Path(path).open("rb") as file:
            return lines_at_end(file)
    except OSError:
        return ()


def lines_at_end(file: IO[bytes]) -> tuple[str, ...]:
    """The last lines of a file, of which the first may be a part."""
    file.seek(max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
    return tuple(file.read().decode(errors="replace").splitlines())


def last_words(lines: Iterable[str]) -> tuple[str | None, str | None]:
    """What a process said of the fatal error that it ended by, and the signal; None where it did not.

    The first that is fatal counts: what follows comes of it. What a library says tells more than Python's
    name of the signal, which comes last.
    """
    found: str | None = None
    name: str | None = None
    for line in lines:
        if by_python := _BY_PYTHON.match(line):
            name = name or _SIGNALS.get(by_python["text"])
            found = found or by_python["text"]
        elif signalled := _SIGNALLED.search(line):
            name = name or signalled["text"]
        elif (what := _WHAT.match(line)) and found:
            found = f"{found}: {what['text']}"
        elif text := _fatal(line):
            found = found or text
    return (found or name), name


def _fatal(line: str) -> str | None:
    logged = _LOGGED.match(line) or _LOGGED_EARLIER.match(line)
    if logged:
        return logged["text"] if logged["level"] == "F" else None
    by_library = _BY_LIBRARY.match(line)
    return by_library["text"] if by_library else None


def last_heard(lines: Sequence[str]) -> str | None:
    """The last line that is an error or was printed by no log at all, such as a traceback's."""
    for line in reversed(lines):
        logged = _LOGGED.match(line) or _LOGGED_EARLIER.match(line)
        text = line.strip() if logged is None else logged["text"] if logged["level"] == "E" else ""
        if text and not _NOISE.match(text):
            return text
    return None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
