"""A comparison as a table for the terminal, and as Markdown, CSV and JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD, Box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.comparison import Comparison, ScenarioComparison, Side, Verdict
from bench.views import comparison_words as words
from bench.views.export import csv_text, json_text, markdown_table, markdown_words
from bench.views.format import ratio, span
from bench.views.sheet import Sheet
from bench.views.width import ByWidth

WIDE = 110
"""Terminal columns from which every figure gets a column of its own."""

HEADER = ("scenario", "A", "B", "B/A", "interval", "verdict", "val A", "val B", "ok A", "ok B", "Holm p")
STYLES: dict[Verdict, str] = {
    "faster": "bold green",
    "slower": "bold red",
    "same": "cyan",
    "unclear": "yellow",
    "failed": "bold magenta",
    "refused": "magenta",
}


def comparison_table(comparison: Comparison, name_a: str, name_b: str) -> RenderableType:
    """The table and what it says in words; compact below `WIDE` columns."""
    return ByWidth(lambda width: _everything(comparison, name_a, name_b, width >= WIDE))


def as_markdown(comparison: Comparison, name_a: str, name_b: str) -> str:
    """The same for a README or an issue: two tables and the sentences."""
    title = words.table_title(comparison)
    parts = [_broken([f"A: {name_a}", f"B: {name_b}", *([title] if title else [])])]
    if comparison.scenarios:
        parts.append(markdown_table(HEADER, _rows(comparison)))
    parts.extend(map(_broken, _paragraphs(comparison, name_a, name_b)))
    if comparison.differences:
        parts.append(markdown_table(("differs", "", "A", "B"), _difference_rows(comparison)))
    return "\n\n".join(parts) + "\n"


def _broken(lines: Iterable[str]) -> str:
    """A paragraph of Markdown that keeps its lines."""
    return "  \n".join(map(markdown_words, lines))


def comparison_sheet(comparison: Comparison, name_a: str, name_b: str) -> Sheet:
    """The same as one table in words, with the sentences below it."""
    sentences = (line for lines in _paragraphs(comparison, name_a, name_b) for line in lines if line)
    what = ". ".join(filter(None, (f"A: {name_a}", f"B: {name_b}", words.table_title(comparison))))
    return Sheet("Comparison", what, HEADER, tuple(_rows(comparison)), tuple(sentences))


def as_csv(comparison: Comparison) -> str:
    """One row per scenario, unpaired ones too: times in seconds, ratios and accuracies as plain numbers."""
    paired = [_record(scenario) for scenario in comparison.scenarios]
    single = [
        {"scenario": label, "verdict": verdict}
        for verdict, labels in (("only_a", comparison.only_a), ("only_b", comparison.only_b))
        for label in labels
    ]
    return csv_text(RECORD, [*paired, *single])


def as_json(comparison: Comparison, name_a: str, name_b: str) -> str:
    """Everything there is, under the names of `Comparison`; what is not finite is null."""
    found = {"a": name_a, "b": name_b, **asdict(comparison), "counts": dict(comparison.counts)}
    return json_text(found)


def _everything(comparison: Comparison, name_a: str, name_b: str, wide: bool) -> RenderableType:
    parts: list[RenderableType] = [
        Text.assemble(("A: ", "bold"), name_a),
        Text.assemble(("B: ", "bold"), name_b),
    ]
    if comparison.scenarios:
        parts.append(_wide_table(comparison) if wide else _compact_table(comparison))
    parts.extend(_paragraph(lines) for lines in _paragraphs(comparison, name_a, name_b))
    if comparison.differences:
        parts.append(_difference_table(comparison))
    return Group(*_spaced(parts))


def _spaced(parts: list[RenderableType]) -> Iterable[RenderableType]:
    """A blank line before each part but the two names."""
    for position, part in enumerate(parts):
        if position > 1:
            yield Text()
        yield part


def _empty_table(title: str, box: Box | None) -> Table:
    return Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box,
        padding=(0, 1 if box else 2, 0, 0),
        show_edge=False,
        pad_edge=False,
    )


def _wide_table(comparison: Comparison) -> Table:
    table = _empty_table(words.table_title(comparison), SIMPLE_HEAD)
    table.add_column("scenario", ratio=1, overflow="fold")
    for name in ("A", "B", "B/A", f"{words.share(comparison.confidence)} interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for name in ("val A", "val B", "ok A", "ok B", "Holm p"):
        table.add_column(name, justify="right", no_wrap=True)
    for scenario in comparison.scenarios:
        (time_a, val_a), (time_b, val_b) = map(words.time_and_accuracy, (scenario.a, scenario.b))
        table.add_row(
            _scenario_cell(scenario, words.row_details(comparison, scenario)),
            time_a,
            time_b,
            ratio(scenario.ratio),
            span(scenario.low, scenario.high),
            _verdict_cell(scenario),
            val_a,
            val_b,
            _ok_cell(scenario.a),
            _ok_cell(scenario.b),
            _p(scenario.p_holm),
        )
    return table


def _compact_table(comparison: Comparison) -> Table:
    """Two lines a scenario: times over accuracies, ratio over interval, label over what is left."""
    table = _empty_table(words.table_title(comparison), SIMPLE_HEAD)
    table.add_column(Text.assemble("scenario\n", ("runs ok", "dim not bold")), ratio=1, overflow="fold")
    for name, below in (
        ("A", "val"),
        ("B", "val"),
        ("B/A", f"{words.share(comparison.confidence)} interval"),
    ):
        table.add_column(Text.assemble(f"{name}\n", (below, "dim not bold")), justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for scenario in comparison.scenarios:
        more = words.row_details(comparison, scenario)
        ok = Text.assemble(_ok_cell(scenario.a, "dim"), (" and ", "dim"), _ok_cell(scenario.b, "dim"))
        table.add_row(
            Text.assemble(scenario.label, "\n", ok, (f"; {more}" if more else "", "dim")),
            *(_two_lines(*words.time_and_accuracy(side)) for side in (scenario.a, scenario.b)),
            _two_lines(ratio(scenario.ratio), span(scenario.low, scenario.high)),
            _verdict_cell(scenario, "\n"),
        )
    return table


def _difference_table(comparison: Comparison) -> Table:
    table = _empty_table("What differs besides", None)
    for name in ("", "", "A", "B"):
        table.add_column(name, overflow="fold")
    for row in _difference_rows(comparison):
        table.add_row(Text(row[0], "dim"), *(Text(cell) for cell in row[1:]))
    return table


def _difference_rows(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """Kind (at its first row only), name, and both sides' values."""
    rows: list[tuple[str, str, str, str]] = []
    last = ""
    for found in comparison.differences:
        kind = found.kind if found.kind != last else ""
        last = found.kind
        sides = (words.values(found.name, found.values_a), words.values(found.name, found.values_b))
        rows.append((kind, found.name, *sides))
    return rows


def _paragraphs(comparison: Comparison, name_a: str, name_b: str) -> list[list[str]]:
    """The sentences below the table, those of one kind together."""
    found = [
        list(words.legend(comparison)) if comparison.scenarios else ["A and B have no scenario in common."],
        [words.overall_line(overall, comparison) for overall in comparison.overall],
        list(words.reasons(comparison)),
        list(words.only_lines(comparison, name_a, name_b)),
        [words.difference_line(comparison)],
    ]
    return [lines for lines in found if any(lines)]


def _paragraph(lines: list[str]) -> Text:
    text = Text("\n".join(lines))
    text.highlight_regex(r"(?m)^Overall[^:]*:", "bold")
    return text


def _scenario_cell(scenario: ScenarioComparison, details: str) -> Text:
    return Text.assemble(scenario.label, ("\n" + details, "dim")) if details else Text(scenario.label)


def _two_lines(above: str, below: str) -> Text:
    return Text.assemble(above, ("\n" + below, "dim"))


def _verdict_cell(scenario: ScenarioComparison, between: str = " ") -> Text:
    below = words.below(scenario)
    return Text(
        f"{scenario.verdict}{between}{below}" if below else scenario.verdict, STYLES[scenario.verdict]
    )


def _ok_cell(side: Side, style: str = "") -> Text:
    return Text(words.runs_ok(side), style if side.ok == side.runs else STYLES["failed"])


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    return [_row(comparison, scenario) for scenario in comparison.scenarios]


def _row(comparison: Comparison, scenario: ScenarioComparison) -> tuple[str, ...]:
    (time_a, val_a), (time_b, val_b) = map(words.time_and_accuracy, (scenario.a, scenario.b))
    details = words.row_details(comparison, scenario)
    return (
        f"{scenario.label} ({details})" if details else scenario.label,
        time_a,
        time_b,
        ratio(scenario.ratio),
        span(scenario.low, scenario.high),
        words.verdict(scenario),
        val_a,
        val_b,
        words.runs_ok(scenario.a),
        words.runs_ok(scenario.b),
        _p(scenario.p_holm),
    )


def _record(scenario: ScenarioComparison) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for name, side in (("a", scenario.a), ("b", scenario.b)):
        sides |= {
            f"seconds_{name}": side.seconds,
            f"val_accuracy_{name}": side.val_accuracy,
            f"ok_{name}": side.ok,
            f"runs_{name}": side.runs,
            f"flags_{name}": " ".join(side.flags),
        }
    settings = "; ".join(words.setting(difference) for difference in scenario.setting_differences)
    plain = {name: getattr(scenario, name) for name in RECORD if hasattr(scenario, name)}
    return {"scenario": scenario.label, **plain, **sides, "settings": settings}


RECORD = (
    "scenario",
    "metric",
    "seconds_a",
    "seconds_b",
    "ratio",
    "low",
    "high",
    "attained_confidence",
    "p",
    "p_holm",
    "verdict",
    "reason",
    "smallest_difference",
    "ok_a",
    "runs_a",
    "ok_b",
    "runs_b",
    "val_accuracy_a",
    "val_accuracy_b",
    "flags_a",
    "flags_b",
    "settings",
)
