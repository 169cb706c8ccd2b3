"""How every figure of the report looks. The page's script gives it the colours of the reader's theme."""

import math
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

COLOURS = ("#2a7fd4", "#e0662b", "#1a9e77", "#b65fc7", "#c79a12", "#3fb1d8", "#d64f7d", "#7d8796")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "triangle-down", "pentagon")
"""Beside the colours, for whoever cannot tell these apart."""
FAST_TO_SLOW = ((0.0, "#57bb6a"), (0.5, "#f0d65c"), (1.0, "#e96d54"))
WIDE_RANGE = 10.0
"""An axis whose ends are so many times apart is logarithmic."""
LEAST_ACCURACY = 0.002
"""The least that an axis of accuracies spans."""
MARGIN = 0.08
"""Of the span of an axis, beyond its values."""
THREE_DIGITS = 0.06
"""Of the largest value: of up to seven ticks in so much, the words differ where they have three digits."""
FEW_DECADES = 2.0
"""On an axis of no more of them 2 and 5 have ticks, too."""
FEW_VALUES = 8
"""So many values along an axis have a tick each."""
TOP, BOTTOM = 44, 56
"""Pixels around the plots, for their titles and the axes'."""
LINE_HEIGHT = 26
"""Pixels of a scenario where each has a line of its own."""
LEGEND_LINE, LEGEND_LETTER, LEGEND_MARK = 22, 7, 48
NARROW = 760
"""Pixels of a legend's line where the window is small."""


def dressed(figure: go.Figure, height: int) -> go.Figure:
    """`figure` in the report's layout: its plots so many pixels high, the page's width, a legend below."""
    names = [trace.name for trace in figure.data if trace.name and trace.showlegend is not False]
    needed = sum(LEGEND_LETTER * len(name) + LEGEND_MARK for name in names) if len(names) > 1 else 0
    legend = LEGEND_LINE * math.ceil(needed / NARROW)
    figure.update_layout(
        template="none",
        height=height + TOP + BOTTOM + legend,
        margin={"l": 64, "r": 16, "t": TOP, "b": BOTTOM + legend},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13},
        hoverlabel={"align": "left"},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#7d8796", "activecolor": COLOURS[0]},
        showlegend=len(names) > 1,
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(automargin=True, zeroline=False, title_standoff=4)
    figure.update_yaxes(automargin=True, zeroline=False, title_standoff=8)
    return figure


def colour(number: int) -> str:
    """The colour of the line of that number; they come round again."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- plotly's own options
    """The marker that goes with it."""
    return {"color": colour(number), "symbol": SYMBOLS[number % len(SYMBOLS)], "size": 8, **more}


def scale(
    values: Sequence[float], words: Callable[[float], str], log: bool = True, least: float | None = None
) -> dict[str, Any]:
    """An axis of `values` with its ticks in `words`: logarithmic where it may be and they are far apart.

    A linear one spans `least` at least, or else so much that three digits tell its ticks apart. Values that
    are as good as the same then stand in its middle, not at both ends.
    """
    if not values:
        return {"type": "linear"}
    low, high = min(values), max(values)
    if log and low > 0 and high / low >= WIDE_RANGE:
        ticks = _decades(math.log10(low), math.log10(high))
        return {"type": "log", **_ticks(ticks, words)}
    known = THREE_DIGITS * max(abs(low), abs(high)) if least is None else least
    span, middle = max(high - low, known) or 1.0, (low + high) / 2
    ends = [middle - (0.5 + MARGIN) * span, middle + (0.5 + MARGIN) * span]
    return {"type": "linear", "range": ends, **_ticks(_steps(*ends), words)}


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten around the exponents `low` to `high`, and what stands between them where they are few."""
    between = (1, 2, 5) if high - low <= FEW_DECADES else (1,)
    return [step * 10.0**n for n in range(math.floor(low), math.ceil(high) + 1) for step in between]


def _steps(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`, 2 to 7 of them."""
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= 6)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _ticks(values: Sequence[float], words: Callable[[float], str]) -> dict[str, Any]:
    return {"tickvals": list(values), "ticktext": [_short(words(value)) for value in values]}


def axis_of(values: Sequence[float]) -> dict[str, Any]:
    """An axis along settings that are numbers: a tick for each where they are few."""
    along = scale(values, number)
    if len(values) <= FEW_VALUES:
        along |= _ticks(values, number)
    return along


def axis_words(setting: str) -> str:
    """What a setting is called where it is an axis."""
    return "units of each hidden layer" if setting == "hidden" else setting.replace("_", " ")


def plain(text: str) -> str:
    """`text` as it is, in a place where plotly takes some of HTML."""
    return escape(text, quote=False)


def number(value: float) -> str:
    """A setting that is a number: "10,000", "0.0003"."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def reaches(lows: Sequence[float | None], middles: Sequence[float], highs: Sequence[float | None]) -> Any:  # noqa: ANN401
    """The error bars of intervals around `middles`; none where no interval is known."""
    if not any(low is not None for low in lows):
        return None
    above = [0.0 if high is None else high - middle for high, middle in zip(highs, middles, strict=True)]
    below = [0.0 if low is None else middle - low for low, middle in zip(lows, middles, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "thickness": 1.2,
        "width": 4,
    }


def _short(words: str) -> str:
    """Without the zeros behind a point that say nothing: "10 ms", "1.5 s"."""
    return re.sub(r"\.(\d*?)0+(?!\d)", lambda found: f".{found[1]}" if found[1] else "", words)
