"""What earlier runs took here, for what plans ahead."""

import os
import threading
from typing import TYPE_CHECKING

from bench.uri import ResultsAt

if TYPE_CHECKING:
    from bench.records.store import Tables

LEVELS = 2
"""Below the results, where sessions of other machines may lie in folders: not all of a home is read."""
PATIENCE_SECONDS = 5.0
"""With results elsewhere: a plan without earlier times is better than one that is late."""


def earlier_times(results: ResultsAt, everywhere: bool = False) -> dict[str, float]:
    """Seconds of a run by scenario id, of those on this node, or `everywhere`; none without any results."""
    try:
        if results.folder and not os.listdir(results.folder):  # noqa: PTH208 -- one look, nothing imported
            return {}
    except OSError:  # none yet, or none that may be read
        return {}
    import platform

    from bench.analysis.forecast import RUN_COLUMNS, earlier_seconds
    from bench.errors import StoreError
    from bench.records.answers import answer_of
    from bench.records.run_table import RunTable
    from bench.records.store import read_sessions

    given_up = threading.Event()

    def read() -> "Tables":
        return read_sessions([str(results)], LEVELS, {"runs": RUN_COLUMNS}, given_up=given_up)

    try:
        found = answer_of(read, str(results), None if results.folder else PATIENCE_SECONDS)
        runs = RunTable(found.runs)
        return earlier_seconds(runs, None if everywhere else platform.node())
    except StoreError:  # no session there yet, one that `bench show` explains, or no answer in time
        given_up.set()  # nothing is read while runs are timed
        return {}
