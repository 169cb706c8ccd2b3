"""How many times the throughput of a baseline: within sessions, which are the blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analysis.decision import CONFIDENCE, DELTA, FEWEST_SESSIONS
from bench.analysis.ratios import ratios
from bench.analysis.scaling_columns import ScalingColumns
from bench.analysis.statistics import median
from bench.analysis.typical import mean_over_sessions
from bench.records.run_table import Rows


@dataclass(frozen=True)
class Speedup:
    """The ratio of throughputs and its interval, and how many sessions hold both sides."""

    sessions: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> "Speedup":
        """So many times as large."""
        ends = (None if end is None else end * factor for end in (self.ratio, self.low, self.high))
        return Speedup(self.sessions, *ends)


def speedup(columns: ScalingColumns, rows: Rows, baseline: Rows) -> Speedup:
    """Of the scenario of `rows`: the ratio of its batch to `baseline`, over that of the steps' times."""
    own, alone = columns.by_session(rows), columns.by_session(baseline)
    pairs = [(own[session], alone[session]) for session in own if session in alone]
    batches = columns.global_batch(rows[0]) / columns.global_batch(baseline[0])
    return over_sessions(pairs).times(batches)


def over_sessions(pairs: Sequence[tuple[Any, Any]]) -> Speedup:
    """How many times as long a step of the baseline takes, by the times of both in each session.

    Of fewer than `FEWEST_SESSIONS` by the last one alone.
    """
    if not pairs:
        return Speedup(0)
    if len(pairs) >= FEWEST_SESSIONS:
        mean = mean_over_sessions([median(alone) / median(own) for own, alone in pairs])
        return Speedup(len(pairs), mean.value, mean.low, mean.high)
    own, alone = (np.sort(side) for side in pairs[-1])
    [found] = ratios([(own, alone)], CONFIDENCE, DELTA)
    return Speedup(len(pairs), found.ratio, found.low, found.high)
