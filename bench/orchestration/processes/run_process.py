"""The process of a run from its first moment to its last, whether it was forked or is a fresh interpreter."""

import contextlib
import faulthandler
import io
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from bench.data.datasets import Dataset
from bench.import_path import program_with_bench
from bench.orchestration.processes.death import birth
from bench.orchestration.processes.lifeline import die_with, die_with_parent, set_title
from bench.orchestration.processes.shared_data import mapped
from bench.orchestration.processes.work import Start, perform
from bench.records.measurement import StartMethod

TITLE = "bench-run"
_OOM_SCORE_ADJ = Path("/proc/self/oom_score_adj")
_MOST_KILLABLE = "1000"


@dataclass(frozen=True)
class Descriptors:
    """What the process is given, as numbers of open files.

    `channel` brings its work and takes its reports, `lease` is a pipe at whose end it dies, `errors` takes
    what it says, and `reserved` is the socket of the port that is its own, -1 where it has none.
    """

    channel: int
    lease: int
    errors: int
    reserved: int = -1

    def all(self) -> tuple[int, ...]:
        """Those that there are."""
        numbers = (self.channel, self.lease, self.errors, self.reserved)
        return tuple(number for number in numbers if number >= 0)


def live(
    given: Descriptors, datasets: Mapping[str, Dataset], method: StartMethod, folder: str | None = None
) -> NoReturn:
    """Be the process of a run, and end. Its temporary files go below `folder`, if given.

    Nothing of TensorFlow is torn down: the kernel takes back all that the process had.
    """
    status = 1
    try:
        die_with(given.lease)
        _settle(given.errors, folder)
        channel = Connection(given.channel)
        channel.send(birth())
        work, asked_ns = channel.recv()
        os.environ.update(work.environ)
        perform(work, Start(method, asked_ns, folder), datasets, channel.send)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def program(given: Descriptors, data: int, parent: int = 0, folder: str | None = None) -> str:
    """For `python -P -c`: `fresh`."""
    call = f"fresh({given!r}, {data}, {parent}, {folder!r})"
    names = f"from {__name__} import Descriptors, fresh"
    return program_with_bench(f"{names}; {call}")


def fresh(given: Descriptors, data: int, parent: int, folder: str | None) -> NoReturn:
    """`live` in an interpreter of its own, with the data sets in the file of descriptor `data`.

    `parent` is the process that it dies with, 0 where that may have more than one thread.
    """
    if parent:
        die_with_parent(parent)
    live(given, mapped(data), "spawn", folder)


def _settle(errors: int, folder: str | None) -> None:
    """Standard streams, signals and names of its own, whatever those of whoever started it are."""
    set_title(TITLE)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, stream in ((nothing, 0), (errors, 1), (errors, 2)):
        os.dup2(source, stream)
    os.close(nothing)
    os.close(errors)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # else what a killed one has said is lost
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    faulthandler.enable(2)
    with contextlib.suppress(OSError):  # no kernel of this kind
        _OOM_SCORE_ADJ.write_text(_MOST_KILLABLE)
    if folder is not None:
        own = Path(folder) / str(os.getpid())
        own.mkdir(mode=0o700)
        os.environ["TMPDIR"] = tempfile.tempdir = str(own)
