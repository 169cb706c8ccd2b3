"""Per scenario and machine, over the rounds: medians, spread, accuracies, failures and flags."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis import repetition
from bench.analysis.failures import first_line
from bench.analysis.statistics import censored_median, mad, median
from bench.errors import BenchError
from bench.records.run_table import Codes, Rows, RunTable, grouped


@dataclass(frozen=True)
class ScenarioSummary:
    """One scenario on one machine: medians over its ok runs, each run counting once; seconds, shares of 1.

    `step_seconds_low` to `step_seconds_high` is the 95 % interval of the median step time, None under six
    runs, and `step_precision` how far its farther end lies from the median, as a share of it. Where a
    `wanted_precision` was asked for it is the interval that decided, None under seven runs: 97 % nominal,
    95 % after looking. `precision_reached` says whether it is within that, None where none was asked for.
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
_STEPS = (
    *("step_seconds", "step_seconds_low", "step_seconds_high", "step_precision"),
    *("wanted_precision", "precision_reached", "max_rounds", "spread"),
)
_TARGETS = ("target_accuracy", "target_reached", "target_runs", "target_seconds")
_OF_COMPILED = ("compile_seconds", "wall_seconds", "peak_host_bytes")
RUN_COLUMNS = (
    *("run_id", "session_id", "suite", "sweep", "scenario_id", "label", "machine", "round"),
    *("status", "error", "flags", "compile_cached", "step_seconds", "wanted_precision", "max_rounds"),
    *("bound_by", "target_accuracy", "target_seconds"),
    *_MEDIANS,
)
"""Of `runs`, all that is read here."""


def summarise(runs: RunTable) -> list[ScenarioSummary]:
    """One summary per sweep, scenario and machine of `runs`, by suite, sweep and label, numbers as numbers.

    A run that no machine had (infeasible) goes with the machine of its session.
    """
    machines = _machines(runs)
    names = {name: runs.codes(name) for name in ("suite", "sweep", "scenario_id", "label")}
    keys = [names["suite"], names["sweep"], names["scenario_id"], machines]
    groups = _Groups(runs, grouped(keys, runs.rows))
    columns = {
        **{name: [codes[rows[0]] for rows in groups.all] for name, codes in names.items()},
        "machine": [machines[rows[0]] for rows in groups.all],
        **_counts(runs, groups),
        **_steps(groups),
        **_targets(groups),
        **{name: groups.medians(name) for name in _MEDIANS},
    }
    found = (ScenarioSummary(*values) for values in zip(*(columns[name] for name in COLUMNS), strict=True))
    return sorted(found, key=_by_name)


class _Groups:
    """The rows of each summary: all of them, and those that ended ok."""

    def __init__(self, runs: RunTable, groups: Sequence[Rows]) -> None:
        self._runs, self.all = runs, groups
        ok, cached = runs.is_ok(), runs.codes("compile_cached").among([True])
        self.ok = [rows[ok[rows]] for rows in groups]
        self.failed = [rows[~ok[rows]] for rows in groups]
        self.compiled = [rows[~cached[rows]] for rows in self.ok]

    def known(self, name: str, of: Sequence[Rows]) -> list[NDArray[Any]]:
        """The known values of a column, of the rows in each of `of`."""
        column = self._runs.numbers(name)
        return [column.of(rows) for rows in of]

    def medians(self, name: str) -> list[float | None]:
        """Those of a column over the runs that ended ok and, where only those have any, that compiled."""
        of = self.compiled if name in _OF_COMPILED else self.ok
        return [median(values) if values.size else None for values in self.known(name, of)]


def _machines(runs: RunTable) -> Codes:
    """The machine of each run: its own, or else the last that another run of its session had."""
    named = runs.codes("machine")
    own = named.mapped([name or None for name in named.values])
    sessions, has = runs.codes("session_id"), own.indices >= 0
    of_session = np.full(len(sessions.values) + 1, -1, np.int32)
    of_session[sessions.indices[has]] = own.indices[has]
    unknown = Codes(np.zeros(len(runs), np.int32), ["unknown"])
    return own.otherwise(Codes(of_session[sessions.indices], own.values)).otherwise(unknown)


def _counts(runs: RunTable, groups: _Groups) -> dict[str, list[Any]]:
    """How many runs there are, what became of them, and what limited those that ended ok."""
    sessions, rounds = runs.codes("session_id"), runs.codes("round")
    places = sessions.indices.astype(np.int64) * (len(rounds.values) + 1) + rounds.indices
    bounds, statuses, errors = (runs.codes(name) for name in ("bound_by", "status", "error"))
    flags = runs.counts("flags", groups.all)
    return {
        "runs": [len(rows) for rows in groups.all],
        "rounds": [np.unique(places[rows]).size for rows in groups.all],
        "ok": [len(rows) for rows in groups.ok],
        "bound_by": [_first(bounds, rows) for rows in groups.ok],
        "failures": [counted(statuses.of(rows)) for rows in groups.failed],
        "flags": [most_first(of) for of in flags],
        "error": [_last_error(errors, rows) for rows in groups.failed],
    }


def _steps(groups: _Groups) -> dict[str, list[Any]]:
    """The time of a step and how precisely it is known."""
    columns: dict[str, list[Any]] = {name: [] for name in _STEPS}
    asked = (groups.known(name, groups.all) for name in ("wanted_precision", "max_rounds"))
    for steps, wanted, most in zip(groups.known("step_seconds", groups.ok), *asked, strict=True):
        for name, value in zip(_STEPS, _step(steps, wanted, most), strict=True):
            columns[name].append(value)
    return columns


def _step(steps: NDArray[Any], asked: NDArray[Any], most: NDArray[Any]) -> tuple[Any, ...]:
    """The values of `_STEPS`."""
    wanted = asked.min().item() if asked.size else None
    interval = repetition.interval(steps, wanted)
    precision = repetition.precision(steps, interval)
    centre = median(steps) if steps.size else None
    return (
        centre,
        interval.low if interval else None,
        interval.high if interval else None,
        precision,
        wanted,
        None if wanted is None else repetition.reaches(precision, wanted),
        most.max().item() if most.size else None,
        mad(steps) / centre if centre is not None and steps.size > 1 else None,
    )


def _targets(groups: _Groups) -> dict[str, list[Any]]:
    """How many runs were to reach an accuracy, how many did, and how soon."""
    columns: dict[str, list[Any]] = {name: [] for name in _TARGETS}
    known = groups.known("target_accuracy", groups.all), groups.known("target_seconds", groups.ok)
    for rows, targets, reached in zip(groups.all, *known, strict=True):
        values: tuple[Any, ...] = (None, 0, 0, None)
        if targets.size:
            seconds = censored_median(reached, len(rows) - reached.size)
            values = (targets[0].item(), reached.size, len(rows), seconds)
        for name, value in zip(_TARGETS, values, strict=True):
            columns[name].append(value)
    return columns


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


def _first(column: Codes, rows: Rows) -> Any:  # noqa: ANN401 -- whatever the column holds
    """The first known value."""
    known = rows[column.indices[rows] >= 0]
    return column[known[0]] if known.size else None


def _last_error(errors: Codes, failed: Rows) -> str | None:
    """The first line of the last error that says anything."""
    lines = (first_line(errors[row]) for row in failed[::-1])
    return next(filter(None, lines), None)


def _by_name(summary: ScenarioSummary) -> tuple[object, ...]:
    """Sorts `batch_size=2` before `batch_size=10`: text and numbers in turn, as they stand in the label."""
    parts = _NUMBER.split(summary.label)
    label = [part if i % 2 == 0 else float(part) for i, part in enumerate(parts)]
    return (summary.suite, summary.sweep, label, summary.machine)


def counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Each name and how often it comes up, the most frequent first."""
    return most_first(Counter(names).items())


def most_first(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Names with how often each comes up, the most frequent first."""
    return tuple(sorted(counts, key=lambda item: (-item[1], item[0])))
