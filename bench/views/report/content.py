"""What stands on the report's page: parts with tables, figures and words. How it is drawn is for `page`."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeVar

import plotly.graph_objects as go

from bench.analysis.curves import Curve
from bench.analysis.findings import Findings
from bench.analysis.rivals import Rivals
from bench.analysis.summary import ScenarioSummary
from bench.views.comparison import comparison_sheet
from bench.views.format import count, full_name, several
from bench.views.nodes import node_legend, node_sheets
from bench.views.origins import origin_names, origin_numbers
from bench.views.precision import precision_lines
from bench.views.probe import drift_lines
from bench.views.report.curves import curve_figure, shown_curves
from bench.views.report.overviews import ratio_figure, scaling_figure, steadiness_figure, surface_figure
from bench.views.report.panels import dots_figure, trend_figure
from bench.views.report.style import axis_words
from bench.views.report.tables import (
    Grid,
    failure_grid,
    machine_grid,
    session_grid,
    sheet_grid,
    summary_grid,
)
from bench.views.scaling import scaling_legend, scaling_sheets
from bench.views.summary import failure_line
from bench.views.summary_columns import columns_of, legend
from bench.views.surface import surface_legend, surface_title

MOST_SESSIONS = 200
"""Of more, the table has the last ones."""
_Labelled = TypeVar("_Labelled", ScenarioSummary, Curve)


@dataclass(frozen=True)
class Plot:
    """A figure, and what it shows in words."""

    figure: go.Figure
    caption: str


@dataclass(frozen=True)
class Block:
    """A heading and what stands below it; any of the parts may be missing."""

    title: str
    intro: str = ""
    grid: Grid | None = None
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page that its table of contents leads to."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Tile:
    """A figure at the head of the page."""

    figure: str
    caption: str
    tone: str = ""


def tiles(found: Findings) -> Iterator[Tile]:
    """How many there are of what."""
    runs = sum(facts.runs for facts in found.sessions)
    ok = sum(facts.ok for facts in found.sessions)
    machines = {summary.machine for summary in found.summaries}
    scenarios = {summary.scenario_id for summary in found.summaries}
    yield Tile(f"{count(ok)}/{count(runs)}", "runs ended ok", "good" if ok == runs else "bad")
    yield Tile(count(len(scenarios)), "scenario" if len(scenarios) == 1 else "scenarios")
    yield Tile(count(len(machines)), "machine" if len(machines) == 1 else "machines")
    yield Tile(count(len(found.sessions)), "session" if len(found.sessions) == 1 else "sessions")
    if found.flagged:
        yield Tile(count(found.flagged), "runs flagged, kept and marked", "warn")


def machines(found: Findings) -> list[str]:
    """Where the figures come from, with their numbers where there are several."""
    numbers = origin_numbers(summary.origin for summary in found.summaries)
    names = origin_names(numbers)
    alone = sorted({summary.machine for summary in found.summaries})
    return [f"{number}: {names[origin]}" for origin, number in numbers.items()] or alone


def sections(found: Findings) -> list[Section]:
    """The parts that have something to tell, in their order."""
    failures, facts = failure_grid(found.failures, found.failed), machine_grid(found.machines)
    drifted = tuple(line.plain for line in drift_lines(found.drifts))
    parts = [
        *_suites(found),
        Section("rivals", "Machines against each other", tuple(_rivals(found))),
        Section("steadiness", "Steadiness", tuple(_steadiness(found))),
        Section("nodes", "Nodes", tuple(_nodes(found))),
        Section("failures", "Runs that did not end ok", (Block("", grid=failures),) if failures else ()),
        Section("machines", "Machines", (Block("", grid=facts, notes=drifted),) if facts else ()),
        Section(
            "sessions",
            "Sessions",
            (Block("", grid=session_grid(found.sessions[-MOST_SESSIONS:]), notes=_sessions_left_out(found)),),
        ),
        Section("reading", "How to read it", (Block("", notes=tuple(_reading(found))),)),
    ]
    return [section for section in parts if section.blocks]


def _suites(found: Findings) -> Iterator[Section]:
    names = dict.fromkeys(summary.suite for summary in found.summaries)
    for number, suite in enumerate(names, start=1):
        yield Section(f"suite-{number}", suite, tuple(_suite_blocks(found, suite)))


def _reading(found: Findings) -> Iterator[str]:
    yield legend({column.title for column in columns_of(found.summaries)})
    yield (
        "Every run is of fresh weights, in a process that started for its round; compilation, warm-up and "
        "validation have clocks of their own. A flagged run counts like any other and is marked: unstable "
        "(its windows scatter or drift), short-windows (the call around a window is over 1 % of it), "
        "throttled, contended (others used its cores), clocks-moved (a GPU's clock had not settled), "
        "retraced (something compiled while the clock ran), not-learning (accuracy at chance), retried (its "
        "process was lost once), implausible (a value that cannot have been measured was left out). "
        "Bars are 95 % intervals of a median, from six runs on."
    )


def _plots(figure: go.Figure | None, caption: str) -> tuple[Plot, ...]:
    return () if figure is None else (Plot(figure, caption),)


def _suite_blocks(found: Findings, suite: str) -> Iterator[Block]:
    own = [summary for summary in found.summaries if summary.suite == suite]
    for title, members in _grouped(own):
        yield _scenarios_block(found, title, members)
    surfaces = [surface for surface in found.surfaces if surface.suite == suite]
    for surface in surfaces:
        name = " · ".join(filter(None, (surface.sweep, surface.label)))
        yield Block(
            f"{name}: batch and learning rate",
            intro=surface_title(surface, surfaces),
            plots=_plots(surface_figure(surface), "The greener, the sooner"),
            notes=(surface_legend([surface]).plain,),
        )
    scalings = [scaling for scaling in found.scalings if scaling.suite == suite]
    for scaling, sheet in zip(scalings, scaling_sheets(scalings), strict=True):
        plot = _plots(scaling_figure(scaling), "Speed-up over hardware")
        notes = (scaling_legend([scaling]),)
        yield Block(sheet.name, intro=sheet.what, grid=sheet_grid(sheet), plots=plot, notes=notes)


def _grouped(summaries: Sequence[ScenarioSummary]) -> Iterator[tuple[str, list[ScenarioSummary]]]:
    """By sweep, with its name; what is alone in its sweep stands together, where it is not the only one."""
    sweeps = {sweep: list(members) for sweep, members in groupby(summaries, key=lambda s: s.sweep)}
    alone = [name for name, members in sweeps.items() if len({s.scenario_id for s in members}) == 1]
    together = alone if len(alone) > 1 else []
    if together:
        yield "Single scenarios", [s for name in together for s in sweeps[name]]
    for name, members in sweeps.items():
        if name not in together:
            yield name, members


def _scenarios_block(found: Findings, title: str, members: Sequence[ScenarioSummary]) -> Block:
    sweeps = {(s.suite, s.sweep) for s in members}
    trend = next((t for t in found.trends if {(t.suite, t.sweep)} == sweeps), None)
    named = [_named(s, sweeps) for s in members]
    curves = _curves(found, members, sweeps)
    shown = shown_curves(curves)
    along = f"along the {axis_words(trend.axis)}" if trend else "by scenario"
    which = f" of the {len(shown)} most accurate of {len(curves)}" if len(shown) < len(curves) else ""
    plots = _plots(trend_figure(trend) if trend else dots_figure(named), f"Figures {along}")
    plots += _plots(curve_figure(shown), f"Accuracy over training{which}: medians over the runs")
    numbers = origin_numbers(summary.origin for summary in found.summaries)
    failures = (failure_line(summary, numbers).plain for summary in members if summary.failures)
    notes = (*failures, *precision_lines(members, numbers))
    return Block(title, grid=summary_grid(named, numbers), plots=plots, notes=notes)


def _named(one: _Labelled, sweeps: Collection[object]) -> _Labelled:
    """By its label, which alone does not tell scenarios of several sweeps apart: then by both."""
    return replace(one, label=full_name(one.sweep, one.label)) if len(sweeps) > 1 else one


def _curves(found: Findings, members: Sequence[ScenarioSummary], sweeps: Collection[object]) -> list[Curve]:
    """Those of `members`, in their order."""
    places = {(s.suite, s.sweep, s.label, s.machine): place for place, s in enumerate(members)}
    own = [c for c in found.curves if (c.suite, c.sweep, c.label, c.machine) in places]
    own.sort(key=lambda c: places[c.suite, c.sweep, c.label, c.machine])
    return [_named(curve, sweeps) for curve in own]


def _steadiness(found: Findings) -> Iterator[Block]:
    shown, left_out = found.standings.runs, found.standings.left_out
    plots = _plots(steadiness_figure(shown), "Each run's step time against its scenario's median")
    if plots:
        earlier = f" ({count(left_out)} earlier ones are left out)" if left_out else ""
        intro = (
            f"{several(len(shown), 'run')} in the order of time{earlier}: what moves together moved with the "
            "machine. Hollow: the run is flagged."
        )
        yield Block("", intro=intro, plots=plots)


def _rivals(found: Findings) -> Iterator[Block]:
    yield from map(_rivals_block, found.rivals)
    if found.rivals_left_out:
        yield Block(
            "", intro=f"{several(found.rivals_left_out, 'more machine')}, which began earlier, left out."
        )


def _sessions_left_out(found: Findings) -> tuple[str, ...]:
    more = len(found.sessions) - MOST_SESSIONS
    return (f"The last ones; {several(more, 'earlier session')} left out.",) if more > 0 else ()


def _rivals_block(pair: Rivals) -> Block:
    sheet = comparison_sheet(pair.comparison, pair.a, pair.b)
    plots = _plots(ratio_figure(pair.comparison), "Ratios with their intervals; left of 1, B is faster")
    grid = replace(sheet_grid(sheet), notes=())
    return Block(
        f"{pair.b} against {pair.a}", intro=sheet.what, grid=grid, plots=plots, notes=sheet.sentences
    )


def _nodes(found: Findings) -> Iterator[Block]:
    for sheet in node_sheets(found.nodes):
        yield Block("", intro=sheet.what, grid=sheet_grid(sheet), notes=(node_legend(found.nodes),))
