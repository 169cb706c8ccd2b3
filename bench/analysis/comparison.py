"""Is B faster than A, or is that noise? Sides of runs in, ratios and verdicts out."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from bench.analysis.accuracy import MARGIN
from bench.analysis.decision import CONFIDENCE, DELTA, benjamini_hochberg
from bench.analysis.differences import (
    PLACES,
    READ_BACK,
    READ_BACK_BY_BOTH,
    Difference,
    side_differences,
)
from bench.analysis.drift import Change, changes
from bench.analysis.estimates import Estimate, estimates
from bench.analysis.overall import Overall, overalls
from bench.analysis.pairing import MANNER, WORK, Pairing, Scenario, pair, scenarios, unlike
from bench.analysis.quality import RUN_COLUMNS as QUALITY_COLUMNS
from bench.analysis.quality import Quality, compare_quality
from bench.analysis.sides import Basis, Side, held_together
from bench.analysis.timed import METRICS, Metric, timed, usual_metric
from bench.analysis.verdict import VERDICTS, Paired, ScenarioComparison, SideOfScenario, Verdict
from bench.errors import BenchError

__all__ = [
    "METRICS",
    "VERDICTS",
    "Basis",
    "Comparison",
    "Difference",
    "Metric",
    "Overall",
    "ScenarioComparison",
    "Side",
    "SideOfScenario",
    "Verdict",
    "compare",
]


RUN_COLUMNS = tuple(
    dict.fromkeys(
        [
            *("run_id", "session_id", "scenario_id", "label", "round", "status", "flags", "batch_size"),
            *("machine_id", "software_id", "machine", "started_at", "val_accuracy", *WORK, *MANNER),
            *(name for name in METRICS if name != "cost"),
            *(*PLACES, *READ_BACK, *READ_BACK_BY_BOTH, *QUALITY_COLUMNS),
        ]
    )
)
"""Of `runs`, all that is read here."""


class Options(TypedDict, total=False):
    """What a comparison may be asked for.

    The `confidence` of its intervals; `delta`, the share within which two times pass for the same; `metric`,
    what to compare instead of the usual time; `force` compares what would be refused. Within `margin`, a
    share of 1, two accuracies pass for the same.
    """

    confidence: float
    delta: float
    metric: Metric | None
    force: bool
    margin: float


@dataclass(frozen=True)
class Comparison:
    """How the side `b` stands to `a`: `scenarios` in A's order, the labels of those that had no partner.

    `basis` says what is independent, `tested` how many scenarios of all contenders share the correction for
    their number. `changes` are figures of one and the same machine's probes that are apart on the two sides.
    `quality` is how accurate the scenarios became, in the same order. `unlike` are the settings that keep
    scenarios of the two sides from being paired, where none are.
    """

    a: str
    b: str
    basis: Basis
    confidence: float
    delta: float
    scenarios: tuple[ScenarioComparison, ...]
    overall: tuple[Overall, ...]
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]
    quality: Quality
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    tested: int
    unlike: tuple[str, ...] = ()

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many scenarios got each verdict."""
        return Counter(scenario.verdict for scenario in self.scenarios)


def compare(
    reference: Side, contenders: Sequence[Side], **options: Unpack[Options]
) -> tuple[Comparison, ...]:
    """How the times of each contender stand to those of the reference, per scenario and overall.

    Any column of their tables may be missing. See `Options`. BenchError if one of them is out of range, or
    if a run is on both sides of a comparison.
    """
    chosen = _Chosen(**options)
    chosen.check()
    prepared = [_prepared(reference, other, chosen) for other in contenders]
    p_values = [one.p for of in prepared for one in of.estimates if one is not None and one.p is not None]
    adjusted = iter(benjamini_hochberg(p_values))
    return tuple(_finished(of, adjusted, len(p_values), chosen) for of in prepared)


@dataclass(frozen=True)
class _Chosen:
    """The same, with what holds where nothing was asked for."""

    confidence: float = CONFIDENCE
    delta: float = DELTA
    metric: Metric | None = None
    force: bool = False
    margin: float = MARGIN

    def check(self) -> None:
        if not 0 < self.confidence < 1:
            raise BenchError(f"confidence: {self.confidence:g} is not between 0 and 1; give 0.95, say")
        if not (self.delta >= 0 and math.isfinite(self.delta)):
            raise BenchError(f"delta: {self.delta:g} is not a share of at least 0; give 0.01 for 1 %, say")
        if self.metric is not None and self.metric not in METRICS:
            known = ", ".join(METRICS)
            raise BenchError(f"metric: {self.metric!r} is nothing to compare by; use one of {known}")


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Two sides whose scenarios are paired; what cannot be compared is `settled`, and has no estimate."""

    a: Side
    b: Side
    basis: Basis
    pairing: Pairing
    pairs: Sequence[Paired]
    settled: Sequence[ScenarioComparison | None]
    estimates: Sequence[Estimate | None]


def _prepared(a: Side, b: Side, chosen: _Chosen) -> _Prepared:
    held = held_together(a, b, chosen.confidence)
    pairing = pair(scenarios(held.a), scenarios(held.b))
    pairs = [_paired(own, other, chosen.metric) for own, other in pairing.pairs]
    settled = [own.settled(chosen.force) for own in pairs]
    there = [place for place, one in enumerate(settled) if one is None]
    asked = [(pairs[place].timed_a, pairs[place].timed_b) for place in there]
    known = estimates(asked, held.basis.unit, chosen.confidence, chosen.delta)
    found = dict(zip(there, known, strict=True))
    estimated = [found.get(place) for place in range(len(pairs))]
    return _Prepared(a, b, held.basis, pairing, pairs, settled, estimated)


def _paired(a: Scenario, b: Scenario, metric: Metric | None) -> Paired:
    chosen = metric or usual_metric(a, b)
    return Paired(a, b, chosen, timed(a, chosen), timed(b, chosen))


def _finished(of: _Prepared, adjusted: Iterator[float], tested: int, chosen: _Chosen) -> Comparison:
    compared: list[ScenarioComparison] = []
    for own, known, estimate in zip(of.pairs, of.settled, of.estimates, strict=True):
        if known is not None:
            compared.append(known)
        elif estimate is not None:
            q = None if estimate.p is None else next(adjusted)
            compared.append(own.with_estimate(estimate, q, tested, chosen.delta, of.basis.level))
    quality = compare_quality(
        of.pairing.pairs, confidence=chosen.confidence, margin=chosen.margin, force=chosen.force
    )
    trained = zip(compared, quality.scenarios, strict=True)
    return Comparison(
        a=of.a.name,
        b=of.b.name,
        basis=of.basis,
        confidence=chosen.confidence,
        delta=chosen.delta,
        scenarios=tuple(replace(one, accuracy=found.accuracy) for one, found in trained),
        overall=overalls(of.pairs, compared, of.basis.unit, chosen.confidence, chosen.delta),
        differences=side_differences(
            [own.a for own in of.pairs], of.a.machines, [own.b for own in of.pairs], of.b.machines
        ),
        changes=tuple(changes(of.a.machines, of.b.machines)),
        quality=quality,
        only_a=tuple(scenario.label for scenario in of.pairing.only_a),
        only_b=tuple(scenario.label for scenario in of.pairing.only_b),
        tested=tested,
        unlike=() if of.pairs else unlike(of.pairing.only_a, of.pairing.only_b),
    )
