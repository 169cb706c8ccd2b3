"""Each run's step time against its scenario's, in the order of time: what the machine did meanwhile."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from bench.analysis.statistics import median
from bench.records.tables import Row


@dataclass(frozen=True)
class Standing:
    """A run, and `ratio`: its step time over the median of its scenario on its machine in its session."""

    sweep: str
    label: str
    machine: str
    node: str
    round: int
    started_at: datetime.datetime
    ratio: float
    flags: tuple[str, ...]


def standings(runs: Iterable[Row]) -> list[Standing]:
    """Of the ok runs of scenarios that have several, in the order in which they began.

    Takes rows of the `runs` table; those that say no time are left out.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in {row["run_id"]: row for row in runs}.values():
        if row["status"] == "ok" and row["step_seconds"] and row["started_at"]:
            key = (row["session_id"], row["scenario_id"], row["machine"] or "")
            groups.setdefault(key, []).append(row)
    found = []
    for rows in groups.values():
        usual = median([row["step_seconds"] for row in rows])
        found += [_standing(row, usual) for row in rows if len(rows) > 1]
    return sorted(found, key=lambda standing: standing.started_at)


def _standing(row: Row, usual: float) -> Standing:
    return Standing(
        sweep=row["sweep"],
        label=row["label"],
        machine=row["machine"] or "",
        node=row["node"] or "",
        round=row["round"],
        started_at=row["started_at"],
        ratio=row["step_seconds"] / usual,
        flags=tuple(row["flags"] or ()),
    )
