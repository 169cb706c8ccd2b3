"""Times over several sessions: the session is the unit, never the run.

The rounds of a session share its mood, so that a hundred of them tell no more of a machine than one session
does. Of each session the median counts, once: the figure is their geometric mean, and its interval Student's
t (1908) on their logarithms, from four sessions on. By simulation (4, 6 and 12 sessions of 5 or 20 rounds,
lognormal, a scatter of 2 %, 4,000 each), how often 95 % intervals hold the machine's time:

| mood | over sessions | over all runs, as if they were independent |
| --- | --- | --- |
| none | 95 to 96 % | 96 to 97 % |
| 2 % | 95 % | 81 to 85 % of 5 rounds, 54 to 55 % of 20 |
| 5 % | 94 to 96 % | 67 to 74 % of 5 rounds, 40 to 42 % of 20 |
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.decision import CONFIDENCE, FEWEST_SESSIONS
from bench.analysis.log_mean import log_mean
from bench.analysis.statistics import mad, median
from bench.analysis.summary_groups import STEPS, TIMES, Groups
from bench.records.run_table import Rows, RunTable

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """A geometric mean over sessions, and its 95 % interval; without `low` and `high` where they are few."""

    value: float
    low: float | None
    high: float | None


def mean_over_sessions(values: Floats) -> Mean:
    """Of one value above zero for each session."""
    mean = log_mean(values.tolist()) if len(values) >= FEWEST_SESSIONS else None
    if mean is None:
        return Mean(math.exp(np.log(values).mean()), None, None)
    return Mean(math.exp(mean.mean), *mean.interval(CONFIDENCE))


def pooled_times(runs: RunTable, groups: Groups) -> dict[str, list[Any]]:
    """The columns of `STEPS` and `TIMES`, and `target_seconds`, over the sessions of each group.

    `spread` is then the median absolute deviation of the sessions from each other. A precision was asked of
    each session, not of them together. The time to a target, which may be infinite, is the median of the
    sessions' medians.
    """
    of_ok = _Sessions(runs, groups.ok)
    columns: dict[str, list[Any]] = {name: [] for name in STEPS}
    for medians in of_ok.medians("step_seconds"):
        for name, value in zip(STEPS, _step(medians), strict=True):
            columns[name].append(value)
    compiled = _Sessions(runs, groups.telling("compile_seconds"))
    for name in TIMES:
        sessions = of_ok if groups.telling(name) is groups.ok else compiled
        columns[name] = [_centre(medians) for medians in sessions.medians(name)]
    columns["target_seconds"] = _target_seconds(runs, groups)
    return columns


class _Sessions:
    """The rows of groups of runs, by session."""

    def __init__(self, runs: RunTable, groups: Sequence[Rows]) -> None:
        self._runs, self._number = runs, len(groups)
        sessions = runs.codes("session_id")
        self._size = len(sessions.values) + 1
        rows = np.concatenate([*groups, np.empty(0, np.intp)])
        group = np.repeat(np.arange(len(groups)), [len(own) for own in groups])
        key = group * self._size + sessions.indices[rows] + 1
        order = np.argsort(key, kind="stable")
        self._rows, self._key = rows[order], key[order]

    def medians(self, name: str, instead: float | None = None) -> list[Floats]:
        """For each group the median of a column in each of its sessions.

        Where it is not known in a row, `instead` counts there, or the row does not.
        """
        column = self._runs.numbers(name)
        known = column.known[self._rows]
        values = column.values[self._rows].astype(np.float64)
        if instead is None:
            values, key = values[known], self._key[known]
        else:
            values, key = np.where(known, values, instead), self._key
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        found = _medians(values, starts)
        ends = np.searchsorted(key[starts] // self._size, np.arange(self._number + 1))
        return [found[a:b] for a, b in itertools.pairwise(ends)]


def _medians(values: Floats, starts: Rows) -> Floats:
    """Those of the stretches of `values` that begin at `starts`; all stretches of one length at once."""
    lengths = np.diff(starts, append=len(values))
    found = np.empty(len(starts))
    for length in np.unique(lengths):
        which = lengths == length
        stretches = np.sort(values[starts[which][:, None] + np.arange(length)], axis=1)
        found[which] = (stretches[:, (length - 1) // 2] + stretches[:, length // 2]) / 2
    return found


def _step(medians: Floats) -> tuple[Any, ...]:
    """The values of `STEPS`."""
    if not medians.size or not (medians > 0).all():
        return (_centre(medians), *[None] * 7)
    mean = mean_over_sessions(medians)
    precision = None
    if mean.low is not None and mean.high is not None:
        precision = max(mean.high - mean.value, mean.value - mean.low) / mean.value
    spread = mad(medians) / mean.value if medians.size > 1 else None
    return (mean.value, mean.low, mean.high, precision, None, None, None, spread)


def _centre(medians: Floats) -> float | None:
    """Their geometric mean; where one of them is nothing at all, their median."""
    if not medians.size:
        return None
    return math.exp(np.log(medians).mean()) if (medians > 0).all() else median(medians)


def _target_seconds(runs: RunTable, groups: Groups) -> list[float | None]:
    """The median over sessions; a run that failed, or missed it, takes infinitely long."""
    ok, goals, reached = runs.is_ok(), runs.numbers("target_accuracy").known, runs.numbers("target_seconds")
    seconds = np.where(ok & reached.known, reached.values, math.inf)
    sessions = runs.codes("session_id").indices

    def over_sessions(rows: Rows) -> float:
        rows = rows[np.argsort(sessions[rows], kind="stable")]
        return median(_medians(seconds[rows], np.flatnonzero(np.diff(sessions[rows], prepend=-2))))

    return [over_sessions(rows) if goals[rows].any() else None for rows in groups.all]
