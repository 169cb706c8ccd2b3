"""Per scenario and machine, over the rounds: medians, spread, accuracies, failures and flags."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bench.analysis import repetition
from bench.analysis.failures import first_line
from bench.analysis.statistics import censored_median, mad, median
from bench.errors import BenchError
from bench.records.tables import Row


@dataclass(frozen=True)
class ScenarioSummary:
    """One scenario on one machine: medians over its ok runs, each run counting once; seconds, shares of 1.

    `step_seconds_low` to `step_seconds_high` is the 95 % interval of the median step time, None under six
    runs, and `step_precision` how far its farther end lies from the median, as a share of it.
    `precision_reached` says whether that is within the `wanted_precision`, None where none was asked for.
    `spread` is the median absolute deviation of the runs' step times over their median. `target_reached` of
    `target_runs` runs got to their target accuracy, `target_seconds` is the median with misses and failures
    as infinite. There are fewer `rounds` than `runs` where each ran on several nodes. `failures` and `flags`
    say how often which happened. `compile_seconds`, `wall_seconds` and `peak_host_bytes` are of the runs that
    compiled, which takes time and memory.
    """

    suite: str
    sweep: str
    label: str
    scenario_id: str
    machine: str
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


_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
COLUMNS = tuple(field.name for field in fields(ScenarioSummary))
_MEDIANS = (
    "samples_per_second",
    "train_seconds",
    "wall_seconds",
    "compile_seconds",
    "train_accuracy",
    "val_accuracy",
    "best_val_accuracy",
    "test_accuracy",
    "flops_per_second",
    "limit_fraction",
    "peak_host_bytes",
    "peak_device_bytes",
    "energy_joules",
)
_OF_COMPILED = ("compile_seconds", "wall_seconds", "peak_host_bytes")
RUN_COLUMNS = (
    *("run_id", "session_id", "suite", "sweep", "scenario_id", "label", "machine", "round"),
    *("status", "error", "flags", "compile_cached", "step_seconds", "wanted_precision", "max_rounds"),
    *("bound_by", "target_accuracy", "target_seconds"),
    *_MEDIANS,
)
"""Of `runs`, all that is read here."""


def summarise(runs: Iterable[Row]) -> list[ScenarioSummary]:
    """One summary per sweep, scenario and machine of `runs`, by suite, sweep and label, numbers as numbers.

    Takes rows of the `runs` table. The same run in two folders counts once. A run that no machine had
    (infeasible) goes with the machine of its session.
    """
    once = list({row["run_id"]: row for row in runs}.values())
    machine_of = {row["session_id"]: row["machine"] for row in once if row["machine"]}
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in once:
        machine = row["machine"] or machine_of.get(row["session_id"], "unknown")
        groups.setdefault((row["suite"], row["sweep"], row["scenario_id"], machine), []).append(row)
    return sorted((_summary(group, key[-1]) for key, group in groups.items()), key=_by_name)


def sort_by(summaries: Iterable[ScenarioSummary], column: str) -> list[ScenarioSummary]:
    """Sorted by `column`, upwards, or downwards with a `-` before it; what is missing comes last.

    Raises BenchError naming the columns where there is no such one.
    """
    name, descending = column.removeprefix("-"), column.startswith("-")
    if name not in COLUMNS:
        raise BenchError(f"--sort {column}: no such column; the columns are {', '.join(COLUMNS)}")
    known = [s for s in summaries if getattr(s, name) is not None]
    unknown = [s for s in summaries if getattr(s, name) is None]
    return sorted(known, key=lambda s: getattr(s, name), reverse=descending) + unknown


def _summary(group: Sequence[Row], machine: str) -> ScenarioSummary:
    first = group[0]
    ok, failed = ([row for row in group if (row["status"] == "ok") is wanted] for wanted in (True, False))
    steps, target = _values(ok, "step_seconds"), _values(group, "target_accuracy")
    reached = _values(ok, "target_seconds")
    compiled = [row for row in ok if not row.get("compile_cached")]
    medians: dict[str, Any] = {
        name: _median(compiled if name in _OF_COMPILED else ok, name) for name in _MEDIANS
    }
    interval = repetition.interval(steps)
    precision = repetition.precision_within(steps, interval)
    wanted = min(_values(group, "wanted_precision"), default=None)
    return ScenarioSummary(
        suite=first["suite"],
        sweep=first["sweep"],
        label=first["label"],
        scenario_id=first["scenario_id"],
        machine=machine,
        runs=len(group),
        rounds=len({(row["session_id"], row["round"]) for row in group}),
        ok=len(ok),
        step_seconds=median(steps) if steps else None,
        step_seconds_low=interval.low if interval else None,
        step_seconds_high=interval.high if interval else None,
        step_precision=precision,
        wanted_precision=wanted,
        precision_reached=None if wanted is None else repetition.reaches(precision, wanted),
        max_rounds=max(_values(group, "max_rounds"), default=None),
        spread=mad(steps) / median(steps) if len(steps) > 1 else None,
        **medians,
        bound_by=next(iter(_values(ok, "bound_by")), None),
        target_accuracy=target[0] if target else None,
        target_reached=len(reached) if target else 0,
        target_runs=len(group) if target else 0,
        target_seconds=_censored(reached, len(group)) if target else None,
        failures=counted(row["status"] for row in failed),
        flags=counted(flag for row in group for flag in row["flags"] or ()),
        error=_last_error(failed),
    )


def _last_error(failed: Sequence[Row]) -> str | None:
    """The first line of the last error that says anything."""
    lines = [first_line(error) for error in _values(failed, "error")]
    return next(filter(None, reversed(lines)), None)


def _by_name(summary: ScenarioSummary) -> tuple[object, ...]:
    """Sorts `batch_size=2` before `batch_size=10`: text and numbers in turn, as they stand in the label."""
    parts = _NUMBER.split(summary.label)
    label = [part if i % 2 == 0 else float(part) for i, part in enumerate(parts)]
    return (summary.suite, summary.sweep, label, summary.machine)


def _censored(reached: list[Any], runs: int) -> float:
    """The median over all runs, those that never got there as infinite."""
    return censored_median([*reached, *[None] * (runs - len(reached))])


def _median(runs: Sequence[Row], name: str) -> float | None:
    values = _values(runs, name)
    return median(values) if values else None


def _values(runs: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in runs if row.get(name) is not None]


def counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Each name and how often it comes up, the most frequent first."""
    return tuple(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
