"""Where figures come from: the runs of one session, on one machine with one software.

Only those may be put together as they are. The rounds of a session share a mood (2 to 10 % on shared
machines), machines of one name are not one machine, and another TensorFlow is another program.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.records.run_table import Codes, RunTable

UNKNOWN = "unknown"
"""The machine of runs of which no machine of their session is known."""
RUN_COLUMNS = ("session_id", "machine", "machine_id", "software_id")
"""Of `runs`, all that is read here."""
Platform = tuple[str, str | None, str | None]
"""A machine's name, its `machine_id` and the `software_id`; an older table tells of the name alone."""


@dataclass(frozen=True)
class Origin:
    """A session, None for several that were pooled; a machine, and the software on it."""

    session_id: str | None
    machine: str
    machine_id: str | None
    software_id: str | None


def platforms(runs: RunTable) -> Codes:
    """The `Platform` of each run: its own, or else the last that another run of its session had."""
    alike = _together([runs.codes(name) for name in ("machine", "machine_id", "software_id")])
    known = [(machine or UNKNOWN, *ids) if machine or ids[0] else None for machine, *ids in alike.values]
    own = alike.mapped(known)
    if (own.indices >= 0).all():
        return own
    sessions, has = runs.codes("session_id"), own.indices >= 0
    of_session = np.full(len(sessions.values) + 1, -1, np.int32)
    of_session[sessions.indices[has]] = own.indices[has]
    nowhere = Codes(np.zeros(len(runs), np.int32), [(UNKNOWN, None, None)])
    return own.otherwise(Codes(of_session[sessions.indices], own.values)).otherwise(nowhere)


def _together(columns: Sequence[Codes]) -> Codes:
    """The values of several columns as one: a tuple of them for each row."""
    key = np.zeros(len(columns[0].indices), np.int32)
    for column in columns:
        if len(column.values) != 1 or (column.indices < 0).any():
            key = _dense(key * np.int64(len(column.values) + 1) + column.indices + 1)
    first = np.zeros(key.max(initial=-1) + 1, np.intp)
    first[key[::-1]] = np.arange(len(key))[::-1]
    return Codes(key, [tuple(column[row] for column in columns) for row in first.tolist()])


def _dense(key: NDArray[np.int64]) -> NDArray[np.int32]:
    """Numbers from 0 on, without gaps; in linear time, since there are few machines and very many rows."""
    there = np.flatnonzero(np.bincount(key))
    place = np.zeros(key.max(initial=-1) + 1, np.int32)
    place[there] = np.arange(len(there))
    found: NDArray[np.int32] = place[key]
    return found
