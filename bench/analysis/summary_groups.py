"""The figures of a summary, each over all groups of runs: medians, counts, intervals and targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis import repetition
from bench.analysis.failures import first_line
from bench.analysis.statistics import censored_median, mad, median
from bench.analysis.tally import counted, most_first
from bench.records.run_table import Codes, Rows, RunTable

TIMES = (
    *("samples_per_second", "train_seconds", "wall_seconds", "compile_seconds", "flops_per_second"),
    *("limit_fraction", "energy_joules"),
)
"""What takes part in a session's mood, beside the time of a step."""
OTHERS = (
    *("train_accuracy", "val_accuracy", "best_val_accuracy", "test_accuracy"),
    *("peak_host_bytes", "peak_device_bytes"),
)
"""What does not: how accurate a run is and what memory it takes do not depend on the day."""
STEPS = (
    *("step_seconds", "step_seconds_low", "step_seconds_high", "step_precision"),
    *("wanted_precision", "precision_reached", "max_rounds", "spread"),
)
_TARGETS = ("target_accuracy", "target_reached", "target_runs", "target_seconds")
_OF_COMPILED = ("compile_seconds", "wall_seconds", "peak_host_bytes")


class Groups:
    """The rows of each summary: all of them, and those that ended ok."""

    def __init__(self, runs: RunTable, groups: Sequence[Rows]) -> None:
        self._runs, self.all = runs, groups
        ok, cached = runs.is_ok(), runs.codes("compile_cached").among([True])
        self.ok = [rows[ok[rows]] for rows in groups]
        self.failed = [rows[~ok[rows]] for rows in groups]
        self._compiled = [rows[~cached[rows]] for rows in self.ok]

    def known(self, name: str, of: Sequence[Rows]) -> list[NDArray[Any]]:
        """The known values of a column, of the rows in each of `of`."""
        column = self._runs.numbers(name)
        return [column.of(rows) for rows in of]

    def telling(self, name: str) -> Sequence[Rows]:
        """The rows that tell of a column: those that ended ok; where only those have any, that compiled."""
        return self._compiled if name in _OF_COMPILED else self.ok

    def medians(self, name: str) -> list[float | None]:
        """Those of a column over the rows that tell of it."""
        return [median(values) if values.size else None for values in self.known(name, self.telling(name))]


def counts(runs: RunTable, groups: Groups) -> dict[str, list[Any]]:
    """How many runs there are, what became of them, and what limited those that ended ok."""
    sessions, rounds = runs.codes("session_id"), runs.codes("round")
    places = sessions.indices.astype(np.int64) * (len(rounds.values) + 1) + rounds.indices
    bounds, statuses, errors = (runs.codes(name) for name in ("bound_by", "status", "error"))
    flags = runs.counts("flags", groups.all)
    return {
        "sessions": [np.unique(sessions.indices[rows]).size for rows in groups.all],
        "runs": [len(rows) for rows in groups.all],
        "rounds": [np.unique(places[rows]).size for rows in groups.all],
        "ok": [len(rows) for rows in groups.ok],
        "bound_by": [_first(bounds, rows) for rows in groups.ok],
        "failures": [counted(statuses.of(rows)) for rows in groups.failed],
        "flags": [most_first(of) for of in flags],
        "error": [_last_error(errors, rows) for rows in groups.failed],
    }


def steps(groups: Groups) -> dict[str, list[Any]]:
    """The time of a step and how precisely it is known: `STEPS`."""
    columns: dict[str, list[Any]] = {name: [] for name in STEPS}
    asked = (groups.known(name, groups.all) for name in ("wanted_precision", "max_rounds"))
    for known, wanted, most in zip(groups.known("step_seconds", groups.ok), *asked, strict=True):
        _append(columns, STEPS, _step(known, wanted, most))
    return columns


def _step(known: NDArray[Any], asked: NDArray[Any], most: NDArray[Any]) -> tuple[Any, ...]:
    wanted = asked.min().item() if asked.size else None
    interval = repetition.interval(known, wanted)
    precision = repetition.precision(known, interval)
    centre = median(known) if known.size else None
    return (
        centre,
        interval.low if interval else None,
        interval.high if interval else None,
        precision,
        wanted,
        None if wanted is None else repetition.reaches(precision, wanted),
        most.max().item() if most.size else None,
        mad(known) / centre if centre is not None and known.size > 1 else None,
    )


def targets(groups: Groups) -> dict[str, list[Any]]:
    """How many runs were to reach an accuracy, how many did, and how soon."""
    columns: dict[str, list[Any]] = {name: [] for name in _TARGETS}
    known = groups.known("target_accuracy", groups.all), groups.known("target_seconds", groups.ok)
    for rows, goals, reached in zip(groups.all, *known, strict=True):
        values: tuple[Any, ...] = (None, 0, 0, None)
        if goals.size:
            seconds = censored_median(reached, len(rows) - reached.size)
            values = (goals[0].item(), reached.size, len(rows), seconds)
        _append(columns, _TARGETS, values)
    return columns


def _append(columns: Mapping[str, list[Any]], names: Sequence[str], values: Sequence[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        columns[name].append(value)


def _first(column: Codes, rows: Rows) -> Any:  # noqa: ANN401 -- whatever the column holds
    """The first known value."""
    known = rows[column.indices[rows] >= 0]
    return column[known[0]] if known.size else None


def _last_error(errors: Codes, failed: Rows) -> str | None:
    """The first line of the last error that says anything."""
    lines = (first_line(errors[row]) for row in failed[::-1])
    return next(filter(None, lines), None)
