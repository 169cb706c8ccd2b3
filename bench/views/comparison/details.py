"""What rows of a comparison say besides their figures: another time, differing settings, flags."""

from collections.abc import Collection, Iterable, Sequence

from bench.analysis.comparison import Comparison, Difference, ScenarioComparison
from bench.views.comparison import words
from bench.views.quality_words import difference

Detail = tuple[str, str]
"""Of a setting or a time, an empty text and its words; of a flag, who was flagged and the flag."""


class Details:
    """Of all rows of a comparison: what each says, without what every one of them would say."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._usual = words.usual_metric(comparison)
        self._shared = self._of_all(comparison.scenarios)

    def of_row(self, scenario: ScenarioComparison) -> str:
        """What stands below the row's label; may be empty."""
        return _told(detail for detail in self._details(scenario) if detail not in self._shared)

    @property
    def of_every_row(self) -> str:
        """What is true of every row, for a line of its own: "Every row: loop: fit → fused"; may be empty."""
        told = _told(self._shared)
        return f"Every row: {told}" if told else ""

    @property
    def settings_of_every_row(self) -> list[Difference]:
        """The settings among them, of which no other place has to tell."""
        first, *others = self._comparison.scenarios or (None,)
        if first is None or not others:
            return []
        return [
            found
            for found in first.setting_differences
            if all(found in one.setting_differences for one in others)
        ]

    def _of_all(self, scenarios: Sequence[ScenarioComparison]) -> list[Detail]:
        found = [self._details(scenario) for scenario in scenarios]
        shared = set.intersection(*map(set, found)) if len(found) > 1 else set()
        return [detail for detail in found[0] if detail in shared] if found else []

    def _details(self, scenario: ScenarioComparison) -> list[Detail]:
        unusual = [("", words.METRIC_WORDS[scenario.metric])] if scenario.metric != self._usual else []
        settings = [("", words.setting(difference)) for difference in scenario.setting_differences]
        accuracy = [("", said)] if (said := _accuracy(scenario)) else []
        return [*unusual, *settings, *accuracy, *_flags(scenario.a.flags, scenario.b.flags)]


def _accuracy(scenario: ScenarioComparison) -> str:
    """How much less accurate B is, or more; empty where that is not known."""
    found = scenario.accuracy
    if found is None or found.verdict not in ("better", "worse"):
        return ""
    return f"accuracy {difference(found)}: {found.verdict}"


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
