"""What people ask to see of what was recorded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.records.store import Tables


def recorded(paths: Sequence[str] | None, where: str | None) -> "Tables":
    """The sessions at or below `paths` (`results` unless said), of their runs those for which `where` holds.

    Raises BenchError where there is no session or no run, and where `where` is no condition.
    """
    from bench.records.store import read_sessions

    paths = paths or ["results"]
    tables = read_sessions(paths)
    if not tables.runs.num_rows:
        raise BenchError(f"{', '.join(paths)}: no run has ended there yet; look again later")
    if where is None:
        return tables
    from bench.analysis.frame import where as holds

    return replace(tables, runs=holds(tables.runs, where))
