"""A function in a process of its own: what a library says there is heard only where the process fails."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from bench.errors import BenchError
from bench.orchestration.death import last_heard, last_words

HEARD_BYTES = 2**16
"""The end of what it says: a fatal error comes last, or with a stack trace behind it."""
_Result = TypeVar("_Result")


def aside(work: Callable[..., _Result], *arguments: object) -> _Result:
    """What `work` gives in a fresh process; both ways all is pickled.

    Raises the BenchError that it raises, and one that says in a line how the process ended where it died: by
    any other exception, by a signal, by a library that ends it for an option that it does not know.
    """
    context = multiprocessing.get_context("spawn")
    told, teller = context.Pipe(duplex=False)
    heard, speaker = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(teller, speaker, work, arguments), daemon=True)
    with _no_folder_on_the_path():
        process.start()
    try:
        teller.close()
        speaker.close()
        answer, said = _listen(told, heard)
        process.join()
    finally:
        process.kill()
        process.join()
    if answer is None:
        raise BenchError(_how_it_ended(process.exitcode or 0, said))
    result, error = answer
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]  # of the type that `work` gives


@contextlib.contextmanager
def _no_folder_on_the_path() -> Iterator[None]:
    """A fresh interpreter would look into the current folder first, until it is told where to look."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _work(teller: Connection, speaker: Connection, work: Callable[..., object], arguments: Any) -> None:  # noqa: ANN401
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    for descriptor in (1, 2):
        os.dup2(speaker.fileno(), descriptor)
    speaker.close()
    result: object = None
    error: BenchError | None = None
    try:
        result = work(*arguments)
    except BenchError as found:
        error = found
    teller.send((result, error))


def _end_with_the_parent() -> None:
    """Nobody waits for what it finds once that is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _listen(told: Connection, heard: Connection) -> tuple[Any, str]:
    """What the process gives, None where it dies before; and the end of what is said in it."""
    answer, said, open_ = None, b"", {told, heard}
    while open_:
        for connection in wait(open_):
            if connection is told:
                with contextlib.suppress(EOFError):
                    answer = told.recv()
                open_.discard(told)
            elif part := os.read(heard.fileno(), HEARD_BYTES):
                said = (said + part)[-HEARD_BYTES:]
            else:
                open_.discard(heard)
    return answer, said.decode(errors="replace")


def _how_it_ended(exitcode: int, said: str) -> str:
    ended = f"was ended by {signal.Signals(-exitcode).name}" if exitcode < 0 else f"ended with {exitcode}"
    lines = said.splitlines()
    words = last_words(lines)[0] or last_heard(lines)
    if words is None:
        return f"the process that measures {ended} without a word; see whether memory was short"
    return f"the process that measures {ended}: {words}; mend or unset what it names"
