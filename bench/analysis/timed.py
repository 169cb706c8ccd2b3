"""The times of a scenario's runs, each run once: what a comparison is made from."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.analysis.pairing import Scenario
from bench.analysis.statistics import median
from bench.records.run_table import Mask, RunTable

Metric = Literal["step_seconds", "wall_seconds", "train_seconds", "target_seconds", "energy_joules", "cost"]
METRICS: tuple[Metric, ...] = get_args(Metric)
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Timed:
    """The ok runs that gave a time, infinite where a target was missed; in the metric's own unit.

    That is seconds, but for energy (joules) and cost (the prices' currency).
    `sessions` has each run's session, `rounds` its round, None where none is told.
    """

    seconds: Floats
    sessions: Sequence[Any]
    rounds: Sequence[Any]

    def __len__(self) -> int:
        return len(self.seconds)

    @cached_property
    def blocks(self) -> list[Hashable]:
        """Of each run its session and round, or itself where no round is told."""
        runs = enumerate(zip(self.sessions, self.rounds, strict=True))
        return [(session, ("run", place) if number is None else number) for place, (session, number) in runs]

    @cached_property
    def by_session(self) -> dict[Hashable, list[int]]:
        """Which of them are of each session."""
        found: dict[Hashable, list[int]] = {}
        for place, session in enumerate(self.sessions):
            found.setdefault(session, []).append(place)
        return found

    @cached_property
    def log_medians(self) -> dict[Hashable, float]:
        """The logarithm of each session's median; infinite where half or more missed."""
        medians = {session: median(self.seconds[places]) for session, places in self.by_session.items()}
        return {session: math.log(value) for session, value in medians.items()}


def timed(scenario: Scenario, metric: Metric) -> Timed:
    """Of the ok runs of `scenario`; one with no time, or none above zero, is left out."""
    runs = ok_runs(scenario.runs)
    if metric not in runs:
        return Timed(np.empty(0), (), ())
    seconds, known = runs.numbers(metric).values.astype(np.float64), runs.numbers(metric).known
    if metric == "target_seconds" and (known.any() or scenario.settings["target_accuracy"]):
        seconds, known = np.where(known, seconds, math.inf), np.ones_like(known)
    rows = runs.rows[known & (seconds > 0)]
    sessions, rounds = (runs.codes(name).of(rows) for name in ("session_id", "round"))
    return Timed(seconds[rows], sessions, rounds)


def ok_runs(runs: RunTable) -> RunTable:
    """The runs that ended ok; all of them in a table that does not tell."""
    return runs.take(_ok(runs)) if "status" in runs else runs


def _ok(runs: RunTable) -> Mask:
    return runs.is_ok() if "status" in runs else np.ones(len(runs), np.bool_)


def usual_metric(a: Scenario, b: Scenario) -> Metric:
    """`step_seconds`, unless a side has ok runs but no such time for any: then `wall_seconds` for both."""
    return "wall_seconds" if _has_no_steps(a) or _has_no_steps(b) else "step_seconds"


def _has_no_steps(scenario: Scenario) -> bool:
    ok, steps = _ok(scenario.runs), scenario.runs.numbers("step_seconds")
    return bool(ok.any()) and not (ok & steps.known & (steps.values > 0)).any()
