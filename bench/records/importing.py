"""Sessions of other machines copied to this one: verified, each once, and put in place in one step."""

import contextlib
import ctypes
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.errors import DamagedError, StoreError, reason
from bench.files import flush_folder
from bench.records.checking import check_session
from bench.records.comparing import compare_copies
from bench.records.copying import copy_session
from bench.records.find import SessionFolder, find_sessions, is_part
from bench.records.folders import Local
from bench.records.going_on import is_going_on, nobody_else
from bench.records.listing import listed, sessions_below
from bench.records.recorder import check_writable

Outcome = Literal["imported", "replaced", "already there", "refused"]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # renameat2(2)
_OWN = re.compile(r"journal\.jsonl|manifest\.json|(segments/[0-9]+\.)?(runs|epochs|machines)\.parquet")
_Known = dict[str, list[SessionFolder]]


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


class Importer:
    """Copies sessions into the folder `results`; with `dry_run` it only tells what it would do.

    `notes` are lines on folders that could not be looked into.
    """

    def __init__(self, paths: Sequence[str], results: Path, dry_run: bool = False) -> None:
        """Of the sessions at or below `paths`.

        Raises StoreError where a path holds none, and where `results` cannot be written.
        """
        if not dry_run:
            check_writable(results)
        self._sessions, self.notes = sessions_below(paths)
        self._results, self._dry_run = Path(os.path.realpath(results)), dry_run
        self._known = _sessions_in(self._results)

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
            return self._told_apart(session, done, self._known.setdefault(about.session_id, []))
        except DamagedError as error:
            what = str(error).partition(";")[0]
            return replace(done, why=f"{what}; bench check --repair it first, or take another copy")
        except StoreError as error:
            return replace(done, why=str(error))

    def _told_apart(self, session: SessionFolder, done: Imported, known: list[SessionFolder]) -> Imported:
        """By what is there of it: the longer copy stays, or comes."""
        damaged: list[str] = []
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
            target = self._results / self._name(session, done)
            return self._put(session, replace(done, outcome="imported", target=str(target)), target)
        inside = [there for there in known if Path(there.folder.path).is_relative_to(self._results)]
        if not inside:
            old = Path(known[0].folder.path)
            why = f"{old} lies outside {self._results}, which a link leads to"
            return replace(done, why=f"{why}; give --results {old.parent}")
        return self._in_place_of(inside[0], session, done)

    def _in_place_of(self, there: SessionFolder, session: SessionFolder, done: Imported) -> Imported:
        """The longer copy in place of the one that is `there`."""
        old, had = Path(there.folder.path), listed(there).runs
        with nobody_else(old):
            if compare_copies(session, there) != "longer":
                return replace(done, why=f"{old} changed meanwhile; import it again")
            return self._put(session, replace(done, outcome="replaced", target=str(old), had=had), old)

    def _name(self, session: SessionFolder, done: Imported) -> str:
        """Its folder's name here: that of the session, which no other one has, or that of its folder."""
        assert done.session_id is not None
        own = session.folder.path.rstrip("/").rpartition("/")[2]
        name = next((it for it in (done.session_id, own) if _NAME.fullmatch(it)), None)
        if name is None:
            raise StoreError(f"{session.folder.path}: its name cannot be a folder's; copy it by hand")
        return name

    def _put(self, session: SessionFolder, done: Imported, target: Path) -> Imported:
        if done.outcome == "imported" and target.exists():
            return replace(
                done, outcome="refused", target=None, why=f"{target} is something else; move that away"
            )
        if self._dry_run:
            self._known[str(done.session_id)] = [session]
            return done
        part = target.parent / f".{secrets.token_hex(8)}.part"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir()
            done = replace(done, bytes=copy_session(session, part))
            _carry_over(target, part)
            _take_place(part, target)
            flush_folder(target.parent)
        except OSError as error:
            why = f"cannot be written: {reason(error)}; pass --results with a folder of your own"
            raise StoreError(f"{target.parent}: {why}") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        files, _ = Local(str(target)).entries()
        self._known[str(done.session_id)] = [SessionFolder(Local(str(target)), frozenset(files))]
        return done


def _sessions_in(results: Path) -> _Known:
    """Those that are in it, by their names."""
    found: _Known = {}
    if results.is_dir():
        for session in find_sessions(Local(str(results))).sessions:
            if name := listed(session).session_id:
                found.setdefault(name, []).append(session)
    return found


def _damaged(there: SessionFolder) -> str | None:
    """A line on the copy that is there already, and what to do, where it is damaged."""
    checked = check_session(there)
    if not checked.damage:
        return None
    first = "move it away" if checked.repair is None else f"bench check --repair {there.folder.path}"
    return f"the copy that is there is damaged: {checked.damage[0]}; {first}, then import it again"


def _carry_over(old: Path, new: Path) -> None:
    """What else lies in a session's folder: files that are no part of it, such as kept damaged ones."""
    for path in sorted(path for path in old.rglob("*") if path.is_file() or path.is_symlink()):
        name = path.relative_to(old)
        if not _OWN.fullmatch(name.as_posix()) and not is_part(name.name):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, new / name, follow_symlinks=False)


def _take_place(part: Path, target: Path) -> None:
    """`part` becomes `target`; what was there is `part` then. Raises OSError where it cannot."""
    if not target.exists():
        part.rename(target)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(part), os.fsencode(target)
    with contextlib.suppress(AttributeError):  # no Linux
        if libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            return
    # Not in one step, but at no moment is there less than one of the two, which readers find.
    old = target.with_name(f"{target.name}.replaced-{secrets.token_hex(4)}")
    target.rename(old)
    try:
        part.rename(target)
    except OSError:
        old.rename(target)
        raise
    old.rename(part)
