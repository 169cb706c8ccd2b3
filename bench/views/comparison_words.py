"""What a comparison says in words: the sentences that every form of it shares."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.analysis.comparison import Comparison, Difference, Metric, Overall, ScenarioComparison, Side
from bench.views.format import NONE, bytes_, percent, ratio, seconds, span

METRIC_WORDS: dict[Metric, str] = {
    "step_seconds": "median step",
    "wall_seconds": "whole fit (wall_seconds)",
    "train_seconds": "training (train_seconds)",
    "target_seconds": "time to target (target_seconds)",
}
HASH_DIGITS = 12


def below(scenario: ScenarioComparison) -> str:
    """Below what difference an unclear verdict says nothing: "<6.4 %"; empty for any other."""
    smallest = scenario.smallest_difference
    return f"<{share(smallest)}" if scenario.verdict == "unclear" and smallest is not None else ""


def verdict(scenario: ScenarioComparison) -> str:
    """The verdict in one line: "faster", "unclear <6.4 %"."""
    return f"{scenario.verdict} {below(scenario)}".rstrip()


def share(value: float) -> str:
    """A share of 1 in two significant digits: "6.4 %", "0.52 %", "230 %"."""
    digits = f"{float(f'{value * 100:.2g}'):.10f}".rstrip("0").rstrip(".")
    return f"{digits} %"


def runs_ok(side: Side) -> str:
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


def legend(comparison: Comparison) -> Iterator[str]:
    """How to read the table."""
    confidence, delta = share(comparison.confidence), share(comparison.delta)
    yield (
        f"B/A: below 1 means B is faster. Faster or slower only where the whole {confidence} interval lies "
        f"past ±{delta}; same only where all of it lies within."
    )
    if any(
        scenario.smallest_difference and scenario.verdict == "unclear" for scenario in comparison.scenarios
    ):
        yield "unclear <x %: differences smaller than x would not show with these rounds."


def reasons(comparison: Comparison) -> Iterator[str]:
    """Why scenarios got no clearer verdict, each reason once, with those that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for scenario in comparison.scenarios:
        if scenario.reason and not (
            scenario.verdict == "unclear" and scenario.smallest_difference is not None
        ):
            found.setdefault((scenario.verdict, scenario.reason), []).append(scenario.label)
    for (verdict_, reason), labels in found.items():
        who = ", ".join(labels) if len(labels) <= 3 else f"{len(labels)} scenarios"
        yield f"{verdict_}: {reason} ({who})"


def overall_line(overall: Overall, comparison: Comparison) -> str:
    """The headline for one metric, its counts before and after the correction for many scenarios."""
    mean = f"B/A {ratio(overall.ratio)} {_overall_interval(overall, comparison)}"
    some = f"geometric mean of {overall.scenarios} scenario{'s' if overall.scenarios != 1 else ''}"
    line = f"Overall by {METRIC_WORDS[overall.metric]}: {mean}, {some}. B is {_counts(overall)}."
    return f"{line} {_holm(overall, comparison)}" if overall.faster + overall.slower else line


def difference_line(comparison: Comparison) -> str:
    """Said where there is nothing to list; empty otherwise."""
    if comparison.differences or not comparison.scenarios:
        return ""
    return "No difference in hardware, software or settings is recorded."


def only_lines(comparison: Comparison, name_a: str, name_b: str) -> Iterator[str]:
    """The scenarios that only one side has."""
    for side, name, labels in (("A", name_a, comparison.only_a), ("B", name_b, comparison.only_b)):
        if labels:
            yield f"Only in {side} ({name}): {'; '.join(labels)}"


def table_title(comparison: Comparison) -> str:
    """Which time the table holds; rows that hold another say so themselves."""
    usual = _usual_metric(comparison)
    if usual is None:
        return ""
    mixed = any(scenario.metric != usual for scenario in comparison.scenarios)
    return f"Time: {METRIC_WORDS[usual]}" + (", unless a row says otherwise" if mixed else "")


def row_details(comparison: Comparison, scenario: ScenarioComparison) -> str:
    """What a row says below its label: an unusual metric, differing settings, flags."""
    metric = scenario.metric
    unusual = [METRIC_WORDS[metric]] if metric is not None and metric != _usual_metric(comparison) else []
    settings = [setting(difference) for difference in scenario.setting_differences]
    return "; ".join([*unusual, *settings, *_flags(scenario)])


def time_and_accuracy(side: Side) -> tuple[str, str]:
    """A side's median time and validation accuracy."""
    return seconds(side.seconds), percent(side.val_accuracy)


def _flags(scenario: ScenarioComparison) -> list[str]:
    """Which side was flagged, both in one where they were flagged alike."""
    a, b = (", ".join(side.flags) for side in (scenario.a, scenario.b))
    if a == b:
        return [f"both flagged: {a}"] if a else []
    return [f"{name} flagged: {flags}" for name, flags in (("A", a), ("B", b)) if flags]


def _value(name: str, value: Any) -> str:  # noqa: ANN401 -- a cell of a table holds anything
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(name, item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith("_bytes") and isinstance(value, int | float):
        return bytes_(value)
    return str(value)[:HASH_DIGITS] if name.endswith("_sha256") else str(value)


def _overall_interval(overall: Overall, comparison: Comparison) -> str:
    if overall.low is None or overall.high is None:
        return f"(no interval: {overall.reason})"
    return f"({share(comparison.confidence)} {span(overall.low, overall.high)}, bootstrap over rounds)"


def _usual_metric(comparison: Comparison) -> Metric | None:
    counts = Counter(scenario.metric for scenario in comparison.scenarios if scenario.metric is not None)
    return counts.most_common(1)[0][0] if counts else None


def _counts(overall: Overall) -> str:
    counts = (
        ("faster", overall.faster),
        ("slower", overall.slower),
        ("the same", overall.same),
        ("unclear", overall.unclear),
    )
    return ", ".join(f"{name} in {number}" for name, number in counts if number)


def _holm(overall: Overall, comparison: Comparison) -> str:
    claims = f"faster in {overall.faster_holm}, slower in {overall.slower_holm}"
    line = f"Holm-corrected for {comparison.tested}: {claims}"
    lost = overall.faster + overall.slower > overall.faster_holm + overall.slower_holm
    return (
        f"{line} ({comparison.rounds_for_holm} rounds a side suffice for clear cases)."
        if lost
        else f"{line}."
    )
