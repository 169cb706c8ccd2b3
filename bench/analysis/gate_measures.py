"""What a gate's rules ask about: how much worse B is, whatever it is worse in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.analysis.accuracy import AccuracyDifference
from bench.analysis.comparison import Comparison, ScenarioComparison
from bench.analysis.gate_rule import Quantity


@dataclass(frozen=True)
class Measured:
    """How much worse B is: `value`, its interval from `low` to `high`, in the unit of a rule's `bound`.

    `p` is two-sided, against the null that it lies within the threshold. `reason` says why one is None.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""


Measure = Callable[[Comparison, int], Measured | None]
"""What is known of the scenario at a place of a comparison; None where the rule does not ask about it."""


def more_is_worse(found: ScenarioComparison, reason: str = "") -> Measured:
    """A ratio B/A of times, joules or money."""
    return Measured(found.ratio, found.low, found.high, found.p, reason)


def less_is_worse(found: AccuracyDifference) -> Measured:
    """A difference B - A of accuracies, as what is lost."""
    value, high, low = (None if end is None else -end for end in (found.difference, found.low, found.high))
    return Measured(value, low, high, found.p, found.reason)


def _time(comparison: Comparison, place: int) -> Measured:
    scenario = comparison.scenarios[place]
    if scenario.one_figure is not None:
        return more_is_worse(scenario, "a single run on a side")
    return more_is_worse(scenario, "" if scenario.low is not None else scenario.reason)


def _inverse_time(comparison: Comparison, place: int) -> Measured:
    return inverse(_time(comparison, place))


def inverse(of: Measured) -> Measured:
    """The ratio A/B of a ratio B/A."""
    value, high, low = (None if end is None else _over(end) for end in (of.value, of.low, of.high))
    return Measured(value, low, high, of.p, of.reason)


def _over(ratio: float) -> float:
    return 1 / ratio if ratio else float("inf")


def _target_time(comparison: Comparison, place: int) -> Measured | None:
    """Scenarios without a target are not asked about it."""
    scenario = comparison.scenarios[place]
    has_target = scenario.settings.get("target_accuracy") or scenario.a.times or scenario.b.times
    return _time(comparison, place) if has_target else None


def _accuracy(comparison: Comparison, place: int) -> Measured:
    return less_is_worse(comparison.quality.scenarios[place].accuracy)


MEASURES: Mapping[Quantity, Measure] = {
    "slower": _time,
    "faster": _inverse_time,
    "target": _target_time,
    "energy": _time,
    "cost": _time,
    "accuracy": _accuracy,
}
"""What a comparison itself tells of."""
