"""A folder of this machine that sessions are copied into: each is put in its place in one step."""

import contextlib
import ctypes
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench.errors import StoreError, reason
from bench.files import flush_folder
from bench.records.comparing import compare_copies
from bench.records.copying import copy_session
from bench.records.file_system import check_writable
from bench.records.find import SessionFolder, find_sessions, is_part, session_in
from bench.records.folders import Local
from bench.records.going_on import nobody_else
from bench.records.listing import listed
from bench.records.part_folders import part_folder, remove_left

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # renameat2(2)
_REPLACED = re.compile(r"(.+)\.replaced-[0-9a-f]{8}")
_OWN = re.compile(r"journal\.jsonl|manifest\.json|(segments/[0-9]+\.)?(runs|epochs|machines)\.parquet")


class LocalDestination:
    """The folder `results`; see `importing.Destination`."""

    def __init__(self, results: Path) -> None:
        self._given, self._results = results, Path(os.path.realpath(results))
        self._known: dict[str, list[SessionFolder]] | None = None

    def prepare(self) -> None:
        """See `Destination`."""
        check_writable(self._given)
        _end_replacing(self._results)

    def copies(self, session_id: str, _name: str) -> list[SessionFolder]:
        """See `Destination`; whatever their folders are called."""
        return self._sessions().get(session_id, [])

    def target(self, name: str) -> str:
        """See `Destination`."""
        target = self._results / name
        if target.exists():
            raise StoreError(f"{target} is something else; move that away")
        return str(target)

    def replaceable(self, copies: Sequence[SessionFolder]) -> SessionFolder:
        """See `Destination`: only what lies in it."""
        for there in copies:
            if Path(there.folder.path).is_relative_to(self._results):
                return there
        old = Path(copies[0].folder.path)
        raise StoreError(
            f"{old} lies outside {self._results}, which a link leads to; give --results {old.parent}"
        )

    def alone(self, there: SessionFolder) -> AbstractContextManager[object]:
        """See `Destination`."""
        return nobody_else(Path(there.folder.path))

    def put(self, session: SessionFolder, target: str) -> int:
        """See `Destination`."""
        place = Path(target)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.parent != self._results:  # where copies are put for the first time
                remove_left(place.parent)
            with part_folder(place.parent) as part:
                copied = copy_session(session, part)
                _carry_over(place, part)
                _take_place(part, place)
                flush_folder(place.parent)
        except OSError as error:
            why = f"cannot be written: {reason(error)}; pass --results with a folder of your own"
            raise StoreError(f"{place.parent}: {why}") from error
        there = session_in(Local(str(place)))
        self._sessions()[str(listed(there).session_id)] = [there]
        return copied

    def _sessions(self) -> dict[str, list[SessionFolder]]:
        """Those that are in it, by their names."""
        if self._known is None:
            self._known = {}
            if self._results.is_dir():
                for session in find_sessions(Local(str(self._results))).sessions:
                    if name := listed(session).session_id:
                        self._known.setdefault(name, []).append(session)
        return self._known


def _carry_over(old: Path, new: Path) -> None:
    """What else lies in a session's folder: files that are no part of it, such as kept damaged ones."""
    for path in sorted(path for path in old.rglob("*") if path.is_file() or path.is_symlink()):
        name = path.relative_to(old)
        if not _OWN.fullmatch(name.as_posix()) and not is_part(name.name):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, new / name, follow_symlinks=False)


def _end_replacing(results: Path) -> None:
    """The rest of exchanges in two steps that were killed: the old copy is back, or gone where it is held."""
    names = filter(None, (_REPLACED.fullmatch(path.name) for path in results.glob("*.replaced-*")))
    for old, target in [(results / name[0], results / name[1]) for name in names]:
        with contextlib.suppress(OSError, StoreError):
            if not target.exists():
                old.rename(target)
            elif compare_copies(*(session_in(Local(str(it))) for it in (target, old))) in ("same", "longer"):
                with part_folder(results) as part:
                    old.rename(part)


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
