"""The report's part on costs: time against cost, a panel for each scenario, and the table of all of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bench.analysis.cost import Costs, ScenarioCost
from bench.analysis.typical import Estimate
from bench.views.cost import cost_sheet, side_numbers
from bench.views.cost_columns import place, reach
from bench.views.cost_words import cost_legend, cost_sentences, side_lines
from bench.views.format import count, full_name, money, seconds
from bench.views.report.panels import PANEL_GAP, PANEL_HEIGHT
from bench.views.report.parts import Block, Plot, Section
from bench.views.report.style import dressed, marker, plain, reaches, scale
from bench.views.report.tables import sheet_grid

MOST_PANELS = 12
"""Scenarios that have one; of more the first ones."""
COLUMNS = 2
_FRONT = {"color": "#7d8796", "width": 1.2, "dash": "dot", "shape": "hv"}


def cost_sections(found: Costs | None) -> list[Section]:
    """One, or none where no prices were asked for."""
    if found is None or not found.scenarios:
        return []
    panels = list(_panels(found))
    figure = cost_figure(found)
    more = f"; of {count(len(panels))} scenarios the first {MOST_PANELS}" if len(panels) > MOST_PANELS else ""
    caption = (
        f"Time against cost with 95 % intervals, where there are some; dotted: by the figures alone{more}"
    )
    plots = () if figure is None else (Plot(figure, caption),)
    numbers = side_numbers(found)
    sides = "; ".join(": ".join(filter(None, side)) for side in side_lines(found, numbers))
    grid = replace(sheet_grid(cost_sheet(found)), notes=tuple(cost_sentences(found)))
    block = Block("", intro=f"{sides}.", grid=grid, plots=plots, notes=(cost_legend(found),))
    return [Section("cost", f"Cost in {found.currency}", (block,))]


def cost_figure(found: Costs) -> go.Figure | None:
    """A panel for each scenario that several sides have a time and a cost of; None where there is none."""
    panels = list(_panels(found))[:MOST_PANELS]
    if not panels:
        return None
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    height = PANEL_HEIGHT * rows + PANEL_GAP * (rows - 1)
    names = [plain(full_name(panel[0].sweep, panel[0].label)) for panel in panels]
    figure = make_subplots(
        rows, columns, subplot_titles=names, vertical_spacing=PANEL_GAP / height, horizontal_spacing=0.09
    )
    sides = sorted({cost.side for panel in panels for cost in panel})
    numbers, named = side_numbers(found), set[str]()
    for number, panel in enumerate(panels):
        row, column = number // columns + 1, number % columns + 1
        figure.add_trace(_front(panel), row, column)
        for cost in panel:
            trace = _point(cost, sides.index(cost.side), place(cost, numbers), str(found.currency))
            figure.add_trace(trace.update(showlegend=cost.side not in named), row, column)
            named.add(cost.side)
        _axes(figure, panel, row, column)
    return dressed(figure, height)


def _panels(found: Costs) -> Iterator[list[ScenarioCost]]:
    key = ("suite", "sweep", "scenario_id")
    for _, members in groupby(found.scenarios, key=lambda cost: [getattr(cost, name) for name in key]):
        known = [cost for cost in members if all(_is_there(one) for one in _both(cost))]
        if len(known) > 1:
            yield known


def _both(cost: ScenarioCost) -> tuple[Estimate | None, Estimate | None]:
    """The cost and the time that it has its place by."""
    if cost.target_accuracy is None:
        return cost.cost, cost.seconds
    return cost.target_cost, cost.target_seconds


def _is_there(one: Estimate | None) -> bool:
    return one is not None and math.isfinite(one.value)


def _front(panel: Sequence[ScenarioCost]) -> go.Scatter:
    """What so much money buys at best, by the figures themselves: whoever is beaten by nobody else's."""
    known = sorted((cost.value, time.value) for cost, time in map(_both, panel) if cost and time)
    fastest = [min(time for _, time in known[: place + 1]) for place in range(len(known))]
    points = [at for place, at in enumerate(known) if place == 0 or at[1] < fastest[place - 1]]
    return go.Scatter(
        x=[cost for cost, _ in points],
        y=[time for _, time in points],
        mode="lines",
        line=_FRONT,
        showlegend=False,
        hoverinfo="skip",
    )


def _point(cost: ScenarioCost, number: int, where: str, currency: str) -> go.Scatter:
    price, time = _both(cost)
    assert price is not None
    assert time is not None
    told = (
        f"{plain(cost.side)}<br>{plain(cost.label)}: {where}<br>"
        f"{money(price.value)} {plain(currency)} ({reach(price, money)})<br>"
        f"{seconds(time.value)} ({reach(time, seconds)})<br>{cost.ok} of {cost.runs} ok"
    )
    return go.Scatter(
        x=[price.value],
        y=[time.value],
        error_x=_bars(price),
        error_y=_bars(time),
        mode="markers",
        name=plain(cost.side),
        legendgroup=str(number),
        marker=marker(number, size=9),
        text=[told],
        hovertemplate="%{text}<extra></extra>",
    )


def _bars(one: Estimate | None) -> object:
    """One that has no end has no bar to that side."""
    if one is None or one.low is None or one.high is None:
        return None
    return reaches([one.low], [one.value], [one.high if math.isfinite(one.high) else None])


def _axes(figure: go.Figure, panel: Sequence[ScenarioCost], row: int, column: int) -> None:
    to_target = panel[0].target_accuracy is not None
    prices, times = ([one for cost in panel if (one := _both(cost)[axis])] for axis in (0, 1))
    figure.update_xaxes(
        title_text="cost to the target" if to_target else "cost of a run",
        row=row,
        col=column,
        **scale(_ends(prices), money),
    )
    figure.update_yaxes(
        title_text="to the target" if to_target else "a run",
        row=row,
        col=column,
        **scale(_ends(times), seconds),
    )


def _ends(estimates: Sequence[Estimate]) -> list[float]:
    """All that has to be on the axis."""
    ends = [end for one in estimates for end in (one.low, one.value, one.high)]
    return [end for end in ends if end is not None and math.isfinite(end)]
