"""A comparison for other programs and for pages: Markdown, CSV, JSON, and a table in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.analysis.comparison import Comparison, ScenarioComparison
from bench.views.comparison import notes, words
from bench.views.comparison.details import Details
from bench.views.comparison.few_sessions import advice
from bench.views.comparison.headline import headline, sentences
from bench.views.export import csv_text, json_text, markdown_table, markdown_words
from bench.views.format import ratio, span
from bench.views.sheet import Sheet

HEADER = ("scenario", "A", "B", "B/A", "interval", "verdict", "val A", "val B", "ok A", "ok B", "q")


def as_markdown(comparisons: Sequence[Comparison], more: Sequence[Sequence[str]] = ()) -> str:
    """For a README or an issue: of each contender the sentence, its tables and what is to be known."""
    said = more or [()] * len(comparisons)
    parts = (_markdown(one, also) for one, also in zip(comparisons, said, strict=True))
    return "\n\n---\n\n".join(parts) + "\n"


def _markdown(comparison: Comparison, more: Sequence[str]) -> str:
    first, *others = sentences(comparison)
    parts = [_broken([f"A: {comparison.a}", f"B: {comparison.b}"])]
    parts.append(_broken([first, *others, *more]))
    if lines := list(advice(comparison)):
        parts.append(_commands(lines))
    if comparison.scenarios:
        parts += [_broken([words.table_title([comparison])]), markdown_table(HEADER, _rows(comparison))]
    parts.extend(map(_broken, _paragraphs(comparison)))
    if rows := notes.difference_rows(comparison, Details(comparison).settings_of_every_row):
        parts.append(markdown_table(("differs", "", "A", "B"), rows))
    return "\n\n".join(parts)


def _broken(lines: Iterable[str]) -> str:
    """A paragraph of Markdown that keeps its lines."""
    return "  \n".join(map(markdown_words, lines))


def _commands(lines: Iterable[str]) -> str:
    """Lines whose indented ones are commands, as code."""
    return "  \n".join(
        f"`{line.strip()}`" if line.startswith(" ") else markdown_words(line) for line in lines
    )


def comparison_sheet(comparison: Comparison, more: Sequence[str] = ()) -> Sheet:
    """The same as one table in words, what it comes to above it and the other sentences below."""
    below = (line for lines in _paragraphs(comparison) for line in lines)
    names = ". ".join(
        part for part in (f"A: {comparison.a}", f"B: {comparison.b}", words.table_title([comparison])) if part
    )
    what = " ".join((headline(comparison), *more, names))
    return Sheet("Comparison", what, HEADER, tuple(_rows(comparison)), tuple(below))


def _paragraphs(comparison: Comparison) -> Iterator[list[str]]:
    """The sentences below the table, those of one kind together."""
    found = [
        [Details(comparison).of_every_row, *notes.legend([comparison])] if comparison.scenarios else [],
        list(notes.overall_lines(comparison)),
        list(notes.quality_lines(comparison)),
        list(notes.reasons(comparison)),
        [*notes.only_lines(comparison, everything=True), notes.left_out_line(comparison.basis)],
        [notes.difference_line(comparison)],
        [notes.confounded_line(comparison), notes.apart_line(comparison.basis)],
        notes.change_sentences(comparison),
    ]
    for lines in found:
        if there := [line for line in lines if line]:
            yield there


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    details = Details(comparison)
    return [_row(scenario, details.of_row(scenario), comparison.delta) for scenario in comparison.scenarios]


def _row(scenario: ScenarioComparison, details: str, delta: float) -> tuple[str, ...]:
    (time_a, val_a), (time_b, val_b) = _sides(scenario)
    return (
        f"{scenario.label} ({details})" if details else scenario.label,
        time_a,
        time_b,
        ratio(scenario.ratio),
        span(scenario.low, scenario.high),
        words.verdict(scenario, delta),
        val_a,
        val_b,
        words.runs_ok(scenario.a),
        words.runs_ok(scenario.b),
        words.p_value(scenario.q),
    )


def _sides(scenario: ScenarioComparison) -> Iterator[tuple[str, str]]:
    return (words.amount_and_accuracy(side, scenario.metric) for side in (scenario.a, scenario.b))


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """One row per scenario and contender, unpaired ones too: times in seconds, all else plain numbers."""
    return csv_text(RECORD, (record for comparison in comparisons for record in _records(comparison)))


def _records(comparison: Comparison) -> Iterator[dict[str, Any]]:
    names = {"a": comparison.a, "b": comparison.b, "unit": comparison.basis.unit}
    for scenario in comparison.scenarios:
        yield {**names, **_record(scenario)}
    for verdict, labels in (("only_a", comparison.only_a), ("only_b", comparison.only_b)):
        for label in labels:
            yield {**names, "scenario": label, "verdict": verdict}


def _record(scenario: ScenarioComparison) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for name, side in (("a", scenario.a), ("b", scenario.b)):
        sides |= {
            f"seconds_{name}": side.seconds,
            f"val_accuracy_{name}": side.val_accuracy,
            f"ok_{name}": side.ok,
            f"runs_{name}": side.runs,
            f"sessions_{name}": side.sessions,
            f"flags_{name}": " ".join(side.flags),
        }
    figure = asdict(scenario.one_figure) if scenario.one_figure else {}
    accuracy = {f"accuracy_{name}": getattr(scenario.accuracy, name, None) for name in ACCURACY}
    settings = "; ".join(words.setting(difference) for difference in scenario.setting_differences)
    plain = {name: getattr(scenario, name) for name in RECORD if hasattr(scenario, name) and name not in "ab"}
    return {"scenario": scenario.label, **plain, **sides, **accuracy, **figure, "settings": settings}


def as_json(comparisons: Sequence[Comparison]) -> str:
    """Everything there is, under the names of `Comparison`, in a list; what is not finite is null."""
    return json_text({"comparisons": [_json(comparison) for comparison in comparisons]})


def _json(comparison: Comparison) -> dict[str, Any]:
    found = asdict(comparison) | {"headline": headline(comparison), "counts": dict(comparison.counts)}
    # `asdict` counts the items of a Counter anew.
    for overall, told in zip(comparison.overall, found["overall"], strict=True):
        told["counts"] = dict(overall.counts)
        del told["places"]
    return found


ACCURACY = ("difference", "low", "high", "q", "verdict")
RECORD = (
    *("a", "b", "scenario", "metric", "seconds_a", "seconds_b", "ratio", "low", "high"),
    *("attained_confidence", "p", "q", "verdict", "reason", "smallest_difference", "unit"),
    *("ok_a", "runs_a", "sessions_a", "ok_b", "runs_b", "sessions_b", "val_accuracy_a", "val_accuracy_b"),
    *(f"accuracy_{name}" for name in ACCURACY),
    *("rounds", "below", "above", "least", "most", "flags_a", "flags_b", "settings"),
)
