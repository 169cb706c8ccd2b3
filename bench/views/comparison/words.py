"""The words that every form of a comparison shares: of verdicts, sides, settings and ratios."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analysis.comparison import (
    Comparison,
    Difference,
    Metric,
    Overall,
    ScenarioComparison,
    SideOfScenario,
    Verdict,
)
from bench.analysis.decision import decide
from bench.views.format import NONE, bytes_, joules, money, percent, ratio, seconds

METRIC_WORDS: dict[Metric, str] = {
    "step_seconds": "median step",
    "wall_seconds": "whole fit (wall_seconds)",
    "train_seconds": "training (train_seconds)",
    "target_seconds": "time to target (target_seconds)",
    "energy_joules": "energy of a run (energy_joules)",
    "cost": "cost of an ok run",
}
STYLES: dict[Verdict, str] = {
    "faster": "bold green",
    "below": "bold green",
    "slower": "bold red",
    "above": "bold red",
    "same": "cyan",
    "unclear": "dim",
    "no verdict": "dim",
    "failed": "bold magenta",
    "refused": "magenta",
}
HASH_DIGITS = 12
_LESS_AND_MORE: Mapping[Verdict, str] = {"faster": "less", "slower": "more"}
SHORT_NAME = 16
"""Sides with names of at most so many letters, and not of digits alone, go by them in sentences."""
_NEAR = 1.0995
"""Below it a factor is told to a thousandth."""


def letters(number: int) -> str:
    """What the contender of that number goes by: B, C … Z, then AA, AB …, as columns of a spreadsheet."""
    name, left = "", number + 2
    while left:
        left, digit = divmod(left - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def side_letters(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """What each side goes by in all of a comparison, by its name: A, the contenders B, C …"""
    contenders = {comparison.b: letters(place) for place, comparison in enumerate(comparisons)}
    return {comparisons[0].a: "A", **contenders}


def names(comparison: Comparison, letter: str = "B") -> tuple[str, str]:
    """What sentences call the two sides: by their names where both are short, else by their letters."""
    own = (comparison.a, comparison.b)
    fit = all(len(name) <= SHORT_NAME and any(map(str.isalpha, name)) for name in own)
    return own if fit and comparison.a != comparison.b else ("A", letter)


def times(factor: float) -> str:
    """By how many times, whichever way: 1.3 and 1/1.3 are both "1.30"; to a thousandth near 1."""
    size = max(factor, 1 / factor)
    return _times(size, 3 if size < _NEAR else 2)


def times_span(low: float, high: float) -> str:
    """An interval of the same on the same side of 1: "1.26 to 1.34", the smaller figure first."""
    least, most = sorted(max(end, 1 / end) if end else math.inf for end in (low, high))
    decimals = 3 if least < _NEAR else 2
    return f"{_times(least, decimals)} to {_times(most, decimals)}"


def _times(size: float, decimals: int) -> str:
    return f"{size:.{decimals}f}" if size < 2 else ratio(size).removesuffix("×")


def figure(value: float) -> str:
    """A ratio in a sentence: "0.88", "0.998", "12.3"; to a thousandth near 1."""
    return f"{value:.3f}" if 0.95 < value < 1.05 else f"{value:.2f}" if 0.1 < value < 10 else f"{value:.3g}"


def plain_span(low: float, high: float) -> str:
    """An interval of a ratio in a sentence: "0.983 to 1.050"."""
    return f"{figure(low)} to {figure(high)}"


def share(value: float) -> str:
    """A share of 1 in two significant digits: "6.4 %", "0.52 %", "230 %"."""
    digits = f"{float(f'{value * 100:.2g}'):.10f}".rstrip("0").rstrip(".")
    return f"{digits} %"


def below(scenario: ScenarioComparison, delta: float) -> str:
    """What a verdict that is not clear, or against one figure, rests on: "<6.4 %", "q 0.08", "4 of 4"."""
    if figure := scenario.one_figure:
        return f"{max(figure.below, figure.above)} of {figure.rounds}"
    if scenario.verdict != "unclear":
        return ""
    if scenario.q is not None and decide(scenario.low, scenario.high, delta) in ("faster", "slower"):
        return f"q {p_value(scenario.q)}"
    smallest = scenario.smallest_difference
    return "" if smallest is None else f"<{share(smallest)}"


def measure(metric: Metric) -> str:
    """What a side takes so and so much of: "time", "energy", "money"."""
    return {"energy_joules": "energy", "cost": "money"}.get(metric, "time")


def said(verdict_: Verdict, metric: Metric) -> str:
    """A verdict in the word for what is compared: who takes 1.3 times the energy is no slower for it."""
    what = measure(metric)
    more = _LESS_AND_MORE.get(verdict_)
    return verdict_ if what == "time" or more is None else f"{more} {what}"


def verdict(scenario: ScenarioComparison, delta: float) -> str:
    """The verdict in one line: "faster", "unclear <6.4 %", "below 4 of 4"."""
    return f"{said(scenario.verdict, scenario.metric)} {below(scenario, delta)}".rstrip()


def p_value(value: float | None) -> str:
    """A probability to a thousandth, smaller ones by their power: "0.012", "3e-05"."""
    if value is None:
        return NONE
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def runs_ok(side: SideOfScenario) -> str:
    """How many of a side's runs ended ok: "2/3"."""
    return f"{side.ok}/{side.runs}"


def setting(difference: Difference) -> str:
    """A difference in one line: "loop: fit → fused"."""
    before, after = (values(difference.name, side) for side in (difference.values_a, difference.values_b))
    return f"{difference.name}: {before} → {after}"


def values(name: str, found: tuple[Any, ...]) -> str:
    """A side's values of a fact or setting, readable; "unknown" for a machine that no table describes."""
    if not found:
        return "unknown" if name == "machine" else NONE
    return ", ".join(_value(name, value) for value in found)


def amount(value: float | None, metric: Metric) -> str:
    """A median in its unit: "1.23 ms", "801 J"; a sum in the prices' currency: "0.0027"."""
    return {"energy": joules, "money": money, "time": seconds}[measure(metric)](value)


def amount_and_accuracy(side: SideOfScenario, metric: Metric) -> tuple[str, str]:
    """A side's median time, or energy, and validation accuracy."""
    return amount(side.seconds, metric), percent(side.val_accuracy)


def usual_metric(comparison: Comparison) -> Metric | None:
    """The time that most scenarios are compared by."""
    counts = Counter(scenario.metric for scenario in comparison.scenarios)
    return counts.most_common(1)[0][0] if counts else None


def table_title(comparisons: Sequence[Comparison]) -> str:
    """Which time, or what else, the table holds; rows that hold another say so themselves."""
    found = [scenario.metric for comparison in comparisons for scenario in comparison.scenarios]
    if not found:
        return ""
    usual = Counter(found).most_common(1)[0][0]
    mixed = any(metric != usual for metric in found)
    of_time = measure(usual) == "time"
    told = f"Time: {METRIC_WORDS[usual]}" if of_time else METRIC_WORDS[usual].capitalize()
    return told + (", unless a row says otherwise" if mixed else "")


def lettered(reason: str, letter: str) -> str:
    """A reason of the analysis, which calls each contender B, of the one that goes by `letter`."""
    return re.sub(r"\bB\b", letter, reason)


def estimated(comparison: Comparison, metric: Metric) -> list[ScenarioComparison]:
    """The scenarios that its mean by that time is of."""
    overall = overall_by(comparison, metric)
    return [comparison.scenarios[place] for place in overall.places] if overall else []


def overall_by(comparison: Comparison, metric: Metric | None) -> Overall | None:
    """What all scenarios by that time amount to."""
    return next((overall for overall in comparison.overall if overall.metric == metric), None)


def _value(name: str, value: Any) -> str:  # noqa: ANN401 -- a cell of a table holds anything
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(name, item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith("_bytes") and isinstance(value, int | float):
        return bytes_(value)
    return str(value)[:HASH_DIGITS] if name.endswith("_sha256") else str(value)
