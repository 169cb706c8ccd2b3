"""Which of the sessions below some paths is the newest, without reading the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import StoreError
from bench.records.began import began
from bench.records.find import SessionFolder, find_sessions
from bench.records.folders import Local, folder_of
from bench.records.side_by_side import ELSEWHERE, side_by_side
from bench.uri import shown


@dataclass(frozen=True)
class Places:
    """The sessions that paths lead to, and those in folders below the others, by the paths of their folders.

    `left_out` is how many folders could not be looked into, `nested` how many more sessions lie below those
    that paths lead to.
    """

    exact: Mapping[str, SessionFolder]
    below: Mapping[str, SessionFolder]
    left_out: int
    nested: int


@dataclass(frozen=True)
class Newest:
    """The session that began last, in each place where it lies, and how many `others` there are."""

    folders: tuple[SessionFolder, ...]
    others: int


def places_of(paths: Sequence[str]) -> Places:
    """What is there. Raises StoreError where a path leads nowhere or holds no session."""
    exact: dict[str, SessionFolder] = {}
    below: dict[str, SessionFolder] = {}
    left_out = nested = 0
    for path in paths:
        root = folder_of(path)
        found = find_sessions(root)
        if not found.sessions and not found.left_out:
            raise StoreError(f"{shown(path)}: holds no session; `bench run SUITE` makes one")
        sessions = {session.folder.path: session for session in found.sessions}
        if root.path in sessions:
            exact[root.path] = sessions[root.path]
            nested += len(sessions) - 1
        else:
            below |= sessions
            left_out += len(found.left_out)
    return Places(exact, {path: at for path, at in below.items() if path not in exact}, left_out, nested)


def newest_below(places: Places) -> Newest | None:
    """Of the sessions `below`, but for those that lie in `exact`, too; None where that takes a closer look.

    One of which no run has ended yet is not the newest.
    """
    below, exact = places.below, places.exact
    if places.left_out:
        return None
    if len(below) <= 1:
        return Newest(tuple(below.values()), 0)
    try:
        known = _known([*below.values(), *exact.values()])
    except StoreError:
        return None
    shown_anyway = {known[path][0] for path in exact if path in known}
    ahead = {known[path] for path in below if path in known and known[path][0] not in shown_anyway}
    if not ahead:
        return Newest((), 0) if exact else None
    newest, _ = max(ahead, key=lambda its: (its[1], its[0]))
    folders = tuple(at for path, at in below.items() if path in known and known[path][0] == newest)
    return Newest(folders, len(ahead) - 1)


def _known(sessions: Sequence[SessionFolder]) -> dict[str, tuple[str, int]]:
    """The name of each and when it began, by its path, of those that have a run."""
    elsewhere = any(not isinstance(session.folder, Local) for session in sessions)
    told = side_by_side(began, sessions, ELSEWHERE if elsewhere else 1)
    return {at.folder.path: its for at, its in zip(sessions, told, strict=True) if its is not None}
