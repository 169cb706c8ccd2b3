"""Which sessions lie at or below a path."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from bench.errors import StoreError
from bench.records.elsewhere import Entries, Remote
from bench.records.folders import Folder, unreadable
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE
from bench.records.segments import SEGMENTS

RUNS_FILE = "runs.parquet"


@dataclass(frozen=True)
class SessionFolder:
    """A session's folder, and the names of the files in it."""

    folder: Folder
    files: frozenset[str]


@dataclass(frozen=True)
class Found:
    """The sessions below a path, sorted by their paths, and what was left out: an error for each folder."""

    sessions: tuple[SessionFolder, ...]
    left_out: tuple[StoreError, ...]


def find_sessions(root: Folder, levels: float = math.inf) -> Found:
    """The session in the folder `root`, and all those at most so many `levels` below it.

    Links to folders are followed, each folder is looked into once, but for a session's own, and one that
    cannot be is left out.
    """
    found: list[SessionFolder] = []
    left_out: list[StoreError] = []
    known = _at_once(root) if isinstance(root, Remote) else {}
    ahead, seen = [(root, levels)], {root.path}
    while ahead:
        folder, left = ahead.pop()
        try:
            files, folders = known[folder.path] if known else folder.entries()
        except (pa.ArrowException, OSError, StoreError) as error:
            left_out.append(error if isinstance(error, StoreError) else unreadable(folder.path, error))
            continue
        if _is_session(files, folders):
            found.append(SessionFolder(folder, frozenset(files)))
            folders = [name for name in folders if name != SEGMENTS]
        folders = [name for name in folders if not is_part(name)]
        for below in map(folder.below, folders if left else ()):
            if below.path not in seen:
                seen.add(below.path)
                ahead.append((below, left - 1))
    found.sort(key=lambda session: session.folder.path)
    return Found(tuple(found), tuple(sorted(left_out, key=str)))


def _at_once(root: Remote) -> Mapping[str, Entries]:
    """What is in each folder of a place elsewhere; nothing where one of them may not be looked into."""
    with contextlib.suppress(pa.ArrowException, OSError, StoreError):
        return root.deep_entries()
    return {}


def session_in(folder: Folder) -> SessionFolder:
    """The session in a folder, whatever is missing of it. Raises what `Folder.entries` does."""
    files, _ = folder.entries()
    return SessionFolder(folder, frozenset(files))


def is_part(name: str) -> bool:
    """Whether a file or folder of that name is not whole yet, or never will be."""
    return name.startswith(".") and name.endswith(".part")


def _is_session(files: list[str], folders: list[str]) -> bool:
    """A manifest alone is none: other programs have files of that name."""
    return RUNS_FILE in files or FILE_NAME in files or (MANIFEST_FILE in files and SEGMENTS in folders)
