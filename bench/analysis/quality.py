"""Is B as accurate as A? A side that is faster and less accurate is not simply faster."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import get_args

import numpy as np

from bench.analysis.accuracy import (
    LEAST_PAIRS,
    MARGIN,
    AccuracyDifference,
    Verdict,
    accuracy_differences,
    judged,
    mean_difference,
)
from bench.analysis.decision import CONFIDENCE
from bench.analysis.pairing import Scenario
from bench.analysis.seeds import BySeed, SeedRuns, in_common
from bench.analysis.targets import TargetComparison, target_comparisons

RUN_COLUMNS = (
    *("run_id", "status", "seed", "dataset_sha256"),
    *("val_accuracy", "test_accuracy", "target_epoch", "target_seconds"),
)
"""Of `runs`, all that is read here besides the settings of the scenarios."""


@dataclass(frozen=True)
class Trained:
    """What became of a side's runs, but for those that never trained: cancelled and infeasible ones."""

    runs: int
    ok: int
    diverged: int

    @property
    def failed(self) -> int:
        """Those that gave no accuracy: out of memory, out of time, lost, or broken."""
        return self.runs - self.ok - self.diverged


@dataclass(frozen=True)
class QualityComparison:
    """How well B's runs of a scenario trained, against A's.

    `accuracy` is of the last validation, `test` of the test split. `target` is None where the sides have no
    target accuracy in common.
    """

    label: str
    a: Trained
    b: Trained
    accuracy: AccuracyDifference
    test: AccuracyDifference
    target: TargetComparison | None


@dataclass(frozen=True)
class Quality:
    """All scenarios that two sides share, in the order given.

    `overall` is the mean difference of validation accuracy over the scenarios that are compared by pairs of
    seeds, `worse` and `better` over those of them with that verdict: chosen by it, and so a little too far
    out. A seed is one block of a mean: what its luck did to one scenario it may have done to all.
    """

    margin: float
    scenarios: tuple[QualityComparison, ...]
    overall: AccuracyDifference
    worse: AccuracyDifference
    better: AccuracyDifference


def compare_quality(
    pairs: Sequence[tuple[Scenario, Scenario]],
    *,
    confidence: float = CONFIDENCE,
    margin: float = MARGIN,
    force: bool = False,
) -> Quality:
    """B against A in each pair of scenarios, with verdicts adjusted for their number.

    Accuracies within `margin`, a share of 1, count as the same. `force` compares what was trained on other
    data, or for another number of epochs.
    """
    sides = [(SeedRuns(a), SeedRuns(b)) for a, b in pairs]
    refusals = ["" if force else _refusal(a, b) for a, b in pairs]
    val, val_sides = _differences("val_accuracy", sides, refusals, confidence, margin)
    test, _ = _differences("test_accuracy", sides, refusals, confidence, margin)
    targets = _targets(pairs, sides, refusals, confidence)
    found = [
        QualityComparison(a.label, _trained(of_a), _trained(of_b), val[n], test[n], targets.get(n))
        for n, ((a, _), (of_a, of_b)) in enumerate(zip(pairs, sides, strict=True))
    ]
    paired = [n for n, one in enumerate(val) if one.pairs]
    overall, worse, better = (
        _mean([val_sides[n] for n in paired if val[n].verdict in verdicts], confidence, margin)
        for verdicts in (get_args(Verdict), ("worse",), ("better",))
    )
    return Quality(margin, tuple(found), overall, worse, better)


def _trained(runs: SeedRuns) -> Trained:
    return Trained(len(runs), int(runs.ok.sum()), int(runs.diverged.sum()))


def _differences(
    name: str,
    sides: Sequence[tuple[SeedRuns, SeedRuns]],
    refusals: Sequence[str],
    confidence: float,
    margin: float,
) -> tuple[list[AccuracyDifference], dict[int, tuple[BySeed, BySeed]]]:
    """Of the column `name`; also, by place, what was compared."""
    found, chosen = [], {}
    for n, ((a, b), refusal) in enumerate(zip(sides, refusals, strict=True)):
        of_a, of_b = a.accuracy(name), b.accuracy(name)
        reason = refusal or _silence(of_a, of_b, a.has(name) or b.has(name))
        found.append(AccuracyDifference(reason=reason))
        if not reason:
            chosen[n] = of_a, of_b
    compared = accuracy_differences(list(chosen.values()), confidence, margin)
    for n, difference in zip(chosen, compared, strict=True):
        found[n] = difference
    return found, chosen


def _silence(a: BySeed, b: BySeed, any_trained: bool) -> str:
    """Why there is nothing to compare, empty where there is. One side may have diverged as a whole."""
    silent = [letter for letter, side in (("A", a), ("B", b)) if not len(side)]
    if not silent and any_trained:
        return ""
    return f"none recorded in {silent[0]}" if len(silent) == 1 else "none recorded"


def _refusal(a: Scenario, b: Scenario) -> str:
    """What makes accuracies incomparable, empty if nothing does."""
    hashes = [set(side.runs.codes("dataset_sha256").distinct()) for side in (a, b)]
    if all(hashes) and hashes[0] != hashes[1]:
        return "the data differ (dataset_sha256)"
    epochs = [side.settings["epochs"] for side in (a, b)]
    if None not in epochs and epochs[0] != epochs[1]:
        return f"the epochs differ ({epochs[0]} and {epochs[1]})"
    return ""


def _targets(
    pairs: Sequence[tuple[Scenario, Scenario]],
    sides: Sequence[tuple[SeedRuns, SeedRuns]],
    refusals: Sequence[str],
    confidence: float,
) -> dict[int, TargetComparison]:
    """By place, of those that have one target."""
    targets = {}
    for n, scenarios in enumerate(pairs):
        of_a, of_b = (scenario.settings["target_accuracy"] for scenario in scenarios)
        if of_a is not None and of_a == of_b and not refusals[n]:
            targets[n] = of_a
    found = target_comparisons(list(targets.values()), [sides[n] for n in targets], confidence)
    return dict(zip(targets, found, strict=True))


def _mean(paired: Sequence[tuple[BySeed, BySeed]], confidence: float, margin: float) -> AccuracyDifference:
    """Over the seeds that all scenarios have on both sides."""
    if not paired:
        return AccuracyDifference(reason="no such scenario")
    common = [in_common(a, b) for a, b in paired]
    shared = reduce(np.intersect1d, (seeds for seeds, _, _ in common))
    if len(shared) < LEAST_PAIRS:
        return AccuracyDifference(reason=f"{len(shared)} seeds that all scenarios have, {LEAST_PAIRS} needed")
    there = [np.isin(seeds, shared) for seeds, _, _ in common]
    a, b = (
        np.mean([one[side][mask] for one, mask in zip(common, there, strict=True)], axis=0) for side in (1, 2)
    )
    found = mean_difference(b - a, confidence, margin)
    return judged(
        [replace(found, accuracy_a=float(a.mean()), accuracy_b=float(b.mean()))], confidence, margin
    )[0]
