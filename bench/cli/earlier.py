"""What earlier runs took here, for what plans ahead."""

import os
from pathlib import Path

LEVELS = 2
"""Below the results, where sessions of other machines may lie in folders: not all of a home is read."""


def earlier_times(results: Path, everywhere: bool = False) -> dict[str, float]:
    """Seconds of a run by scenario id, of those on this node, or `everywhere`; none without any results."""
    try:
        if not os.listdir(results):  # noqa: PTH208 -- one look, without importing anything
            return {}
    except OSError:  # none yet, or none that may be read
        return {}
    import platform

    from bench.analysis.forecast import RUN_COLUMNS, earlier_seconds
    from bench.errors import StoreError
    from bench.records.run_table import RunTable
    from bench.records.store import read_sessions

    try:
        found = read_sessions([str(results)], LEVELS, {"runs": RUN_COLUMNS})
        runs = RunTable(found.runs)
        return earlier_seconds(runs, None if everywhere else platform.node())
    except StoreError:  # no session there yet, or one that `bench show` explains
        return {}
