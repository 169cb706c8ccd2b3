"""Summaries of scenarios as a table for the terminal, and as CSV, Markdown and JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from bench.analysis.summary import COLUMNS, ScenarioSummary
from bench.views.export import csv_text, json_text, markdown_table
from bench.views.format import NONE, bytes_, flops, percent, rate, seconds

WIDE = 110
TEXTS = ("scenario", "machine", "bound by", "flags")
Cell = Callable[[ScenarioSummary], str | Text]
_Width = Literal["always", "wide"]


def summary_table(summaries: Sequence[ScenarioSummary]) -> RenderableType:
    """One table per suite and sweep, fewer columns below `WIDE`; failures are written out below."""
    return _ByWidth(summaries)


def as_csv(summaries: Iterable[ScenarioSummary]) -> str:
    """One line per scenario: every column of the summary as a plain number or text."""
    return csv_text(COLUMNS, [_plain(summary) for summary in summaries])


def as_json(summaries: Iterable[ScenarioSummary]) -> str:
    """A list of objects under the summary's own names; failures and flags as name: count."""
    return json_text([{**asdict(s), "failures": dict(s.failures), "flags": dict(s.flags)} for s in summaries])


def as_markdown(summaries: Sequence[ScenarioSummary]) -> str:
    """One table for a README or an issue."""
    columns = _columns(summaries, wide=True)
    header = ["sweep", *(title for title, _ in columns)]
    rows = [[s.sweep, *(str(cell(s)) for _, cell in columns)] for s in summaries]
    return markdown_table(header, rows) + "\n"


class _ByWidth:
    """Chooses the columns when the width is known."""

    def __init__(self, summaries: Sequence[ScenarioSummary]) -> None:
        self._summaries = summaries

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= WIDE
        yield Group(*_parts(self._summaries, wide))


def _parts(summaries: Sequence[ScenarioSummary], wide: bool) -> Iterable[RenderableType]:
    columns = _columns(summaries, wide)
    for (suite, sweep), group in groupby(summaries, key=lambda s: (s.suite, s.sweep)):
        members = list(group)
        table = Table(
            box=SIMPLE_HEAD,
            title=f"{suite} · {sweep}",
            title_justify="left",
            title_style="bold",
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        longest = max((len(word) for s in members for word in s.label.split()), default=0)
        for title, _ in columns:
            figures = title not in TEXTS
            table.add_column(
                title,
                justify="right" if figures else "left",
                no_wrap=figures,
                overflow="fold",
                min_width=longest if title == "scenario" else None,
            )
        for summary in members:
            table.add_row(*(cell(summary) for _, cell in columns), style="" if summary.ok else "dim")
        yield table
    yield from _failures(summaries)


def _columns(summaries: Sequence[ScenarioSummary], wide: bool) -> list[tuple[str, Cell]]:
    """Titles and cells; a column that would be empty or say one thing everywhere is left out."""
    machines = {s.machine for s in summaries}
    targets = any(s.target_runs for s in summaries)
    stepped = any(s.step_seconds for s in summaries) or not any(s.wall_seconds for s in summaries)
    every: list[tuple[str, Cell, bool]] = [
        ("scenario", lambda s: s.label, True),
        ("machine", lambda s: s.machine, len(machines) > 1),
        ("ok", _ok, True),
        ("step", lambda s: seconds(s.step_seconds), stepped),
        ("± MAD", lambda s: _share(s.spread, 1), stepped and (wide or not targets)),
        ("samples", lambda s: rate(s.samples_per_second), stepped),
        ("wall", lambda s: seconds(s.wall_seconds), wide or not stepped),
        ("compile", lambda s: seconds(s.compile_seconds), wide),
        ("speed", lambda s: flops(s.flops_per_second), wide),
        (
            "of limit",
            lambda s: _share(s.limit_fraction, 0),
            wide and any(s.limit_fraction for s in summaries),
        ),
        ("bound by", lambda s: s.bound_by or NONE, wide and any(s.bound_by for s in summaries)),
        ("train", lambda s: _share(s.train_accuracy), wide),
        ("val", lambda s: _share(s.val_accuracy), True),
        ("best", lambda s: _share(s.best_val_accuracy), wide),
        ("test", lambda s: _share(s.test_accuracy), True),
        ("target in", lambda s: seconds(s.target_seconds), targets),
        ("reached", lambda s: f"{s.target_reached}/{s.target_runs}" if s.target_runs else NONE, targets),
        (
            "memory",
            lambda s: bytes_(s.peak_device_bytes),
            wide and any(s.peak_device_bytes for s in summaries),
        ),
        ("energy", lambda s: _joules(s.energy_joules), wide and any(s.energy_joules for s in summaries)),
        ("flags", _flags, any(s.flags for s in summaries)),
    ]
    return [(title, cell) for title, cell, shown in every if shown]


def _ok(summary: ScenarioSummary) -> Text:
    style = "green" if summary.ok == summary.runs else "bold red"
    return Text(f"{summary.ok}/{summary.runs}", style)


def _flags(summary: ScenarioSummary) -> Text:
    return Text(" ".join(f"{name}×{n}" if n > 1 else name for name, n in summary.flags), "yellow")


def _failures(summaries: Iterable[ScenarioSummary]) -> Iterable[RenderableType]:
    for summary in summaries:
        if summary.failures:
            what = ", ".join(f"{n} {status}" for status, n in summary.failures)
            error = f": {summary.error}" if summary.error else ""
            name = f"{summary.sweep} · {summary.label}"
            yield Text(f"✗ {name}: {what} of {summary.runs}{error}", "red", overflow="fold")


def _share(share: float | None, digits: int = 2) -> str:
    """Without the space: these columns are narrow."""
    return percent(share, digits).replace(" %", "%")


def _joules(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value / 1000:.2f} kJ" if value >= 1000 else f"{value:.1f} J"


def _plain(summary: ScenarioSummary) -> dict[str, Any]:
    counted = {"failures": summary.failures, "flags": summary.flags}
    texts = {name: " ".join(f"{k}={n}" for k, n in pairs) for name, pairs in counted.items()}
    return {**asdict(summary), **texts}
