"""Which of the recorded sessions a command shows: the newest, all, or all of them as one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.recorded import Columns, recorded
from bench.errors import BenchError, StoreError

if TYPE_CHECKING:
    from bench.records.newest import Places
    from bench.records.store import Tables

AllOption = Annotated[
    bool,
    typer.Option("--all", help="Every session at or below PATH, each with rows of its own."),
]
PoolOption = Annotated[
    bool,
    typer.Option("--pool", help="All of them as one: times over sessions, with intervals over sessions."),
]
_TELL = ("session_id", "started_at")


@dataclass(frozen=True)
class Chosen:
    """What is shown, and how many `others` there are that hold runs which were asked for."""

    tables: "Tables"
    others: int


def chosen(paths: Sequence[str] | None, where: str | None, columns: Columns, every: bool) -> Chosen:
    """Sessions at or below `paths` (`results` unless said): `every` one, or the newest.

    The newest is the one that began last of those that hold a run for which `where` holds. A path that is a
    session's own folder is shown whatever its age. See `recorded`, also for what is raised.
    """
    paths = paths or ["results"]
    if every:
        return Chosen(recorded(paths, where, columns), 0)
    from bench.records.newest import places_of

    places = places_of(paths)
    if len(places.below) + len(places.exact) <= 1 and not places.nested:
        return Chosen(recorded(paths, where, columns), 0)
    if not places.below and not places.left_out:
        return Chosen(recorded(list(places.exact.values()), where, columns), 0)
    return (_unread(places, columns) if where is None else None) or _read(places, paths, where, columns)


def check_scope(every: bool, pool: bool) -> None:
    """Raises BenchError where a command is asked for both."""
    if every and pool:
        raise BenchError("--all and --pool: rows by session, or one of all of them; leave one of the two out")


def _unread(places: "Places", columns: Columns) -> Chosen | None:
    """The newest, without a look at the others; None where that cannot be told, or that one not be read."""
    from bench.records.newest import newest_below

    newest = newest_below(places)
    if newest is None:
        return None
    try:
        return Chosen(recorded([*places.exact.values(), *newest.folders], None, columns), newest.others)
    except StoreError:
        if not newest.others:
            raise
        return None


def _read(places: "Places", paths: Sequence[str], where: str | None, columns: Columns) -> Chosen:
    """The newest of all that are read."""
    from bench.analysis.sessions import newest_of, of_sessions
    from bench.records.run_table import RunTable
    from bench.records.store import read_sessions

    tables = recorded(paths, where, {**columns, "runs": (*columns["runs"], *_TELL)})
    runs, shown = RunTable(tables.runs), set[str]()
    if places.exact:
        exact = read_sessions(list(places.exact.values()), columns={"runs": _TELL}).runs
        shown |= set(RunTable(exact).codes("session_id").values)
    shown |= newest_of(runs, shown)
    left = set(runs.codes("session_id").values) - shown
    machines = of_sessions(tables.machines, shown) if "machines" in columns else tables.machines
    return Chosen(replace(tables, runs=of_sessions(tables.runs, shown), machines=machines), len(left))
