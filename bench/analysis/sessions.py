"""What each session was: its suite, its machines, its runs, and when."""

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.analysis.tally import most_first
from bench.records.arrow_columns import codes
from bench.records.began import EARLIEST
from bench.records.run_table import Codes, RunTable, moment

RUN_COLUMNS = (
    *("session_id", "suite", "scenario_id", "round", "machine", "machine_id", "node", "nodes"),
    *("status", "flags", "started_at"),
)
"""Of `runs`, what is read here; and `machines`, without which the first worker's alone are known."""


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
    machine_ids: tuple[str, ...] = ()


def session_facts(runs: RunTable) -> list[SessionFacts]:
    """One for each session of `runs`, in the order in which they began."""
    groups = runs.groups("session_id")
    names = ("session_id", "suite", "scenario_id", "round")
    session_ids, suites, scenarios, rounds = (runs.codes(name) for name in names)
    machine_ids = runs.codes("machine_id")
    machines, nodes = (_of_workers(runs, name) for name in ("machine", "node"))
    ok, began, flags = runs.is_ok(), runs.numbers("started_at"), runs.counts("flags", groups)
    found = [
        SessionFacts(
            session_id=session_ids[rows[0]],
            suite=suites[rows[0]],
            machines=_distinct(machines.distinct(rows)),
            nodes=_distinct(nodes.distinct(rows)),
            scenarios=len(scenarios.distinct(rows)),
            rounds=len(rounds.distinct(rows)),
            runs=len(rows),
            ok=int(ok[rows].sum()),
            flags=most_first(of),
            began=moment(times.min()) if (times := began.of(rows)).size else None,
            machine_ids=tuple(sorted(machine_ids.distinct(rows))),
        )
        for rows, of in zip(groups, flags, strict=True)
    ]
    return sorted(found, key=lambda facts: (facts.began is not None, facts.began, facts.session_id))


def latest(sessions: Sequence[SessionFacts], most: int) -> frozenset[str]:
    """Of `sessions`, in their order, the last of each suite on each machine; so many of a suite at most."""
    of_suite: dict[str, dict[tuple[str, ...], str]] = {}
    for facts in sessions:
        of_machine = of_suite.setdefault(facts.suite, {})
        where = facts.machine_ids or facts.machines
        of_machine.pop(where, None)
        of_machine[where] = facts.session_id
    return frozenset(name for of_machine in of_suite.values() for name in [*of_machine.values()][-most:])


def _of_workers(runs: RunTable, name: str) -> Codes:
    """The machines, or nodes, of a run's workers; an older table tells of the first one's alone."""
    first, each = runs.codes(name), runs.codes(f"{name}s")
    alone = first.mapped([(value,) for value in first.values])
    return each.mapped([value or None for value in each.values]).otherwise(alone)


def _distinct(names: Iterable[tuple[str | None, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for of_run in names for name in of_run if name}))


def newest_of(runs: RunTable, but: Collection[str]) -> set[str]:
    """The session that began last of those of `runs`, without those of `but`; nothing where there is none.

    One that says no time counts as older than all others.
    """
    sessions, began = runs.codes("session_id"), runs.numbers("started_at")
    last = np.full(len(sessions.values), EARLIEST)
    first = np.full(len(sessions.values), np.iinfo(np.int64).max)
    np.minimum.at(first, sessions.indices[began.known], began.values[began.known])
    known = np.unique(sessions.indices[began.known])
    last[known] = first[known]
    others = [(int(at), name) for at, name in zip(last, sessions.values, strict=True) if name not in but]
    return {max(others)[1]} if others else set()


def of_sessions(table: pa.Table, sessions: Collection[str]) -> pa.Table:
    """The rows of a table that are of `sessions`."""
    mask = codes(table.column("session_id")).among(list(sessions))
    return table.filter(pa.array(mask))
