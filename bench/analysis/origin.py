"""Where figures come from: the runs of one session, on one machine with one software.

Only those may be put together as they are. The rounds of a session share a mood (2 to 10 % on shared
machines), machines of one name are not one machine, and another TensorFlow is another program.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    key, number = np.zeros(len(columns[0].indices), np.int64), 1
    for column in columns:
        if number > 1 and len(column.values) + 1 > 2**62 // number:
            distinct, key = np.unique(key, return_inverse=True)
            number = len(distinct)
        key = key * (len(column.values) + 1) + column.indices + 1
        number *= len(column.values) + 1
    _, first, indices = np.unique(key, return_index=True, return_inverse=True)
    values = [tuple(column[row] for column in columns) for row in first.tolist()]
    return Codes(indices.astype(np.int32), values)
