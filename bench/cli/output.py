"""Standard output: the console that commands print to, and what becomes of a reader that has gone."""

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def terminal() -> "Console":
    """A console on standard output. Where its reader goes, a command still does its work to the end."""
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            discard_output()

    return Terminal()


def write(text: str) -> None:
    """Text to standard output as it is, for other programs to read."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Write to nowhere from here on: the reader of a pipe, such as head, has seen enough."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def replace_what_cannot_be_shown() -> None:
    """A terminal without UTF-8 gets a question mark for each µ, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
