"""Sessions of other machines copied into a folder of results: verified, and each once."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from bench.errors import DamagedError, StoreError
from bench.records.checking import check_session
from bench.records.comparing import compare_copies
from bench.records.find import SessionFolder
from bench.records.folders import Local
from bench.records.going_on import is_going_on
from bench.records.listing import listed, sessions_below

Outcome = Literal["imported", "replaced", "already there", "refused"]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True)
class Imported:
    """What became of a session that lay at `source`: unless it was `refused`, its copy is at `target`.

    One that is `replaced` was there before, with `had` runs, each of which the longer copy holds. `why` is a
    line on what stands in the way, and what to do.
    """

    source: str
    outcome: Outcome
    session_id: str | None = None
    target: str | None = None
    runs: int | None = None
    had: int | None = None
    bytes: int = 0
    why: str = ""


class Destination(Protocol):
    """A folder of results that sessions are copied into."""

    def prepare(self) -> None:
        """Raises StoreError where nothing can be written there."""

    def copies(self, session_id: str, name: str) -> list[SessionFolder]:
        """Those of a session that are there, perhaps in a folder of that `name`."""

    def target(self, name: str) -> str:
        """The path of a folder of that `name` there, which is free. Raises StoreError where it is not."""

    def replaceable(self, copies: Sequence[SessionFolder]) -> SessionFolder:
        """The one of them whose place a longer copy takes. Raises StoreError where none can be."""

    def alone(self, there: SessionFolder) -> AbstractContextManager[object]:
        """While it lasts nobody else writes that copy. Raises StoreError where somebody does."""

    def put(self, session: SessionFolder, target: str) -> int:
        """A verified copy of `session` is at `target` once this returns, in one step for whoever looks.

        Gives its bytes. Raises StoreError where it cannot be.
        """


class Importer:
    """Copies sessions to a `Destination`; with `dry_run` it only tells what it would do.

    `notes` are lines on folders that could not be looked into.
    """

    def __init__(self, paths: Sequence[str], destination: Destination, dry_run: bool = False) -> None:
        """Of the sessions at or below `paths`.

        Raises StoreError where a path holds none, and where nothing can be written at the destination.
        """
        if not dry_run:
            destination.prepare()
        self._sessions, self.notes = sessions_below(paths)
        self._destination, self._dry_run = destination, dry_run
        self._planned: dict[str, SessionFolder] = {}

    def __iter__(self) -> Iterator[Imported]:
        """Each of them, once it is done."""
        for session in self._sessions:
            yield self._one(session)

    def _one(self, session: SessionFolder) -> Imported:
        about = listed(session)
        done = Imported(session.folder.path, "refused", about.session_id, None, about.runs, None, about.bytes)
        if is_going_on(session.folder):
            return replace(done, why="it is still going on; import it once it has ended")
        if about.session_id is None:
            return replace(done, why=f"{about.problem or 'does not tell its name'}; see bench check")
        try:
            return self._told_apart(session, done, _name(session, about.session_id))
        except DamagedError as error:
            what = str(error).partition(";")[0]
            return replace(done, why=f"{what}; bench check --repair it first, or take another copy")
        except StoreError as error:
            return replace(done, why=str(error))

    def _told_apart(self, session: SessionFolder, done: Imported, name: str) -> Imported:
        """By what is there of it: the longer copy stays, or comes."""
        known, damaged = self._copies(str(done.session_id), name), list[str]()
        for there in known:
            path = there.folder.path
            if path == session.folder.path:
                return replace(done, outcome="already there", target=path, had=listed(there).runs)
            if why := _damaged(there):
                damaged.append(why)
                continue
            compared = compare_copies(session, there)
            if compared in ("same", "shorter"):
                return replace(done, outcome="already there", target=path, had=listed(there).runs)
            if compared == "forked":
                why = f"{path} is the same session, and each has runs that the other lacks"
                return replace(done, why=f"{why}; give another --results")
        if damaged:
            return replace(done, why=damaged[0])
        if not known:
            target = self._destination.target(name)
            return self._put(session, replace(done, outcome="imported", target=target))
        return self._in_place_of(self._destination.replaceable(known), session, done)

    def _copies(self, session_id: str, name: str) -> list[SessionFolder]:
        if planned := self._planned.get(session_id):
            return [planned]
        return self._destination.copies(session_id, name)

    def _in_place_of(self, there: SessionFolder, session: SessionFolder, done: Imported) -> Imported:
        """The longer copy in place of the one that is `there`."""
        old, had = there.folder.path, listed(there).runs
        with self._destination.alone(there):
            if compare_copies(session, there) != "longer":
                return replace(done, why=f"{old} changed meanwhile; import it again")
            return self._put(session, replace(done, outcome="replaced", target=old, had=had))

    def _put(self, session: SessionFolder, done: Imported) -> Imported:
        if self._dry_run:
            self._planned[str(done.session_id)] = session
            return done
        return replace(done, bytes=self._destination.put(session, str(done.target)))


def _name(session: SessionFolder, session_id: str) -> str:
    """Its folder's name there: that of the session, which no other one has, or that of its folder here."""
    own = session.folder.path.rstrip("/").rpartition("/")[2]
    name = next((it for it in (session_id, own) if _NAME.fullmatch(it)), None)
    if name is None:
        raise StoreError(f"{session.folder.path}: its name cannot be a folder's; copy it by hand")
    return name


def _damaged(there: SessionFolder) -> str | None:
    """A line on the copy that is there already, and what to do, where it is damaged."""
    checked = check_session(there)
    if not checked.damage:
        return None
    repairable = checked.repair is not None and isinstance(there.folder, Local)
    first = f"bench check --repair {there.folder.path}" if repairable else "move it away"
    return f"the copy that is there is damaged: {checked.damage[0]}; {first}, then import it again"
