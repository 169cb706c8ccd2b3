"""Where B wins: "Faster at batch 1 to 100 (1.80 times), slower from 1,000 on (1.10 times)."."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bench.analysis.comparison import Comparison, Metric, Verdict
from bench.analysis.families import Families, Family, families
from bench.analysis.settings import setting_text
from bench.views.comparison import words
from bench.views.format import several

SETTING_WORDS = {
    "batch_size": "batch",
    "hidden": "layers",
    "jit": "jit =",
    "deterministic": "deterministic =",
    "standardize": "standardize =",
}


def family_sentence(comparison: Comparison, metric: Metric) -> str:
    """Of the scenarios compared by that time; empty where no setting tells them apart."""
    found = families(words.estimated(comparison, metric), comparison.delta)
    if found is None:
        return ""
    parts = [
        f"{_said(family, metric, _own(comparison, metric, found, family))} {_at(found, place)}{_by(family)}"
        for place, family in enumerate(found.families)
    ]
    sentence = ", ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _own(comparison: Comparison, metric: Metric, found: Families, family: Family) -> Mapping[Verdict, int]:
    """How many of the family's scenarios have each verdict."""
    estimated = words.estimated(comparison, metric)
    return Counter(one.verdict for one in estimated if one.settings.get(found.setting) in family.values)


def _said(family: Family, metric: Metric, own: Mapping[Verdict, int]) -> str:
    """What the family's mean says; where that is nothing, what some of its scenarios do."""
    some: tuple[Verdict, ...] = ("faster", "slower")
    apart = [f"{words.said(one, metric)} in {own[one]:,}" for one in some if own.get(one)]
    if apart and family.verdict not in some:
        return f"{', '.join(apart)} of {several(sum(own.values()), 'scenario')}"
    told = {"same": "the same", "unclear": "no difference shows"}.get(family.verdict)
    return told or words.said(family.verdict, metric)


def _by(family: Family) -> str:
    return f" ({words.times(family.ratio)} times)" if family.verdict in ("faster", "slower") else ""


def _at(found: Families, place: int) -> str:
    """ "at batch 1 to 100", "from 1,000 on"; the setting is named once."""
    family, name = found.families[place], SETTING_WORDS.get(found.setting, found.setting.replace("_", " "))
    least, most = (_value(value) for value in (family.values[0], family.values[-1]))
    if not found.ordered:
        values = " or ".join(_value(value) for value in family.values)
        return f"with {name} {values}" if place == 0 else f"with {values}"
    if place == 0:
        return f"at {name} {least}" if least == most else f"at {name} {least} to {most}"
    if least == most:
        return f"at {least}"
    return f"from {least} on" if place == len(found.families) - 1 else f"from {least} to {most}"


def _value(value: Any) -> str:  # noqa: ANN401 -- a setting of any type
    if isinstance(value, bool) or value is None:
        return "unset" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else setting_text(value)
