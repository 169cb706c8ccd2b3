"""Where a session's time went: how much of its slots' time was training, and what the rest was."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.slots import PARTS, USEFUL, WITHOUT_RUN, Part, Slots
from bench.records.run_table import Rows, RunTable
from bench.records.tables import Row

__all__ = ["MACHINE_COLUMNS", "PARTS", "RUN_COLUMNS", "USEFUL", "Overhead", "Part", "overheads"]

RUN_COLUMNS = (
    *("session_id", "suite", "status", "attempt", "started_at", "nodes", "queue_seconds", "occupied_seconds"),
    *("start_seconds", "import_seconds", "build_seconds", "compile_seconds", "compile_cached"),
    *("warmup_seconds", "stage_seconds", "train_seconds", "eval_seconds", "test_seconds", "metered_seconds"),
)
"""Of `runs`, all that is read here."""
MACHINE_COLUMNS = ("session_id", "node", "probe_moment", "probe_seconds", "probe_strategy", "probe_workers")
"""Of `machines`, all that is read here."""


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
        return self._per_run(USEFUL)

    @property
    def own_overhead_seconds_per_run(self) -> float | None:
        """The same of the time in which the runs had their slots."""
        return self._per_run(USEFUL | WITHOUT_RUN)

    def _per_run(self, without: frozenset[Part]) -> float | None:
        if not self.runs or self.untold:
            return None
        return sum(self.seconds.get(part, 0.0) for part in PARTS if part not in without) / self.runs


def overheads(runs: RunTable, machines: Iterable[Row], whole: bool = True) -> list[Overhead]:
    """One for each session of `runs`, of rows of the `machines` table, in the order in which they began.

    `whole` says that no run of a session is missing among them.
    """
    probes: dict[str, list[Row]] = defaultdict(list)
    for row in machines:
        if row.get("probe_seconds") is not None:
            probes[row["session_id"]].append(row)
    slots = Slots(runs)
    sessions = runs.codes("session_id")
    groups = [(sessions[rows[0]], rows) for rows in runs.groups("session_id")]
    groups.sort(key=lambda session: (slots.first(session[1]), session[0]))
    suites = runs.codes("suite")
    return [_overhead(name, suites[rows[0]], slots, rows, probes[name], whole) for name, rows in groups]


def _overhead(
    name: str, suite: str, slots: Slots, rows: Rows, probes: Sequence[Row], whole: bool
) -> Overhead:
    had_slot = rows[slots.had[rows]]
    seconds: dict[Part, float] = defaultdict(float, slots.seconds(had_slot))
    told = whole and had_slot.size and slots.told[had_slot].all()
    wall, at_once = (slots.wall(had_slot), slots.most_at_once(had_slot)) if told else (None, None)
    if wall is not None and at_once is not None:
        seconds["probe"] = sum(row["probe_seconds"] for row in probes if row["probe_moment"] == "start")
        idle: Part = "idle_or_lost" if slots.tried_again[rows].any() else "idle"
        seconds[idle] = max(at_once * wall - sum(seconds.values()), 0.0)
    ends = [row for row in probes if row["probe_moment"] == "end"]
    return Overhead(
        session_id=name,
        suite=suite,
        runs=len(had_slot),
        untold=int((~slots.held.known[had_slot]).sum()),
        wall_seconds=wall,
        slots=at_once,
        seconds=dict(sorted(((p, s) for p, s in seconds.items() if s), key=lambda item: -item[1])),
        end_probe_seconds=_end_probe_seconds(ends) if ends and whole else None,
    )


def _end_probe_seconds(ends: Iterable[Row]) -> float:
    """The seconds of the node that was probed longest: nodes are probed side by side, each once at a time.

    Nothing tells when a probe began, and so not how long a node waited. Those of a group's workers are one
    probe, which took all of them equally long.
    """
    by_node: dict[str, set[tuple[float, str, int]]] = defaultdict(set)
    for row in ends:
        by_node[row["node"]].add((row["probe_seconds"], row["probe_strategy"], row["probe_workers"]))
    return max(sum(seconds for seconds, *_ in probes) for probes in by_node.values())
