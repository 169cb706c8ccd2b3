"""Figures of scenarios: along the axis of a sweep, or one below the other where it has none."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bench.analysis.summary import ScenarioSummary
from bench.analysis.trends import Trend
from bench.views.format import percent, rate, seconds
from bench.views.origins import origin_names
from bench.views.report.style import (
    LEAST_ACCURACY,
    LINE_HEIGHT,
    axis_of,
    axis_words,
    colour,
    dressed,
    marker,
    plain,
    reaches,
    scale,
)

PANEL_HEIGHT, PANEL_GAP = 220, 92
"""Pixels of a panel, and of what stands between two of them: an axis, its title and the next one's."""


@dataclass(frozen=True)
class Panel:
    """A figure of scenarios: its title, the summary's fact, how it reads, and what `scale` is told of it."""

    title: str
    fact: str
    words: Callable[[float | None], str]
    log: bool = True
    least: float | None = None


def _whole_percent(share: float | None) -> str:
    return percent(share, 0)


PANELS = (
    Panel("one training step", "step_seconds", seconds),
    Panel("training images per second", "samples_per_second", rate),
    Panel("compile, train and validate", "wall_seconds", seconds),
    Panel("best validation accuracy", "best_val_accuracy", percent, log=False, least=LEAST_ACCURACY),
    Panel("time to the target", "target_seconds", seconds),
    Panel("share of this machine's limit", "limit_fraction", _whole_percent, log=False, least=0.06),
)
TIME = ("step_seconds", "wall_seconds")
"""What stands beside the accuracy where scenarios have a line each: the first of these that they have."""


def trend_figure(trend: Trend) -> go.Figure | None:
    """A panel for each figure that changes along the axis of `trend`; None where there is none."""
    summaries = [summary for line in trend.lines for _, summary in line.points]
    panels = [panel for panel in PANELS if len(_known(summaries, panel)) > 1]
    if not panels:
        return None
    columns = 2 if len(panels) > 1 else 1
    rows = math.ceil(len(panels) / columns)
    height = PANEL_HEIGHT * rows + PANEL_GAP * (rows - 1)
    figure = make_subplots(
        rows, columns, subplot_titles=[panel.title for panel in panels], vertical_spacing=PANEL_GAP / height
    )
    named: set[str] = set()
    names = line_names(trend)
    places = [(number // columns + 1, number % columns + 1) for number in range(len(panels))]
    for panel, (row, column) in zip(panels, places, strict=True):
        for number, line in enumerate(trend.lines):
            points = [(x, summary) for x, summary in line.points if _value(summary, panel) is not None]
            if not points:
                continue
            trace = _trace([x for x, _ in points], [summary for _, summary in points], panel, number)
            name = names[number]
            shown = bool(name) and name not in named
            figure.add_trace(trace.update(name=plain(name), showlegend=shown), row, column)
            named.add(name)
        figure.update_yaxes(row=row, col=column, **_axis(summaries, panel))
    values = sorted({x for line in trend.lines for x, _ in line.points})
    figure.update_xaxes(title_text=axis_words(trend.axis), **axis_of(values))
    return dressed(figure, height)


def line_names(trend: Trend) -> list[str]:
    """In what each line differs from the others: in settings, and in where it comes from."""
    where = origin_names(line.origin for line in trend.lines)
    return [" on ".join(filter(None, (line.name, where[line.origin]))) for line in trend.lines]


def dots_figure(summaries: Sequence[ScenarioSummary]) -> go.Figure | None:
    """A line for each scenario: its time with the interval, and beside it its accuracy."""
    fact = next((name for name in TIME if any(getattr(s, name) is not None for s in summaries)), None)
    if fact is None or len(summaries) < 2:
        return None
    chosen = [panel for panel in PANELS if panel.fact in (fact, "best_val_accuracy")]
    panels = [panel for panel in chosen if _known(summaries, panel)]
    where = origin_names(summary.origin for summary in summaries)
    figure = make_subplots(
        1,
        len(panels),
        subplot_titles=[panel.title for panel in panels],
        shared_yaxes=True,
        horizontal_spacing=0.04,
    )
    named: set[str] = set()
    for column, panel in enumerate(panels, start=1):
        for number, (origin, name) in enumerate(where.items()):
            own = [s for s in summaries if s.origin == origin and _value(s, panel) is not None]
            if not own:
                continue
            trace = _trace([plain(s.label) for s in own], own, panel, number, across=True)
            shown = len(where) > 1 and name not in named
            figure.add_trace(trace.update(name=plain(name), mode="markers", showlegend=shown), 1, column)
            named.add(name)
        figure.update_xaxes(row=1, col=column, **_axis(summaries, panel))
    labels = [plain(label) for label in dict.fromkeys(summary.label for summary in summaries)]
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=labels[::-1])
    return dressed(figure, LINE_HEIGHT * (len(labels) + 1))


def _trace(
    places: Sequence[float | str],
    summaries: Sequence[ScenarioSummary],
    panel: Panel,
    number: int,
    across: bool = False,
) -> go.Scatter:
    """The values of `summaries` at `places`, upwards or, `across`, to the right; hovering tells the words."""
    values = [value for s in summaries if (value := _value(s, panel)) is not None]
    along, error = ("x", "error_x") if across else ("y", "error_y")
    bars = None
    if panel.fact == "step_seconds":
        ends = [[getattr(s, f"step_seconds_{end}") for s in summaries] for end in ("low", "high")]
        bars = reaches(ends[0], values, ends[1])
    return go.Scatter(
        **{along: values, "y" if across else "x": list(places), error: bars},
        mode="lines+markers",
        line={"color": colour(number), "width": 1.6},
        marker=marker(number),
        legendgroup=str(number),
        text=[_told(s, panel) for s in summaries],
        hovertemplate="%{text}<extra></extra>",
    )


def _told(summary: ScenarioSummary, panel: Panel) -> str:
    low, high = summary.step_seconds_low, summary.step_seconds_high
    interval = f" ({seconds(low)} to {seconds(high)})" if panel.fact == "step_seconds" and low else ""
    words = panel.words(getattr(summary, panel.fact))
    return f"{plain(summary.label)}<br>{panel.title}: {words}{interval}<br>{summary.ok} of {summary.runs} ok"


def _axis(summaries: Sequence[ScenarioSummary], panel: Panel) -> dict[str, Any]:
    return scale(_known(summaries, panel), panel.words, panel.log, panel.least)


def _known(summaries: Sequence[ScenarioSummary], panel: Panel) -> list[float]:
    return [value for summary in summaries if (value := _value(summary, panel)) is not None]


def _value(summary: ScenarioSummary, panel: Panel) -> float | None:
    """The figure, where it is a number that has a place on an axis."""
    value = getattr(summary, panel.fact)
    return value if value is not None and math.isfinite(value) else None
