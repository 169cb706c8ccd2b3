"""The command line: one thin function per command, each importing what it needs when it runs."""

import atexit
import os
import sys
import threading
from typing import Any

import typer

from bench import __version__
from bench.cli.check import check
from bench.cli.compare import compare
from bench.cli.import_ import import_
from bench.cli.list import list_
from bench.cli.plan import plan
from bench.cli.probe import probe
from bench.cli.report import report
from bench.cli.run import run
from bench.cli.show import show
from bench.cli.streams import streams
from bench.errors import BenchError
from bench.import_path import leave_out_current_folder
from bench.orchestration import signals
from bench.uri import NETWORK
from bench.views.visible import visible

app = typer.Typer(
    name="bench",
    help=(
        "How long does this training really take here, how accurate does it get, "
        "and is that machine really faster?"
    ),
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(plan)
app.command()(run)
app.command()(show)
app.command()(compare)
app.command()(report)
app.command()(probe)
app.command("list")(list_)
app.command()(check)
app.command("import")(import_)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    _show_version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Without a command: the help."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """The `bench` command: 0 done, 1 some runs did not end ok, 2 wrong usage or input, 130 interrupted.

    1 also where a gate fails, 3 where it cannot tell. 2 also where the cluster is gone, and where standard
    output took not all that was asked for; a session and a report are kept elsewhere.
    """
    leave_out_current_folder()
    streams.guard()
    signals.listen()
    status, why = _ended()
    if why:
        _complain(why)
    status = _told(status)
    if _is_waiting():
        atexit.register(_leave, status)
    sys.exit(status)


def _is_waiting() -> bool:
    return any(thread.name == NETWORK for thread in threading.enumerate())


def _leave(status: int) -> None:
    """The client of an object store would wait for its answers as this process ends, however long."""
    if _is_waiting():
        os._exit(status)


def _ended() -> tuple[int, str | None]:
    """The status, and the line that says why. From here on no signal changes them, or raises anything."""
    try:
        status, why = _run()
        signals.deafen()
    except BaseException as error:
        signals.deafen()
        if not isinstance(error, KeyboardInterrupt | typer.Abort):
            raise
        status, why = signals.INTERRUPTED, None
    # Some versions of typer make a status of an interrupt themselves.
    return status, signals.MESSAGE if status == signals.INTERRUPTED else why


def _run() -> tuple[int, str | None]:
    try:
        status = app(prog_name="bench", standalone_mode=False, complete_var="")  # no shell's completion
    except BenchError as error:
        return error.exit_status, str(error)
    except MemoryError:
        return 2, "out of memory; give it more, or less to read"
    except OSError as error:
        return 2, f"{error.filename or 'the system'}: {error.strerror or error}"
    except typer.Abort:
        raise
    except Exception as error:
        # Usage errors are click's, and typer brings a click of its own: known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        return 2, _usage(error)
    return status if isinstance(status, int) else 0, None


def _told(status: int) -> int:
    """The status to end with, once it is known whether what was printed got anywhere."""
    why = streams.unwritten()
    if why is None or status:
        return status
    rest = "all else is done" if streams.spare else "lead it elsewhere"
    _complain(f"standard output: cannot be written: {why}; {rest}")
    return status if streams.spare else 2


def _usage(error: Any) -> str:  # noqa: ANN401 -- a click exception of whichever click typer uses
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "bench"
    message = error.format_message().rstrip(".").splitlines()[0]
    for pydantics, ours in (("Value error, ", ""), ("Input should be", "must be")):
        message = message.replace(pydantics, ours)
    return f"{message}; see {command} --help"


def _complain(message: str) -> None:
    typer.echo(f"bench: {visible(message)}", err=True)
