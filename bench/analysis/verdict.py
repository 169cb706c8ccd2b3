"""How two paired scenarios stand to each other: their times in, ratio and verdict out."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from bench.analysis.accuracy import AccuracyDifference
from bench.analysis.decision import CONFIDENCE, Decision, decide, found_from
from bench.analysis.differences import Difference, setting_differences
from bench.analysis.estimates import Estimate, OneFigure
from bench.analysis.pairing import Scenario
from bench.analysis.statistics import censored_median, median
from bench.analysis.timed import Metric, Timed, ok_runs

Verdict = Literal[Decision, "below", "above", "no verdict", "failed", "refused"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class SideOfScenario:
    """One side of a scenario: how many runs, how many ended ok, how many gave a time, and their medians.

    `sessions` is in how many sessions those with a time were. `seconds` is infinite where most runs missed
    the target; `flags` are those of the ok runs, each once. `statuses` counts what became of the others.
    """

    runs: int
    ok: int
    times: int
    sessions: int
    seconds: float | None
    val_accuracy: float | None
    flags: tuple[str, ...]
    statuses: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ScenarioComparison:
    """B against A on one scenario: `ratio` is B/A in `metric`, below 1 where B is faster.

    `low` to `high` is the ratio's interval at `attained_confidence`, None where there are too few runs, or
    sessions, for one. `p` is against the null that the ratio lies within the margin, `q` the same adjusted
    for the number of scenarios. `smallest_difference` is the share by which the sides would have had to
    differ for it to show in 95 of 100 such comparisons. `reason` is a sentence on why there is no clearer
    verdict, empty where there is. "below" and "above" are verdicts against a side's `one_figure`, "no
    verdict" is that of too few sessions. `settings` are A's, with the global batch as `batch_size`.
    `accuracy` is how far B's validation accuracy lies from A's, by pairs of seeds where there are some.
    """

    label: str
    settings: Mapping[str, Any]
    setting_differences: tuple[Difference, ...]
    metric: Metric
    a: SideOfScenario
    b: SideOfScenario
    verdict: Verdict
    reason: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    attained_confidence: float | None = None
    p: float | None = None
    q: float | None = None
    smallest_difference: float | None = None
    one_figure: OneFigure | None = None
    accuracy: AccuracyDifference | None = None


@dataclass(frozen=True, eq=False)
class Paired:
    """A scenario of A and its partner in B, by one metric."""

    a: Scenario
    b: Scenario
    metric: Metric
    timed_a: Timed
    timed_b: Timed

    def settled(self, force: bool) -> ScenarioComparison | None:
        """The verdict of what cannot be compared: incomparable work first, then failure, then no times."""
        verdict, reason = _obstacle(self, *self._sides, force)
        return self._comparison(verdict, reason) if verdict else None

    def with_estimate(
        self, estimate: Estimate, q: float | None, tested: int, delta: float, level: float
    ) -> ScenarioComparison:
        """What the estimate amounts to with `q`, at a false discovery rate of `level` among `tested`."""
        verdict = _verdict(estimate, q, delta, level)
        smallest = _smallest_difference(estimate, delta)
        return self._comparison(
            verdict,
            _doubt(estimate, smallest, q, tested, delta) if verdict in ("unclear", "no verdict") else "",
            ratio=estimate.ratio,
            low=estimate.low,
            high=estimate.high,
            attained_confidence=estimate.attained_confidence,
            p=estimate.p,
            q=q,
            smallest_difference=smallest,
            one_figure=estimate.one_figure,
        )

    @cached_property
    def _sides(self) -> tuple[SideOfScenario, SideOfScenario]:
        return _side(self.a, self.timed_a), _side(self.b, self.timed_b)

    def _comparison(self, verdict: Verdict, reason: str, **found: Any) -> ScenarioComparison:  # noqa: ANN401
        settings = {**self.a.settings, "batch_size": self.a.global_batch}
        differences = setting_differences(self.a, self.b)
        return ScenarioComparison(
            self.a.label, settings, differences, self.metric, *self._sides, verdict, reason, **found
        )


def _side(scenario: Scenario, times: Timed) -> SideOfScenario:
    ok = ok_runs(scenario.runs)
    accuracies = ok.numbers("val_accuracy").of(ok.rows)
    ended = Counter(scenario.runs.codes("status").of(scenario.runs.rows)) if "status" in ok else Counter()
    return SideOfScenario(
        runs=len(scenario.runs),
        ok=len(ok),
        times=len(times),
        sessions=len(times.by_session),
        seconds=censored_median(times.seconds) if len(times) else None,
        val_accuracy=median(accuracies) if accuracies.size else None,
        flags=tuple(sorted({flag for flags in ok.codes("flags").distinct() for flag in flags})),
        statuses=tuple((name, number) for name, number in ended.most_common() if name != "ok"),
    )


def _obstacle(
    pair: Paired, side_a: SideOfScenario, side_b: SideOfScenario, force: bool
) -> tuple[Verdict | None, str]:
    refusal = "" if force else _refusal(pair.a, pair.b, pair.metric)
    if refusal:
        return "refused", refusal
    sides = (("A", side_a), ("B", side_b))
    if failed := [_failure(name, side) for name, side in sides if side.ok == 0]:
        return "failed", "; ".join(failed)
    if silent := [name for name, side in sides if side.times == 0]:
        return "unclear", f"no {pair.metric} in {' and '.join(silent)}"
    return None, ""


def _refusal(a: Scenario, b: Scenario, metric: Metric) -> str:
    """What makes the times incomparable, empty if nothing does."""
    hashes = [set(side.runs.codes("dataset_sha256").distinct()) for side in (a, b)]
    if all(hashes) and hashes[0] != hashes[1]:
        return "the data differ (dataset_sha256)"
    batches = (a.global_batch, b.global_batch)
    if None not in batches and batches[0] != batches[1]:
        return f"the global batch differs ({batches[0]:,} and {batches[1]:,})"
    targets = [side.settings["target_accuracy"] for side in (a, b)]
    if metric == "target_seconds" and None not in targets and targets[0] != targets[1]:
        return f"the target accuracy differs ({targets[0]:g} and {targets[1]:g})"
    return ""


def _failure(name: str, side: SideOfScenario) -> str:
    ended = ", ".join(f"{number} {status}" for status, number in side.statuses)
    return f"no run of {name} ended ok" + (f" ({ended})" if ended else "")


def _verdict(estimate: Estimate, q: float | None, delta: float, level: float) -> Verdict:
    if figure := estimate.one_figure:
        if figure.below == figure.rounds:
            return "below"
        return "above" if figure.above == figure.rounds else "no verdict"
    if estimate.p is None:
        return "no verdict"
    return decide(estimate.low, estimate.high, delta, q, level)


def _smallest_difference(estimate: Estimate, delta: float) -> float | None:
    """The interval's whole width on the log scale past the margin, as a share; None if unbounded.

    Half the width is what shows in every other comparison. The normal distribution's 97.5 and 95 % points lie
    1.96 and 1.64 standard errors out, so once more as much shows in a little more than 95 of 100. At less
    than 90 % confidence it takes more than the whole width.
    """
    if not estimate.low or estimate.high is None or math.isinf(estimate.high):
        return None
    widths = max(1.0, found_from(estimate.attained_confidence or CONFIDENCE) / 2)
    return float((estimate.high / estimate.low) ** widths * (1 + delta) - 1)


def _doubt(estimate: Estimate, smallest: float | None, q: float | None, tested: int, delta: float) -> str:
    if figure := estimate.one_figure:
        return f"below the one figure in {figure.below} of {figure.rounds} rounds, above it in {figure.above}"
    if estimate.reason:
        return estimate.reason
    if decide(estimate.low, estimate.high, delta) in ("faster", "slower"):
        among = f"among {tested} scenarios" if tested > 1 else "between so few sessions"
        return f"{among} so much comes about by chance (q = {q:.2g})"
    if smallest is None:
        return "missed targets leave the ratio open"
    return f"differences from {smallest * 100:.2g} % on would have shown"
