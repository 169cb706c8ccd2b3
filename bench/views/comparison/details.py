"""What rows of a comparison say besides their figures: another time, differing settings, flags."""

from collections.abc import Collection, Iterable

from bench.analysis.comparison import Comparison, ScenarioComparison
from bench.views.comparison import words

Detail = tuple[str, str]
"""Of a setting or a time, an empty text and its words; of a flag, who was flagged and the flag."""


def row_details(comparison: Comparison, scenario: ScenarioComparison) -> str:
    """What the row says below its label, without what every row would say."""
    shared = set(_shared(comparison))
    return _told(detail for detail in _details(comparison, scenario) if detail not in shared)


def shared_details(comparison: Comparison) -> str:
    """What is true of every row, for a line of its own: "Every row: loop: fit → fused"; may be empty."""
    told = _told(_shared(comparison))
    return f"Every row: {told}" if told else ""


def _shared(comparison: Comparison) -> list[Detail]:
    first, *others = comparison.scenarios
    if not others:
        return []
    found = [set(_details(comparison, other)) for other in others]
    return [detail for detail in _details(comparison, first) if all(detail in of for of in found)]


def _details(comparison: Comparison, scenario: ScenarioComparison) -> list[Detail]:
    usual = words.usual_metric(comparison)
    unusual = [("", words.METRIC_WORDS[scenario.metric])] if scenario.metric != usual else []
    settings = [("", words.setting(difference)) for difference in scenario.setting_differences]
    return [*unusual, *settings, *_flags(scenario.a.flags, scenario.b.flags)]


def _flags(a: Collection[str], b: Collection[str]) -> list[Detail]:
    both = [("both", flag) for flag in a if flag in b]
    own = [("A", flag) for flag in a if flag not in b] + [("B", flag) for flag in b if flag not in a]
    return both + own


def _told(details: Iterable[Detail]) -> str:
    by_side: dict[str, list[str]] = {}
    for side, said in details:
        by_side.setdefault(side, []).append(said)
    plain = by_side.pop("", [])
    return "; ".join([*plain, *(f"{side} flagged: {', '.join(flags)}" for side, flags in by_side.items())])
