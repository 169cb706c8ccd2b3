"""The times of a scenario's runs, each run once: what a comparison is made from."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.analysis.pairing import Scenario
from bench.analysis.statistics import median
from bench.records.run_table import RunTable

Metric = Literal["step_seconds", "wall_seconds", "train_seconds", "target_seconds", "energy_joules"]
METRICS: tuple[Metric, ...] = get_args(Metric)
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Timed:
    """The ok runs that gave a time, in seconds: infinite where a target was missed.

    `sessions` has each run's session, `blocks` its session and round (or itself, where no round is told).
    """

    seconds: Floats
    sessions: tuple[Any, ...]
    blocks: tuple[Hashable, ...]

    def __len__(self) -> int:
        return len(self.seconds)

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
    blocks = (
        (session, ("run", place) if number is None else number)
        for place, (session, number) in enumerate(zip(sessions, rounds, strict=True))
    )
    return Timed(seconds[rows], tuple(sessions), tuple(blocks))


def ok_runs(runs: RunTable) -> RunTable:
    """The runs that ended ok; all of them in a table that does not tell."""
    return runs.take(runs.is_ok()) if "status" in runs else runs


def usual_metric(a: Scenario, b: Scenario) -> Metric:
    """`step_seconds`, unless a side has ok runs but no such time for any: then `wall_seconds` for both."""
    for side in (a, b):
        if len(ok_runs(side.runs)) and not len(timed(side, "step_seconds")):
            return "wall_seconds"
    return "step_seconds"
