"""Where a session's time went: how much of its slots' time was training, and what the rest was."""

import datetime
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bench.records.tables import Row

Part = Literal[
    "train",
    "evaluate",
    "compile",
    "compile_cached",
    "import",
    "start",
    "build",
    "stage",
    "warmup",
    "inside",
    "around",
    "failed",
    "probe",
    "idle",
    "idle_or_lost",
]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a slot's time goes to. `inside` is what a run's process does between its clocks, `around` what passes
before and after that: messages, and the process's end. `failed` are whole runs that ended neither ok nor
diverged, `probe` those before runs; `idle` is a slot that nobody has, or that is being opened. It is
`idle_or_lost` where some run was tried again: an attempt that was lost has no row, and so nothing tells its
time from idling; where nobody else ran or waited meanwhile, it is no part at all."""
USEFUL: frozenset[Part] = frozenset({"train", "evaluate"})
"""What is no overhead: what the runs are for."""
WITHOUT_RUN: frozenset[Part] = frozenset({"probe", "idle", "idle_or_lost"})
"""What passes in a slot while no run that has a row has it."""
RUN_COLUMNS = (
    *("session_id", "suite", "status", "attempt", "started_at", "nodes", "queue_seconds", "occupied_seconds"),
    *("start_seconds", "import_seconds", "build_seconds", "compile_seconds", "compile_cached"),
    *("warmup_seconds", "stage_seconds", "train_seconds", "eval_seconds", "test_seconds", "metered_seconds"),
)
"""Of `runs`, all that is read here."""
MACHINE_COLUMNS = ("session_id", "node", "probe_moment", "probe_seconds", "probe_strategy", "probe_workers")
"""Of `machines`, all that is read here."""
_CLOCKS: dict[str, Part] = {
    "build_seconds": "build",
    "compile_seconds": "compile",
    "warmup_seconds": "warmup",
    "stage_seconds": "stage",
    "train_seconds": "train",
    "eval_seconds": "evaluate",
    "test_seconds": "evaluate",
}
_SLACK_SHARE, _SLACK_SECONDS = 0.1, 0.5


@dataclass(frozen=True)
class Overhead:
    """The time of one session's slots by what it went to, in seconds, the largest part first.

    The slot of a run of several workers counts once for each. `wall_seconds` is from when the first run began
    to wait for its slot to the end of the last one, less the time between where the session was interrupted
    and where it was resumed; `slots` is how many were at work at once, at most: all parts together are
    `slots` times `wall_seconds`. Both are None where the rows do not tell them, and where they are not all of
    the session's: the parts are those of the runs alone then.

    `runs` is how many had a slot; `untold` of them do not say how long, so that nothing but what their own
    clocks tell is among the parts. `end_probe_seconds` is what probes took after the last run, at least.
    """

    session_id: str
    suite: str
    runs: int
    untold: int
    wall_seconds: float | None
    slots: int | None
    seconds: Mapping[Part, float]
    end_probe_seconds: float | None

    @property
    def total_seconds(self) -> float:
        """All parts together."""
        return sum(self.seconds.values())

    @property
    def useful_seconds(self) -> float:
        """Training and evaluation."""
        return sum(self.seconds.get(part, 0.0) for part in USEFUL)

    @property
    def overhead_seconds_per_run(self) -> float | None:
        """All the rest, shared among the runs; None where that is not known of every run."""
        return self._per_run(frozenset(PARTS) - USEFUL)

    @property
    def own_overhead_seconds_per_run(self) -> float | None:
        """The same of the time in which the runs had their slots."""
        return self._per_run(frozenset(PARTS) - USEFUL - WITHOUT_RUN)

    def _per_run(self, parts: Iterable[Part]) -> float | None:
        if not self.runs or self.untold:
            return None
        return sum(self.seconds.get(part, 0.0) for part in parts) / self.runs


def overheads(runs: Iterable[Row], machines: Iterable[Row], whole: bool = True) -> list[Overhead]:
    """One for each session of rows of the `runs` and `machines` tables, in the order in which they began.

    `whole` says that no run of a session is missing among the rows.
    """
    of_session: dict[str, list[Row]] = defaultdict(list)
    for row in runs:
        of_session[row["session_id"]].append(row)
    probes: dict[str, list[Row]] = defaultdict(list)
    for row in machines:
        if row.get("probe_seconds") is not None:
            probes[row["session_id"]].append(row)
    sessions = sorted(of_session.items(), key=lambda item: (_first(item[1]), item[0]))
    return [_overhead(rows, probes[name], whole) for name, rows in sessions]


def _first(rows: Iterable[Row]) -> float:
    return min((row["started_at"].timestamp() for row in rows if row["started_at"]), default=0.0)


def _overhead(rows: Sequence[Row], probes: Sequence[Row], whole: bool) -> Overhead:
    seconds: dict[Part, float] = defaultdict(float)
    had_slot = [row for row in rows if row.get("occupied_seconds") is not None or _clocks(row)]
    for row in had_slot:
        for part, taken in _parts(row).items():
            seconds[part] += taken * _workers(row)
    stays = [stay for row in had_slot if (stay := _stay(row))]
    told = whole and bool(stays) and len(stays) == len(had_slot)
    wall, slots = (_wall(stays), _most_at_once(stays)) if told else (None, None)
    if wall is not None and slots is not None:
        seconds["probe"] = sum(row["probe_seconds"] for row in probes if row["probe_moment"] == "start")
        idle: Part = "idle_or_lost" if any(map(_tried_again, rows)) else "idle"
        seconds[idle] = max(slots * wall - sum(seconds.values()), 0.0)
    ends = [row for row in probes if row["probe_moment"] == "end"]
    return Overhead(
        session_id=rows[0]["session_id"],
        suite=rows[0]["suite"],
        runs=len(had_slot),
        untold=sum(row.get("occupied_seconds") is None for row in had_slot),
        wall_seconds=wall,
        slots=slots,
        seconds=dict(sorted(((p, s) for p, s in seconds.items() if s), key=lambda item: -item[1])),
        end_probe_seconds=_end_probe_seconds(ends) if ends and whole else None,
    )


def _tried_again(row: Row) -> bool:
    return (row.get("attempt") or 1) > 1


def _end_probe_seconds(ends: Iterable[Row]) -> float:
    """The seconds of the node that was probed longest: nodes are probed side by side, each once at a time.

    Nothing tells when a probe began, and so not how long a node waited. Those of a group's workers are one
    probe, which took all of them equally long.
    """
    by_node: dict[str, set[tuple[float, str, int]]] = defaultdict(set)
    for row in ends:
        by_node[row["node"]].add((row["probe_seconds"], row["probe_strategy"], row["probe_workers"]))
    return max(sum(seconds for seconds, *_ in probes) for probes in by_node.values())


def _parts(row: Row) -> dict[Part, float]:
    """What one run's time in its slot went to, as one of its workers spent it."""
    held = row.get("occupied_seconds")
    parts = _clocks(row)
    if held is None:
        return parts
    if row["status"] not in ("ok", "diverged"):
        return {"failed": held}
    timed = sum(parts.values())
    metered = max(row.get("metered_seconds") or timed, timed)
    imported = row.get("import_seconds") or 0.0
    start = max(row.get("start_seconds") or imported, imported)
    around = max(held - start - metered, 0.0)
    return {
        **parts,
        "import": imported,
        "start": start - imported,
        "inside": metered - timed,
        "around": around,
    }


def _clocks(row: Row) -> dict[Part, float]:
    parts: dict[Part, float] = defaultdict(float)
    for column, part in _CLOCKS.items():
        taken = row.get(column)
        if taken is not None:
            parts["compile_cached" if part == "compile" and row.get("compile_cached") else part] += taken
    return parts


def _workers(row: Row) -> int:
    return max(len(row.get("nodes") or ()), 1)


@dataclass(frozen=True)
class _Stay:
    """A run in its slot: from when to when, in seconds, how long it had waited, and for how many workers."""

    begin: float
    end: float
    waited: float
    workers: int


def _stay(row: Row) -> _Stay | None:
    began: datetime.datetime | None = row["started_at"]
    held = row.get("occupied_seconds")
    if began is None or held is None:
        return None
    begin = began.timestamp()
    return _Stay(begin, begin + held, row.get("queue_seconds") or 0.0, _workers(row))


def _wall(stays: Iterable[_Stay]) -> float:
    """How long any run had a slot or waited for one: what lies between is no time of the session's."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted((stay.begin - stay.waited, stay.end) for stay in stays):
        total += max(end - max(begin, until), 0.0)
        until = max(until, end)
    return total


def _most_at_once(stays: Iterable[_Stay]) -> int:
    """Slots at work at once, at most.

    When a run began is the time of day, how long it took another clock's: each is taken for a little shorter
    than it was, lest one seems to begin before the one that it follows has ended.
    """
    changes = []
    for stay in stays:
        slack = min(_SLACK_SHARE * (stay.end - stay.begin), _SLACK_SECONDS)
        changes += [(stay.begin + slack, stay.workers), (stay.end - slack, -stay.workers)]
    return max(itertools.accumulate(workers for _, workers in sorted(changes)))
