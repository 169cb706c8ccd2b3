"""What people ask to see of what was recorded."""

import contextlib
import gc
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.records.asked import Condition
    from bench.records.store import Tables, Where
    from bench.records.tables import TableName

MOST_NOTES = 8
Columns = Mapping["TableName", Sequence[str]]


def recorded(paths: "Where | None", where: str | None, columns: Columns | None = None) -> "Tables":
    """The sessions at or below `paths` (`results` unless said), of their runs those for which `where` holds.

    Of each table the `columns` asked for, or all. What is left out, or cannot be as it stands, is said on
    standard error. Machines of one name have names of their own. Raises BenchError where there is no session
    or no run, and where `where` is no condition.
    """
    from bench.analysis.machines import told_apart

    return told_apart([chosen(paths or ["results"], where, columns)])[0]


def chosen(paths: "Where", where: str | None, columns: Columns | None = None) -> "Tables":
    """The same, machines called as they were recorded."""
    if where is None:
        return read(paths, columns)
    from bench.analysis.condition import Condition
    from bench.analysis.frame import holds_for_none, told

    with told(where):
        tables = read(paths, columns, Condition(where))
    if not tables.runs.num_rows:
        raise holds_for_none(where)
    return tables


def read(paths: "Where", columns: Columns | None = None, condition: "Condition | None" = None) -> "Tables":
    """The sessions at or below `paths` as they were recorded, one run at least; notes on standard error.

    Of the columns asked for, and those that machines are told apart by. A `condition` may leave no run.
    """
    from bench.analysis.machines import with_names
    from bench.records.store import read_sessions

    if condition is None:
        _give_back_memory()
    with _without_collections():
        tables = read_sessions(paths, columns=columns and with_names(columns), condition=condition)
    warn(tables.notes)
    if not tables.recorded:
        there = ", ".join(path if isinstance(path, str) else path.folder.path for path in paths)
        raise BenchError(f"{there}: no run has ended there yet; look again later")
    return tables


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Python looks for garbage in rings all the while objects are made, and in these there is none.

    That takes a fifteenth of the time to read a thousand sessions, in which the other threads wait.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _give_back_memory() -> None:
    """Let Arrow use jemalloc where it is built with it.

    A million runs then take 830 MB in place of 970: what one session's columns took before they were united
    is used for the next. Where a condition leaves few of them, that takes a fifth longer and spares nothing.
    """
    import pyarrow as pa

    with contextlib.suppress(NotImplementedError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def warn(notes: Sequence[str]) -> None:
    """Lines on standard error, the first few where there are many."""
    more = len(notes) - MOST_NOTES
    lines = [*notes[:MOST_NOTES], *([f"and {more} more of the kind"] if more > 0 else [])]
    from bench.views.visible import visible

    for line in lines:
        typer.echo(f"bench: {visible(line)}", err=True)
