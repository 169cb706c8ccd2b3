"""What each session was: its suite, its machines, its runs, and when."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.analysis.summary import counted
from bench.records.tables import Row


@dataclass(frozen=True)
class SessionFacts:
    """A session; `began` is when its first run did, None where its rows say no time."""

    session_id: str
    suite: str
    machines: tuple[str, ...]
    nodes: tuple[str, ...]
    scenarios: int
    rounds: int
    runs: int
    ok: int
    flags: tuple[tuple[str, int], ...]
    began: datetime.datetime | None


def session_facts(runs: Iterable[Row]) -> list[SessionFacts]:
    """One for each session of rows of the `runs` table, in the order in which they began."""
    groups: dict[str, list[Row]] = {}
    for row in {row["run_id"]: row for row in runs}.values():
        groups.setdefault(row["session_id"], []).append(row)
    found = [_facts(session_id, rows) for session_id, rows in groups.items()]
    return sorted(found, key=lambda facts: (facts.began is not None, facts.began, facts.session_id))


def _facts(session_id: str, rows: Sequence[Row]) -> SessionFacts:
    return SessionFacts(
        session_id=session_id,
        suite=rows[0]["suite"],
        machines=_distinct(machine for row in rows for machine in row.get("machines") or [row["machine"]]),
        nodes=_distinct(node for row in rows for node in row.get("nodes") or [row["node"]]),
        scenarios=len({row["scenario_id"] for row in rows}),
        rounds=len({row["round"] for row in rows}),
        runs=len(rows),
        ok=sum(row["status"] == "ok" for row in rows),
        flags=counted(flag for row in rows for flag in row["flags"] or ()),
        began=min((row["started_at"] for row in rows if row["started_at"]), default=None),
    )


def _distinct(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))
