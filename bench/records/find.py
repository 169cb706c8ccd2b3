"""Which sessions lie at or below a path."""

import math
from dataclasses import dataclass

import pyarrow as pa

from bench.errors import StoreError
from bench.records.journal import FILE_NAME
from bench.records.places import Place, unreadable

RUNS_FILE = "runs.parquet"


@dataclass(frozen=True)
class Session:
    """A session's folder, and the names of the files in it."""

    place: Place
    files: frozenset[str]


@dataclass(frozen=True)
class Found:
    """The sessions below a path, sorted by their paths, and what was left out: an error for each folder."""

    sessions: tuple[Session, ...]
    left_out: tuple[StoreError, ...]


def find_sessions(root: Place, levels: float = math.inf) -> Found:
    """The session in the folder `root`, and all those at most so many `levels` below it.

    Links to folders are followed, each folder is looked into once, and one that cannot be is left out.
    """
    found: list[Session] = []
    left_out: list[StoreError] = []
    ahead, seen = [(root, levels)], {root.path}
    while ahead:
        place, left = ahead.pop()
        try:
            files, folders = place.entries()
        except (pa.ArrowException, OSError, StoreError) as error:
            left_out.append(error if isinstance(error, StoreError) else unreadable(place.path, error))
            continue
        if RUNS_FILE in files or FILE_NAME in files:
            found.append(Session(place, frozenset(files)))
        for below in map(place.below, folders if left else ()):
            if below.path not in seen:
                seen.add(below.path)
                ahead.append((below, left - 1))
    found.sort(key=lambda session: session.place.path)
    return Found(tuple(found), tuple(sorted(left_out, key=str)))
