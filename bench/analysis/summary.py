"""Per scenario, session, machine and software, over the rounds: medians, spread, accuracies and failures."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from bench.analysis.natural import natural
from bench.analysis.origin import RUN_COLUMNS as OF_ORIGIN
from bench.analysis.origin import Origin, platforms
from bench.analysis.pooled import pooled_times
from bench.analysis.summary_groups import OTHERS, TIMES, Groups, counts, steps, targets
from bench.errors import BenchError
from bench.records.run_table import RunTable, grouped


@dataclass(frozen=True)
class ScenarioSummary:
    """One scenario in one session on one machine: medians over its ok runs, in seconds and shares of 1.

    Where `sessions` are pooled, `session_id` is None, and what takes time is the geometric mean of the
    sessions' medians; see `bench.analysis.pooled`. All else is of the runs of all of them.

    `step_seconds_low` to `step_seconds_high` is the 95 % interval of the step time: of the session's median,
    None under six runs, or, pooled, over the sessions. Where a `wanted_precision` was asked for it is the
    interval that decided, None under seven runs: 97 % nominal, 95 % after looking. `step_precision` is how
    far its farther end lies from the step time, as a share of it. `precision_reached` says whether that is
    within the `wanted_precision`, None where none was asked for. `spread` is the median absolute deviation of
    the runs' step times, or of the sessions' medians, over the step time. `target_reached` of `target_runs`
    runs got to their target accuracy, `target_seconds` is the median with misses and failures as infinite.
    There are fewer `rounds` than `runs` where each ran on several nodes. `failures` and `flags` say how often
    which happened.
    `compile_seconds`, `wall_seconds` and `peak_host_bytes` are of the runs that compiled, which takes time
    and memory.
    """

    suite: str
    sweep: str
    label: str
    scenario_id: str
    session_id: str | None
    machine: str
    machine_id: str | None
    software_id: str | None
    sessions: int
    runs: int
    rounds: int
    ok: int
    step_seconds: float | None
    step_seconds_low: float | None
    step_seconds_high: float | None
    step_precision: float | None
    wanted_precision: float | None
    precision_reached: bool | None
    max_rounds: int | None
    spread: float | None
    samples_per_second: float | None
    train_seconds: float | None
    wall_seconds: float | None
    compile_seconds: float | None
    train_accuracy: float | None
    val_accuracy: float | None
    best_val_accuracy: float | None
    test_accuracy: float | None
    flops_per_second: float | None
    limit_fraction: float | None
    bound_by: str | None
    peak_host_bytes: float | None
    peak_device_bytes: float | None
    energy_joules: float | None
    target_accuracy: float | None
    target_reached: int
    target_runs: int
    target_seconds: float | None
    failures: tuple[tuple[str, int], ...]
    flags: tuple[tuple[str, int], ...]
    error: str | None

    @property
    def origin(self) -> Origin:
        """Where its figures come from."""
        return Origin(self.session_id, self.machine, self.machine_id, self.software_id)


COLUMNS = tuple(field.name for field in fields(ScenarioSummary))
RUN_COLUMNS = (
    *("run_id", "suite", "sweep", "scenario_id", "label", "round", *OF_ORIGIN),
    *("status", "error", "flags", "compile_cached", "step_seconds", "wanted_precision", "max_rounds"),
    *("bound_by", "target_accuracy", "target_seconds"),
    *TIMES,
    *OTHERS,
)
"""Of `runs`, all that is read here."""


def summarise(runs: RunTable, pool: bool = False) -> list[ScenarioSummary]:
    """One summary per sweep, scenario, session, machine and software of `runs`; to `pool`, over the sessions.

    By suite, sweep and label, numbers as numbers, then by machine and session. Machines are told by their
    `machine_id`, not by their names. A run that no machine had (infeasible) goes with that of its session.
    """
    names = {name: runs.codes(name) for name in ("suite", "sweep", "scenario_id", "label")}
    origin = platforms(runs)
    session = [] if pool else [runs.codes("session_id")]
    keys = [*(names[name] for name in ("suite", "sweep", "scenario_id")), *session, origin]
    groups = Groups(runs, grouped(keys, runs.rows))
    first = [rows[0] for rows in groups.all]
    machines, machine_ids, software_ids = ([origin[row][at] for row in first] for at in range(3))
    columns: dict[str, Any] = {
        **{name: [codes[row] for row in first] for name, codes in names.items()},
        "session_id": [None if pool else session[0][row] for row in first],
        **{"machine": machines, "machine_id": machine_ids, "software_id": software_ids},
        **counts(runs, groups),
        **targets(groups),
        **{name: groups.medians(name) for name in OTHERS},
        **(pooled_times(runs, groups) if pool else _times(groups)),
    }
    found = (ScenarioSummary(*values) for values in zip(*(columns[name] for name in COLUMNS), strict=True))
    return sorted(found, key=_by_name)


def _times(groups: Groups) -> dict[str, list[Any]]:
    return {**steps(groups), **{name: groups.medians(name) for name in TIMES}}


def sort_by(summaries: Iterable[ScenarioSummary], column: str | None) -> list[ScenarioSummary]:
    """Sorted by `column`, if any: upwards, or downwards with a `-` before it; what is missing comes last.

    Raises BenchError naming the columns where there is no such one.
    """
    if column is None:
        return list(summaries)
    name, descending = column.removeprefix("-"), column.startswith("-")
    if name not in COLUMNS:
        raise BenchError(f"--sort {column}: no such column; the columns are {', '.join(COLUMNS)}")
    known = [s for s in summaries if getattr(s, name) is not None]
    unknown = [s for s in summaries if getattr(s, name) is None]
    return sorted(known, key=lambda s: getattr(s, name), reverse=descending) + unknown


def _by_name(summary: ScenarioSummary) -> tuple[object, ...]:
    origin = (summary.machine, summary.machine_id or "", summary.software_id or "", summary.session_id or "")
    return (summary.suite, summary.sweep, natural(summary.label), *origin)
