"""Sessions on disk: what is asked for of them, read as the union of any number of folders."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from bench.errors import StoreError
from bench.records.asked import Asked, Condition, Named, Tables, nothing
from bench.records.copies import Copies, by_session
from bench.records.find import SessionFolder, find_sessions
from bench.records.folders import Local, folder_of
from bench.records.session import Opened, Part, open_session, read_part
from bench.records.side_by_side import ELSEWHERE, side_by_side
from bench.records.tables import TableName
from bench.records.unite import tables_of, united
from bench.uri import shown

__all__ = ["Tables", "Where", "read_sessions"]

THREADS = 4
"""They read and decode side by side: enough that a file that is waited for keeps no core idle. pyarrow and
the hashes let go of Python's lock."""
AT_ONCE = 16
"""Sessions that are united before the others are."""

Where = Sequence[str | SessionFolder]
"""Paths, at or below which sessions lie, and folders of sessions that were found already."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def read_sessions(
    paths: Where,
    levels: float = math.inf,
    columns: Mapping[TableName, Sequence[str]] | None = None,
    condition: Condition | None = None,
    given_up: threading.Event | None = None,
) -> Tables:
    """The union of all sessions at or below `paths`, however deep unless `levels` says.

    Of the tables that `columns` names it has those columns, of others no rows; texts may come as
    dictionaries then. Of the runs it has those for which `condition` holds, and neither epochs nor machines
    of sessions without such a run.

    A session that lies in several places counts once. One that cannot be read, as a folder that cannot be
    looked into, is left out, which `notes` say. Raises StoreError where a path leads nowhere or holds no
    session, where nothing is left, and once it is `given_up`; ConditionError for a condition that means
    nothing.
    """
    asked, left_out = Asked(columns, condition), list[StoreError]()
    if asked.names_others:  # which columns there are, and of which type, all tables together tell
        return _tables([Part.of(read_sessions(paths, levels)).chosen(asked)], asked)
    sessions = _found(paths, levels, left_out)
    if condition is not None:
        condition.rows_held(nothing("runs"))
    here = all(isinstance(one.folder, Local) for one in sessions)
    threads, at_once = (THREADS, AT_ONCE) if here else (ELSEWHERE, 1)
    given_up = given_up or threading.Event()
    found = side_by_side(_until(given_up, lambda at: _opened(at, asked, left_out)), sessions, threads)
    batches = _batches(by_session([one for one in found if one is not None]), at_once)
    read = side_by_side(_until(given_up, lambda some: _read(some, asked, left_out)), batches, threads)
    parts = [part for some in read for part in some]
    left_out.sort(key=str)  # threads have an order of their own
    if not parts:
        raise _nothing_left(left_out)
    return _tables(
        parts, asked, dict.fromkeys(f"left out: {error}" for error in left_out)
    )  # paths may overlap


def _until(given_up: threading.Event, function: Callable[[_T], _R]) -> Callable[[_T], _R]:
    def called(item: _T) -> _R:
        if given_up.is_set():
            raise StoreError("nobody waits for it any more")
        return function(item)

    return called


def _found(paths: Where, levels: float, left_out: list[StoreError]) -> list[SessionFolder]:
    sessions: dict[str, SessionFolder] = {}
    for path in paths:
        if isinstance(path, SessionFolder):
            sessions[path.folder.path] = path
            continue
        found = find_sessions(folder_of(path), levels)
        if not found.sessions and not found.left_out:
            raise StoreError(f"{shown(path)}: holds no session; `bench run SUITE` makes one")
        sessions |= {session.folder.path: session for session in found.sessions}
        left_out += found.left_out
    return list(sessions.values())


def _opened(at: SessionFolder, asked: Asked, left_out: list[StoreError]) -> tuple[Opened, Part | None] | None:
    """A session with its name: what is asked for of it where that has to be read for its name, too."""
    try:
        opened = open_session(at)
        return opened, read_part(opened, asked) if opened.session_id is None else None
    except StoreError as error:
        left_out.append(error)
        return None


def _read(sessions: Sequence[Copies], asked: Asked, left_out: list[StoreError]) -> list[Part]:
    """What there is of some sessions: as one, unless all columns are asked for, of which some have others."""
    parts = [part for part in (copies.read(asked, left_out) for copies in sessions) if part is not None]
    if asked.columns is None or not parts:
        return parts
    notes = tuple(note for part in parts for note in part.notes)
    recorded = sum(part.recorded for part in parts)
    others = _others(parts)
    return [Part(united([part.rows for part in parts]), frozenset(), recorded, notes, others)]


def _tables(parts: Sequence[Part], asked: Asked, notes: Iterable[str] = ()) -> Tables:
    found = tables_of([part.rows for part in parts], asked)
    notes = (*notes, *(note for part in parts for note in part.notes))
    recorded = sum(part.recorded for part in parts)
    return Tables(found["runs"], found["epochs"], found["machines"], notes, recorded, _others(parts))


def _others(parts: Sequence[Part]) -> frozenset[Named]:
    return frozenset[Named]().union(*(part.others for part in parts))


def _batches(items: Sequence[_T], at_once: int) -> Iterator[Sequence[_T]]:
    for first in range(0, len(items), at_once):
        yield items[first : first + at_once]


def _nothing_left(left_out: Sequence[StoreError]) -> StoreError:
    more = f" (nor can {len(left_out) - 1} more)" if len(left_out) > 1 else ""
    return StoreError(f"{left_out[0]}{more}")
