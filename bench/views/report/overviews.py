"""Figures over whole suites: the surface of batch and learning rate, scaling, and each run in its time."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from bench.analysis.comparison import Comparison, ScenarioComparison, Verdict
from bench.analysis.scaling import ScaledScenario, Scaling
from bench.analysis.steadiness import Standing
from bench.analysis.surface import Cell, Surface
from bench.views.format import full_name, percent, ratio, span
from bench.views.report.style import FAST_TO_SLOW, LINE_HEIGHT, colour, dressed, marker, plain, reaches, scale
from bench.views.scaling_words import UNITS
from bench.views.surface import FASTEST, surface_grid

VERDICT_COLOURS: dict[Verdict, str] = {
    "faster": "#1a9e77",
    "below": "#1a9e77",
    "same": "#3fb1d8",
    "unclear": "#c79a12",
    "no verdict": "#7d8796",
    "slower": "#e0662b",
    "above": "#e0662b",
}
VERDICT_NAMES: dict[Verdict, str] = {
    "faster": "B is faster",
    "slower": "B is slower",
    "below": "B is below one figure",
    "above": "B is above one figure",
}


def surface_figure(surface: Surface) -> go.Figure:
    """Coloured by the time to the target; each cell has its words, those that missed it no colour."""
    grid = surface_grid(surface)
    words = [
        [_marked(word, cell, surface) for word, cell in zip(*row, strict=True)]
        for row in zip(grid.cells, surface.cells, strict=True)
    ]
    shades = [[_shade(cell) for cell in row] for row in surface.cells]
    figure = go.Figure(
        go.Heatmap(
            x=list(grid.rates),
            y=list(grid.batches[1:]),
            z=shades,
            text=words,
            texttemplate="%{text}",
            hovertemplate="batch %{y}, learning rate %{x}: %{text}<extra></extra>",
            colorscale=FAST_TO_SLOW,
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
        )
    )
    # A heat map writes no words where it has no colour.
    for y, row in enumerate(zip(shades, words, strict=True)):
        for x, (shade, word) in enumerate(zip(*row, strict=True)):
            if word and shade is None:
                figure.add_annotation(x=x, y=y, text=word, showarrow=False, opacity=0.7)
    figure.update_xaxes(type="category", title_text="learning rate", showgrid=False)
    figure.update_yaxes(type="category", title_text="batch size", autorange="reversed", showgrid=False)
    return dressed(figure, 34 * len(surface.batches))


def _marked(word: str, cell: Cell | None, surface: Surface) -> str:
    return f"{FASTEST} {word}" if cell and cell is surface.fastest else word


def _shade(cell: Cell | None) -> float | None:
    """By the logarithm of the time; None where the median run never got there."""
    return math.log(cell.target_seconds) if cell and math.isfinite(cell.target_seconds) else None


def scaling_figure(scaling: Scaling) -> go.Figure:
    """Speed-up over hardware, a line for each strategy, and dashed what all of the hardware would give."""
    every = (scaling.baseline, *scaling.scaled)
    known = [found for found in every if found.factor is not None and found.speedup is not None]
    most = max((found.factor or 1.0 for found in known), default=1.0)
    figure = go.Figure(
        go.Scatter(
            x=[1, most],
            y=[1, most],
            mode="lines",
            name="all of it",
            line={"dash": "dash", "color": "#7d8796", "width": 1},
            hoverinfo="skip",
        )
    )
    for number, strategy in enumerate(dict.fromkeys(found.strategy for found in known)):
        own = sorted((f for f in known if f.strategy == strategy), key=lambda found: found.factor or 0.0)
        figure.add_trace(_speedups(own, number))
    figure.update_xaxes(title_text=f"times as many {UNITS[scaling.on_gpus]}")
    figure.update_yaxes(title_text="speed-up", rangemode="tozero")
    return dressed(figure, 280)


def _speedups(own: Sequence[ScaledScenario], number: int) -> go.Scatter:
    speedups = [found.speedup or 0.0 for found in own]
    return go.Scatter(
        x=[found.factor for found in own],
        y=speedups,
        error_y=reaches([found.low for found in own], speedups, [found.high for found in own]),
        mode="lines+markers" if len({found.factor for found in own}) == len(own) else "markers",
        name=plain(own[0].strategy),
        line={"color": colour(number), "width": 1.6},
        marker=marker(number),
        text=[
            f"{plain(found.strategy)} {found.workers} × {found.devices}<br>"
            f"{ratio(found.speedup)}, efficiency {percent(found.efficiency, 1)}"
            for found in own
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def ratio_figure(comparison: Comparison) -> go.Figure | None:
    """B's times over A's by scenario; right of 1 B is slower. None without a ratio.

    Bars are intervals; where a side has one figure, they reach from the least to the largest ratio.
    """
    known = [scenario for scenario in comparison.scenarios if scenario.ratio is not None]
    if not known:
        return None
    figure = go.Figure()
    for verdict, shade in VERDICT_COLOURS.items():
        own = [scenario for scenario in known if scenario.verdict == verdict]
        if own:
            figure.add_trace(_ratios(own, verdict, shade))
    ends = [end for s in known for end in (s.ratio, *_reach(s)) if end is not None]
    figure.add_vline(1, line={"width": 1, "color": "#7d8796"})
    labels = [plain(label) for label in dict.fromkeys(scenario.label for scenario in known)]
    figure.update_xaxes(title_text="B's time over A's", **scale([*ends, 1.0], ratio))
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=labels[::-1])
    return dressed(figure, LINE_HEIGHT * (len(labels) + 1))


def _ratios(own: Sequence[ScenarioComparison], verdict: Verdict, shade: str) -> go.Scatter:
    middles = [scenario.ratio or 0.0 for scenario in own]
    lows, highs = zip(*map(_reach, own), strict=True)
    return go.Scatter(
        x=middles,
        y=[plain(scenario.label) for scenario in own],
        error_x=reaches(lows, middles, highs),
        mode="markers",
        name=VERDICT_NAMES.get(verdict, verdict),
        marker={"color": shade, "size": 9},
        text=[f"{plain(s.label)}<br>{ratio(s.ratio)} ({span(*_reach(s))}): {verdict}" for s in own],
        hovertemplate="%{text}<extra></extra>",
    )


def _reach(scenario: ScenarioComparison) -> tuple[float | None, float | None]:
    figure = scenario.one_figure
    return (figure.least, figure.most) if figure else (scenario.low, scenario.high)


def steadiness_figure(standings: Sequence[Standing]) -> go.Figure | None:
    """Each run's step over its scenario's median when it began; None where no scenario has several runs."""
    if not standings:
        return None
    figure = go.Figure()
    where = list(dict.fromkeys((standing.machine, standing.node) for standing in standings))
    nodes = [node for _, node in where]
    for number, (machine, node) in enumerate(where):
        own = [s for s in standings if (s.machine, s.node) == (machine, node)]
        figure.add_trace(
            go.Scatter(
                x=[s.started_at for s in own],
                y=[s.ratio - 1 for s in own],
                mode="markers",
                name=plain(node if node and nodes.count(node) == 1 else f"{node} {machine}".strip()),
                marker=marker(number, symbol=["circle-open" if s.flags else "circle" for s in own]),
                text=[_told(s) for s in own],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.add_hline(0, line={"width": 1, "color": "#7d8796"})
    figure.update_xaxes(title_text="when the run began (UTC)")
    figure.update_yaxes(title_text="step against its scenario's median", tickformat="+.1~%")
    return dressed(figure, 260)


def _told(standing: Standing) -> str:
    flags = f"<br>{plain(' '.join(standing.flags))}" if standing.flags else ""
    name = plain(full_name(standing.sweep, standing.label))
    return f"{name}<br>round {standing.round}: {ratio(standing.ratio)} of its median{flags}"
