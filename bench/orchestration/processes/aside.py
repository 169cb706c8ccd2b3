"""A function in a process of its own: what a library says there is heard only where the process fails.

That is no process of multiprocessing, which would start another one to track resources, and let go of the
signals that are blocked here (`ensure_running` in multiprocessing/resource_tracker.py).
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, BinaryIO, TypeVar

from bench.errors import BenchError
from bench.import_path import PYTHONS_OWN, program_with_bench
from bench.machine.modules import check_same_bench, sources
from bench.orchestration.processes.death import Birth, birth, cause, last_heard, last_words, remains

HEARD_BYTES = 2**16
"""The end of what it says: a fatal error comes last, or with a stack trace behind it."""
_Result = TypeVar("_Result")


def aside(work: Callable[..., _Result], *arguments: object) -> _Result:
    """What `work` gives in a fresh process, which imports this very `bench`; both ways all is pickled.

    Raises the BenchError that it raises, and one that says in a line how the process ended where it died: by
    any other exception, by a signal, by a library that ends it for an option that it does not know, by the
    kernel for want of memory.
    """
    told, teller = Pipe(duplex=False)
    with told, teller, _process(teller) as process:
        teller.close()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            pickle.dump((sources(), pickle.dumps((work, arguments))), process.stdin)
            process.stdin.flush()
        messages, said = _listen(told, process.stdout)
        process.wait()
    if len(messages) < 2:
        raise BenchError(_how_it_ended(process.returncode, said, *messages))
    _, (result, error) = messages
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]  # of the type that `work` gives


def environment() -> dict[str, str]:
    """What the process has of this one's."""
    return {name: value for name, value in os.environ.items() if name not in PYTHONS_OWN}


@contextlib.contextmanager
def _process(teller: Connection) -> Iterator[subprocess.Popen[bytes]]:
    """It tells by `teller`; its end comes with the block's."""
    program = program_with_bench(
        f"from bench.orchestration.processes.aside import serve; serve({teller.fileno()})"
    )
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            pass_fds=[teller.fileno()],
        )
    except OSError as error:
        raise BenchError(f"no process can be started to measure in: {error.strerror or error}") from error
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


def serve(descriptor: int) -> None:
    """In the process: do what standard input asks, and tell by `descriptor` who did and what came of it."""
    teller = Connection(descriptor, readable=False)
    teller.send(birth())
    asked = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    of_command, call = pickle.load(asked)
    threading.Thread(target=_end_with, args=(asked,), daemon=True).start()
    result: object = None
    error: BenchError | None = None
    try:
        check_same_bench(of_command)
        work, arguments = pickle.loads(call)
        result = work(*arguments)
    except BenchError as found:
        error = found
    teller.send((result, error))


def _end_with(asked: BinaryIO) -> None:
    """Nobody waits for what it finds once whoever asked is gone, even if that was killed."""
    asked.read()
    os._exit(1)


def _listen(told: Connection, heard: Any) -> tuple[list[Any], str]:  # noqa: ANN401 -- bytes, buffered
    """What the process tells, less where it dies before; and the end of what is said in it."""
    messages, said, open_ = list[Any](), b"", {told, heard}
    while open_:
        for connection in wait(open_):
            if connection is told:
                try:
                    messages.append(told.recv())
                except EOFError:
                    open_.discard(told)
            elif part := os.read(heard.fileno(), HEARD_BYTES):
                said = (said + part)[-HEARD_BYTES:]
            else:
                open_.discard(heard)
    return messages, said.decode(errors="replace")


def _how_it_ended(status: int, said: str, born: Birth | None = None) -> str:
    ended = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
    lines = said.splitlines()
    if born is not None and status == -signal.SIGKILL:
        why, text = cause(born, remains(born), "cpu")
        if why == "oom_host":
            return f"{text}; give it more"
    words = last_words(lines)[0] or last_heard(lines)
    if words is None:
        return f"the process that measures {ended} without a word; see whether memory was short"
    return f"the process that measures {ended}: {words}; mend or unset what it names"
