"""Is B faster than A, or is that noise? Two sets of result tables in, ratios and verdicts out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

import numpy as np

from bench.analysis.bootstrap import bootstrap_geometric_mean
from bench.analysis.differences import (
    PLACES,
    READ_BACK,
    READ_BACK_BY_BOTH,
    Difference,
    side_differences,
)
from bench.analysis.pairing import MANNER, WORK, Scenario, pair, scenarios
from bench.analysis.statistics import Floats, geometric_mean, holm, rounds_needed
from bench.analysis.verdict import (
    METRICS,
    VERDICTS,
    Block,
    Metric,
    ScenarioComparison,
    Side,
    Verdict,
    compare_scenario,
    times_by_round,
)
from bench.errors import BenchError
from bench.records.run_table import RunTable
from bench.records.tables import Row

__all__ = [
    "METRICS",
    "VERDICTS",
    "Comparison",
    "Difference",
    "Metric",
    "Overall",
    "ScenarioComparison",
    "Side",
    "Verdict",
    "compare",
]


RUN_COLUMNS = tuple(
    dict.fromkeys(
        [
            *("run_id", "session_id", "scenario_id", "label", "round", "status", "flags", "batch_size"),
            *("machine_id", "software_id", "machine", "val_accuracy", *WORK, *MANNER),
            *(*METRICS, *PLACES, *READ_BACK, *READ_BACK_BY_BOTH),
        ]
    )
)
"""Of `runs`, all that is read here."""
CONFIDENCE = 0.95
DELTA = 0.01


class Options(TypedDict, total=False):
    """What a comparison may be asked for.

    The `confidence` of its intervals; `delta`, the share within which two times pass for the same; `metric`,
    the time to compare instead of the usual one; `force` compares what would be refused; `seed` drives the
    bootstrap.
    """

    confidence: float
    delta: float
    metric: Metric | None
    force: bool
    seed: int


@dataclass(frozen=True)
class Overall:
    """All scenarios that were compared by one metric, together.

    `ratio` is the geometric mean of their ratios B/A, `low` to `high` its interval by bootstrap over rounds;
    `reason` says why one of them is None. The counts are of verdicts; those with `_holm` hold after the
    correction for many scenarios.
    """

    metric: Metric
    scenarios: int
    ratio: float | None
    low: float | None
    high: float | None
    reason: str
    faster: int
    slower: int
    same: int
    unclear: int
    faster_holm: int
    slower_holm: int


@dataclass(frozen=True)
class Comparison:
    """Everything that `compare` found: `scenarios` in A's order, the labels of those that had no partner.

    `tested` scenarios share the Holm correction; `rounds_for_holm` is how many rounds a side make any of
    them certain to be able to pass it.
    """

    confidence: float
    delta: float
    scenarios: tuple[ScenarioComparison, ...]
    overall: tuple[Overall, ...]
    differences: tuple[Difference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    tested: int
    rounds_for_holm: int

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many scenarios got each verdict."""
        return Counter(scenario.verdict for scenario in self.scenarios)


def compare(
    runs_a: RunTable,
    machines_a: Sequence[Row],
    runs_b: RunTable,
    machines_b: Sequence[Row],
    **options: Unpack[Options],
) -> Comparison:
    """How the times of B stand to those of A, per scenario and overall.

    Takes rows of the `machines` tables; any column of either may be missing. See `Options`. BenchError if
    one of them is out of range.
    """
    return compare_scenarios(scenarios(runs_a), machines_a, scenarios(runs_b), machines_b, **options)


def compare_scenarios(
    scenarios_a: Sequence[Scenario],
    machines_a: Sequence[Row],
    scenarios_b: Sequence[Scenario],
    machines_b: Sequence[Row],
    **options: Unpack[Options],
) -> Comparison:
    """The same of the scenarios that the runs of A and B are of."""
    confidence, delta = options.get("confidence", CONFIDENCE), options.get("delta", DELTA)
    metric, force = options.get("metric"), options.get("force", False)
    _check(confidence, delta, metric)
    pairing = pair(scenarios_a, scenarios_b)
    compared = [
        compare_scenario(a, b, confidence=confidence, delta=delta, metric=metric, force=force)
        for a, b in pairing.pairs
    ]
    compared = _with_holm(compared)
    tested = sum(scenario.p is not None for scenario in compared)
    sides_a, sides_b = [a for a, _ in pairing.pairs], [b for _, b in pairing.pairs]
    return Comparison(
        confidence=confidence,
        delta=delta,
        scenarios=tuple(compared),
        overall=_overall(pairing.pairs, compared, confidence, options.get("seed", 0)),
        differences=side_differences(sides_a, machines_a, sides_b, machines_b),
        only_a=tuple(scenario.label for scenario in pairing.only_a),
        only_b=tuple(scenario.label for scenario in pairing.only_b),
        tested=tested,
        rounds_for_holm=rounds_needed(1 - (1 - confidence) / max(1, tested)),
    )


def _check(confidence: float, delta: float, metric: str | None) -> None:
    if not 0 < confidence < 1:
        raise BenchError(f"confidence: {confidence:g} is not between 0 and 1; give 0.95, say")
    if not (delta >= 0 and math.isfinite(delta)):
        raise BenchError(f"delta: {delta:g} is not a share of at least 0; give 0.01 for 1 %, say")
    if metric is not None and metric not in METRICS:
        raise BenchError(f"metric: {metric!r} is not a time to compare by; use one of {', '.join(METRICS)}")


def _with_holm(compared: Sequence[ScenarioComparison]) -> list[ScenarioComparison]:
    """The scenarios with `p_holm` set: one family over all that were tested, whatever their metric."""
    adjusted = iter(holm([scenario.p for scenario in compared if scenario.p is not None]))
    return [
        scenario if scenario.p is None else replace(scenario, p_holm=next(adjusted)) for scenario in compared
    ]


def _overall(
    pairs: Sequence[tuple[Scenario, Scenario]],
    compared: Sequence[ScenarioComparison],
    confidence: float,
    seed: int,
) -> tuple[Overall, ...]:
    """One per metric: a step's ratio and a whole fit's are not ratios of the same thing."""
    found = []
    for metric in METRICS:
        chosen = [
            i for i, scenario in enumerate(compared) if scenario.metric == metric and scenario.p is not None
        ]
        if chosen:
            found.append(
                _overall_of(
                    metric, [pairs[i] for i in chosen], [compared[i] for i in chosen], confidence, seed
                )
            )
    return tuple(found)


def _overall_of(
    metric: Metric,
    pairs: Sequence[tuple[Scenario, Scenario]],
    compared: Sequence[ScenarioComparison],
    confidence: float,
    seed: int,
) -> Overall:
    counts = Counter(scenario.verdict for scenario in compared)
    claims = Counter(
        scenario.verdict
        for scenario in compared
        if scenario.p_holm is not None and scenario.p_holm <= 1 - confidence
    )
    ratio, interval, reason = _mean_ratio(metric, pairs, compared, confidence, seed)
    return Overall(
        metric=metric,
        scenarios=len(compared),
        ratio=ratio,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        reason=reason,
        faster=counts["faster"],
        slower=counts["slower"],
        same=counts["same"],
        unclear=counts["unclear"],
        faster_holm=claims["faster"],
        slower_holm=claims["slower"],
    )


def _mean_ratio(
    metric: Metric,
    pairs: Sequence[tuple[Scenario, Scenario]],
    compared: Sequence[ScenarioComparison],
    confidence: float,
    seed: int,
) -> tuple[float | None, tuple[float, float] | None, str]:
    """The geometric mean, its interval, and why there is none."""
    ratios = [scenario.ratio for scenario in compared]
    bounded = [ratio for ratio in ratios if ratio is not None and 0 < ratio < math.inf]
    if len(bounded) < len(ratios):
        return None, None, "missed targets leave the mean open"
    mean = geometric_mean(bounded)
    times_a = _times([times_by_round(a, metric) for a, _ in pairs])
    times_b = _times([times_by_round(b, metric) for _, b in pairs])
    if np.isinf(times_a).any() or np.isinf(times_b).any():
        return mean, None, "missed targets leave the interval open"
    interval = bootstrap_geometric_mean(times_a, times_b, confidence=confidence, seed=seed)
    if interval is None:
        fewest = [int((~np.isnan(times)).sum(axis=0).min()) for times in (times_a, times_b)]
        needed = rounds_needed(confidence)
        return (
            mean,
            None,
            f"as few as {fewest[0]} and {fewest[1]} rounds a scenario, {needed} and {needed} needed",
        )
    return mean, interval, ""


def _times(columns: Sequence[Mapping[Block, float]]) -> Floats:
    """Times of shape (rounds, scenarios), NaN where a round has none."""
    blocks = list(dict.fromkeys(block for column in columns for block in column))
    return np.array(
        [[column.get(block, math.nan) for column in columns] for block in blocks], dtype=np.float64
    )
