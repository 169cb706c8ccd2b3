"""How two paired scenarios stand to each other: times in, ratio and verdict out."""

import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bench.analysis.differences import Difference, setting_differences
from bench.analysis.pairing import Scenario
from bench.analysis.statistics import (
    RatioEstimate,
    censored_median,
    hodges_lehmann_ratio,
    margin_p,
    median,
    rounds_needed,
)
from bench.records.run_table import RunTable

Metric = Literal["step_seconds", "wall_seconds", "train_seconds", "target_seconds"]
Verdict = Literal["faster", "slower", "same", "unclear", "failed", "refused"]
Block = tuple[Hashable, Hashable]

METRICS: tuple[Metric, ...] = get_args(Metric)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Side:
    """One side of a scenario: how many runs, how many ended ok, how many gave a time, and their medians.

    `seconds` is infinite where most runs missed the target; `flags` are those of the ok runs, each once.
    `statuses` counts what became of the others.
    """

    runs: int
    ok: int
    times: int
    seconds: float | None
    val_accuracy: float | None
    flags: tuple[str, ...]
    statuses: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ScenarioComparison:
    """B against A on one scenario: `ratio` is B/A in `metric`, below 1 where B is faster.

    `low` to `high` is the ratio's interval at `attained_confidence`, None where the rounds allow none. `p` is
    against the null that the ratio lies within the margin, `p_holm` the same adjusted for the number of
    scenarios. `smallest_difference` is the share by which the sides would have had to differ for these
    rounds to show it. `reason` is a sentence on why there is no clearer verdict, empty where there is.
    """

    label: str
    setting_differences: tuple[Difference, ...]
    metric: Metric | None
    a: Side
    b: Side
    verdict: Verdict
    reason: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    attained_confidence: float | None = None
    p: float | None = None
    p_holm: float | None = None
    smallest_difference: float | None = None


def compare_scenario(
    a: Scenario, b: Scenario, *, confidence: float, delta: float, metric: Metric | None, force: bool
) -> ScenarioComparison:
    """B against A by `metric`; without one by `step_seconds`, or `wall_seconds` where a side has no steps.

    Each ok run counts once. `force` compares what would be refused.
    """
    chosen = metric or _usual_metric(a, b)
    times_a, times_b = (list(times_by_round(side, chosen).values()) for side in (a, b))
    side_a, side_b = _side(a, times_a), _side(b, times_b)
    verdict, reason = _obstacle(a, b, side_a, side_b, chosen, force)
    if verdict is not None:
        return ScenarioComparison(a.label, setting_differences(a, b), chosen, side_a, side_b, verdict, reason)
    estimate = hodges_lehmann_ratio(times_a, times_b, confidence)
    verdict = _verdict(estimate, delta)
    smallest = _smallest_difference(estimate, delta)
    return ScenarioComparison(
        label=a.label,
        setting_differences=setting_differences(a, b),
        metric=chosen,
        a=side_a,
        b=side_b,
        verdict=verdict,
        reason=_doubt(estimate, smallest, side_a, side_b, confidence) if verdict == "unclear" else "",
        ratio=estimate.ratio,
        low=estimate.low,
        high=estimate.high,
        attained_confidence=estimate.attained_confidence,
        p=margin_p(times_a, times_b, delta),
        smallest_difference=smallest,
    )


def times_by_round(scenario: Scenario, metric: Metric) -> dict[Block, float]:
    """Each ok run's time in seconds by session, and round or (where none is told) place in the table.

    A missed target is infinite; a run with no time, or none above zero, is left out.
    """
    runs = _ok(scenario.runs)
    if metric not in runs:
        return {}
    seconds, known = runs.numbers(metric).values, runs.numbers(metric).known
    if metric == "target_seconds" and (known.any() or scenario.settings["target_accuracy"]):
        seconds, known = np.where(known, seconds, math.inf), np.ones_like(known)
    timed = runs.rows[known & (seconds > 0)]
    sessions, rounds = (runs.codes(name).of(runs.rows) for name in ("session_id", "round"))
    found: dict[Block, float] = {}
    for place, value in zip(timed.tolist(), seconds[timed].tolist(), strict=True):
        block: Block = (sessions[place], rounds[place])
        if block[1] is None or block in found:
            block = (block[0], ("place", place))
        found[block] = value
    return found


def _ok(runs: RunTable) -> RunTable:
    """The runs that ended ok; all of them in a table that does not tell."""
    return runs.take(runs.is_ok()) if "status" in runs else runs


def _usual_metric(a: Scenario, b: Scenario) -> Metric:
    """`step_seconds`, unless a side has ok runs but no such time for any: then `wall_seconds` for both."""
    for side in (a, b):
        if len(_ok(side.runs)) and not times_by_round(side, "step_seconds"):
            return "wall_seconds"
    return "step_seconds"


def _side(scenario: Scenario, times: list[float]) -> Side:
    ok = _ok(scenario.runs)
    accuracies = ok.numbers("val_accuracy").of(ok.rows)
    ended = Counter(scenario.runs.codes("status").of(scenario.runs.rows)) if "status" in ok else Counter()
    return Side(
        runs=len(scenario.runs),
        ok=len(ok),
        times=len(times),
        seconds=censored_median(times) if times else None,
        val_accuracy=median(accuracies) if accuracies.size else None,
        flags=tuple(sorted({flag for flags in ok.codes("flags").distinct() for flag in flags})),
        statuses=tuple((name, number) for name, number in ended.most_common() if name != "ok"),
    )


def _obstacle(
    a: Scenario, b: Scenario, side_a: Side, side_b: Side, metric: Metric, force: bool
) -> tuple[Verdict | None, str]:
    """Why there is no ratio, or None: incomparable work first, then failure, then missing times."""
    refusal = "" if force else _refusal(a, b, metric)
    if refusal:
        return "refused", refusal
    failed = [_failure(name, side) for name, side in (("A", side_a), ("B", side_b)) if side.ok == 0]
    if failed:
        return "failed", "; ".join(failed)
    silent = [name for name, side in (("A", side_a), ("B", side_b)) if side.times == 0]
    if silent:
        return "unclear", f"no {metric} in {' and '.join(silent)}"
    return None, ""


def _refusal(a: Scenario, b: Scenario, metric: Metric) -> str:
    """What makes the times incomparable, empty if nothing does."""
    hashes = [_hashes(side) for side in (a, b)]
    if all(hashes) and hashes[0] != hashes[1]:
        return "the data differ (dataset_sha256)"
    batches = (a.global_batch, b.global_batch)
    if None not in batches and batches[0] != batches[1]:
        return f"the global batch differs ({batches[0]:,} and {batches[1]:,})"
    targets = [side.settings["target_accuracy"] for side in (a, b)]
    if metric == "target_seconds" and None not in targets and targets[0] != targets[1]:
        return f"the target accuracy differs ({targets[0]:g} and {targets[1]:g})"
    return ""


def _hashes(scenario: Scenario) -> set[str]:
    return set(scenario.runs.codes("dataset_sha256").distinct())


def _failure(name: str, side: Side) -> str:
    ended = ", ".join(f"{number} {status}" for status, number in side.statuses)
    return f"no run of {name} ended ok" + (f" ({ended})" if ended else "")


def _verdict(estimate: RatioEstimate, delta: float) -> Verdict:
    """Faster, slower or same only where the whole interval says so."""
    if estimate.low is None or estimate.high is None:
        return "unclear"
    if estimate.high < 1 / (1 + delta):
        return "faster"
    if estimate.low > 1 + delta:
        return "slower"
    return "same" if estimate.low >= 1 / (1 + delta) and estimate.high <= 1 + delta else "unclear"


def _smallest_difference(estimate: RatioEstimate, delta: float) -> float | None:
    """Half the interval's width on the log scale past the margin, as a share; None if unbounded."""
    if not estimate.low or estimate.high is None or math.isinf(estimate.high):
        return None
    return math.sqrt(estimate.high / estimate.low) * (1 + delta) - 1


def _doubt(estimate: RatioEstimate, smallest: float | None, a: Side, b: Side, confidence: float) -> str:
    if estimate.low is None:
        needed = rounds_needed(confidence)
        reached = f"{estimate.attainable_confidence * 100:.3g} %"
        return f"{a.times} and {b.times} rounds reach {reached} at most, {needed} and {needed} needed"
    if smallest is None:
        return "missed targets leave the ratio open"
    return f"these rounds show differences from {smallest * 100:.2g} % on"
