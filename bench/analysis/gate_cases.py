"""A gate's cases: what comes of a rule in one scenario, or in the mean over all."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analysis.comparison import Comparison
from bench.analysis.decision import benjamini_hochberg, exceeds, found_from, level_of_runs
from bench.analysis.gate_measures import MEASURES, Measure, Measured, inverse
from bench.analysis.gate_rule import Rule
from bench.analysis.overall import Overall
from bench.analysis.sides import Basis
from bench.analysis.verdict import ScenarioComparison

Outcome = Literal["passes", "fails", "undecided"]
_OUTCOMES: Mapping[bool | None, Outcome] = {True: "fails", False: "passes", None: "undecided"}


@dataclass(frozen=True)
class Case:
    """What came of a rule in one scenario, or in the mean over all of one metric.

    `seconds` is B's median. `q` is the p value adjusted for the number of scenarios past the threshold.
    `reason` says why it is undecided where the interval does not, or what failed. From `needed` rounds (or
    sessions, of accuracies seeds) a side on it would be told in 95 of 100 cases, if `value` is what it seems.
    """

    name: str
    outcome: Outcome
    seconds: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    q: float | None = None
    reason: str = ""
    needed: int | None = None


@dataclass(frozen=True)
class _Asked:
    """A case before it is decided; `outcome` where that needs no interval."""

    name: str
    measured: Measured
    outcome: Outcome | None = None
    seconds: float | None = None
    looks: int = 0


def cases(rule: Rule, comparisons: Sequence[Comparison]) -> list[tuple[Case, ...]]:
    """Of each of `comparisons`, which share the correction for their number."""
    asked = [_asked(rule, comparison) for comparison in comparisons]
    adjusted = iter(_adjusted(rule, [one.measured for of in asked for one in of]))
    return [
        tuple(_case(rule, comparison, one, next(adjusted)) for one in of)
        for comparison, of in zip(comparisons, asked, strict=True)
    ]


def _asked(rule: Rule, comparison: Comparison) -> list[_Asked]:
    failed = [one for one in comparison.scenarios if _failed(one)]
    if rule.overall:
        means = [_of_overall(rule, overall, comparison) for overall in comparison.overall]
        return [*means, *map(_of_failure, failed)]
    if rule.quantity == "failed":
        return [_of_runs(scenario) for scenario in comparison.scenarios]
    return list(_of_scenarios(rule, comparison, MEASURES[rule.quantity]))


def _of_scenarios(rule: Rule, comparison: Comparison, measure: Measure) -> Iterator[_Asked]:
    for place, scenario in enumerate(comparison.scenarios):
        if _failed(scenario):
            yield _of_failure(scenario)
        elif (measured := measure(comparison, place)) is not None:
            looks = _looks_at(rule, comparison, place)
            yield _Asked(scenario.label, measured, seconds=scenario.b.seconds, looks=looks)


def _looks_at(rule: Rule, comparison: Comparison, place: int) -> int:
    """The same of one scenario; of its accuracy how many seeds."""
    if rule.quantity == "accuracy":
        accuracy = comparison.quality.scenarios[place].accuracy
        return min(accuracy.seeds_a, accuracy.seeds_b)
    return _looks(comparison.basis, [comparison.scenarios[place]])


def _looks(basis: Basis, scenarios: Sequence[ScenarioComparison]) -> int:
    """How many rounds, or sessions, the side with fewer has."""
    sides = [side for one in scenarios for side in (one.a, one.b)]
    return min((side.times if basis.unit == "run" else side.sessions for side in sides), default=0)


def _failed(scenario: ScenarioComparison) -> bool:
    """Whether none of B's runs ended ok where some of A's did."""
    return scenario.a.ok > 0 and scenario.b.ok == 0


def _of_failure(scenario: ScenarioComparison) -> _Asked:
    return _Asked(scenario.label, Measured(reason=_not_ok("B", scenario)), "fails")


def _of_runs(scenario: ScenarioComparison) -> _Asked:
    """Of a rule on failures: whether a run of B did not end ok where all of A's did."""
    a, b = scenario.a, scenario.b
    if b.ok == b.runs:
        return _Asked(scenario.label, Measured(), "passes", b.seconds)
    outcome: Outcome = "fails" if a.ok == a.runs or _failed(scenario) else "undecided"
    reasons = [_not_ok(name, scenario) for name, side in (("A", a), ("B", b)) if side.ok < side.runs]
    return _Asked(scenario.label, Measured(reason="; ".join(reasons)), outcome, b.seconds)


def _not_ok(name: str, scenario: ScenarioComparison) -> str:
    side = scenario.a if name == "A" else scenario.b
    ended = ", ".join(f"{number} {status}" for status, number in side.statuses)
    many = f"{side.runs - side.ok} of {side.runs} runs of {name} did not end ok"
    return f"{many} ({ended})" if ended else many


def _of_overall(rule: Rule, overall: Overall, comparison: Comparison) -> _Asked:
    """One question of a contender, which its interval alone answers."""
    ratio = Measured(overall.ratio, overall.low, overall.high, reason=overall.reason)
    measured = inverse(ratio) if rule.quantity == "faster" else ratio
    looks = _looks(comparison.basis, [comparison.scenarios[place] for place in overall.places])
    return _Asked(f"mean {overall.metric} of {overall.scenarios} scenarios", measured, looks=looks)


def _adjusted(rule: Rule, found: Sequence[Measured]) -> list[float | None]:
    """P values adjusted for the number of cases whose value lies past the threshold, 1 for the others.

    The question has one side. Cases well within the threshold would only dilute what the others show, so
    those whose one-sided p is above one half are set aside, and twice the p of the rest, which is their
    two-sided one, is adjusted by Benjamini and Hochberg (Zhao, Small and Su 2019; Ellis, Pecanka and Goeman
    2020). That holds where p values are the larger the deeper the truth lies within, as these are.
    """
    past = [place for place, one in enumerate(found) if one.p is not None and one.p < 1 and _past(rule, one)]
    q_values = benjamini_hochberg([found[place].p or 0.0 for place in past])
    adjusted = dict(zip(past, q_values, strict=True))
    return [None if one.p is None else adjusted.get(place, 1.0) for place, one in enumerate(found)]


def _past(rule: Rule, one: Measured) -> bool:
    value = one.high if one.value is None else one.value
    return value is None or value > rule.bound


def _case(rule: Rule, comparison: Comparison, asked: _Asked, q: float | None) -> Case:
    found = asked.measured
    level = _level(rule, comparison)
    outcome = asked.outcome or _OUTCOMES[exceeds(found.low, found.high, rule.bound, q, level)]
    by_chance = outcome == "undecided" and found.low is not None and found.low > rule.bound
    chance = f"among so many scenarios so much comes about by chance (q = {q:.2g})" if by_chance else ""
    return Case(
        name=asked.name,
        outcome=outcome,
        seconds=asked.seconds,
        value=found.value,
        low=found.low,
        high=found.high,
        q=q,
        reason=found.reason or chance,
        needed=_needed(rule, asked, comparison.confidence) if outcome == "undecided" else None,
    )


def _level(rule: Rule, comparison: Comparison) -> float:
    """The false discovery rate: seeds are independent in whatever sessions they ran."""
    of_seeds = rule.quantity == "accuracy"
    return level_of_runs(comparison.confidence) if of_seeds else comparison.basis.level


def _needed(rule: Rule, asked: _Asked, confidence: float) -> int | None:
    """None where there is no interval, or where it is open, or the value right at the threshold."""
    found = asked.measured
    if found.value is None or found.low is None or found.high is None or not asked.looks:
        return None
    reach, gap = (found.high - found.low) / 2, abs(found.value - rule.bound)
    if not 0 < reach < 100 * gap:
        return None
    return max(asked.looks + 1, math.ceil(asked.looks * (found_from(confidence) * reach / gap) ** 2))
