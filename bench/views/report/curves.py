"""The figure of accuracy over training: against time, and against epochs."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bench.analysis.curves import Curve
from bench.views.format import percent, seconds
from bench.views.origins import origin_names
from bench.views.report.style import LEAST_ACCURACY, colour, dressed, marker, plain, scale

HEIGHT = 300
MOST_CURVES = 12
"""More would hide each other: of more the most accurate are shown."""
MOST_BANDS = 6
"""From worst to best run is shaded for so many curves; of more the shades would hide each other."""


def shown_curves(curves: Sequence[Curve]) -> list[Curve]:
    """The most accurate of `curves` that are long enough to be one, in their order."""
    long = [curve for curve in curves if len(curve.epochs) > 1]
    best = sorted(long, key=lambda curve: -max(curve.val_accuracy))[:MOST_CURVES]
    return [curve for curve in long if curve in best]


def curve_figure(curves: Sequence[Curve]) -> go.Figure | None:
    """Medians over the runs, the range of all runs shaded, the target dashed; None without curves."""
    if not curves:
        return None
    figure = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=("against time", "against epochs")
    )
    names = origin_names(curve.origin for curve in curves)
    for number, curve in enumerate(curves):
        where = names[curve.origin]
        name = plain(f"{curve.label} on {where}" if where else curve.label)
        for column, x in enumerate((curve.elapsed_seconds, curve.epochs), start=1):
            if len(curves) <= MOST_BANDS and curve.runs > 1:
                figure.add_trace(_band(curve, x, number), 1, column)
            figure.add_trace(_line(curve, x, number, name, shown=column == 1), 1, column)
    targets = {curve.target_accuracy for curve in curves if curve.target_accuracy is not None}
    for target in sorted(targets):
        figure.add_hline(target, line={"dash": "dash", "width": 1, "color": "#7d8796"})
    times = [second for curve in curves for second in curve.elapsed_seconds]
    accuracies = [accuracy for curve in curves for accuracy in (*curve.low, *curve.high)]
    epochs = max(curve.epochs[-1] for curve in curves)
    figure.update_xaxes(title_text="time since the data were touched", row=1, col=1, **scale(times, seconds))
    figure.update_xaxes(title_text="epoch", row=1, col=2, dtick=max(1, round(epochs / 10)))
    figure.update_yaxes(**scale([*accuracies, *targets], percent, log=False, least=LEAST_ACCURACY))
    figure.update_yaxes(title_text="validation accuracy", row=1, col=1)
    return dressed(figure, HEIGHT)


def _line(curve: Curve, x: Sequence[float], number: int, name: str, shown: bool) -> go.Scatter:
    told = [
        f"{name}<br>epoch {epoch}, {seconds(second)}: {percent(accuracy)}"
        for epoch, second, accuracy in zip(
            curve.epochs, curve.elapsed_seconds, curve.val_accuracy, strict=True
        )
    ]
    return go.Scatter(
        x=list(x),
        y=list(curve.val_accuracy),
        mode="lines+markers",
        name=name,
        legendgroup=str(number),
        showlegend=shown,
        line={"color": colour(number), "width": 1.6},
        marker=marker(number, size=5),
        text=told,
        hovertemplate="%{text}<extra></extra>",
    )


def _band(curve: Curve, x: Sequence[float], number: int) -> go.Scatter:
    """There along the best accuracies and back along the worst."""
    return go.Scatter(
        x=[*x, *reversed(x)],
        y=[*curve.high, *reversed(curve.low)],
        fill="toself",
        fillcolor=colour(number),
        opacity=0.15,
        line={"width": 0},
        mode="lines",
        legendgroup=str(number),
        showlegend=False,
        hoverinfo="skip",
    )
