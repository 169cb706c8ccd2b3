"""The part of the page on each suite: its newest sessions in full, and its times over all sessions."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from bench.analysis.curves import Curve
from bench.analysis.findings import MOST_LATEST, Findings
from bench.analysis.summary import ScenarioSummary
from bench.views.contrasts import contrast_lines
from bench.views.format import full_name, several
from bench.views.origins import origin_names, origin_numbers
from bench.views.precision import precision_lines
from bench.views.report.curves import curve_figure, shown_curves
from bench.views.report.overviews import scaling_figure, surface_figure
from bench.views.report.panels import dots_figure, trend_figure
from bench.views.report.parts import Block, Section, plots_of
from bench.views.report.style import axis_words
from bench.views.report.tables import sheet_grid, summary_grid
from bench.views.scaling import scaling_sheets
from bench.views.scaling_words import scaling_legend
from bench.views.summary import failure_line
from bench.views.summary_columns import columns_of, legend
from bench.views.summary_head import head_lines, pooled_line
from bench.views.surface import surface_legend, surface_title

_Labelled = TypeVar("_Labelled", ScenarioSummary, Curve)


def suites(found: Findings) -> Iterator[Section]:
    """A section for each suite."""
    names = dict.fromkeys(summary.suite for summary in found.pooled)
    for number, suite in enumerate(names, start=1):
        yield Section(f"suite-{number}", suite, tuple(_suite_blocks(found, suite)))


def _suite_blocks(found: Findings, suite: str) -> Iterator[Block]:
    own = [summary for summary in found.summaries if summary.suite == suite]
    yield Block("", notes=tuple(_sessions(found, suite, own)))
    for title, members in _grouped(own):
        yield _scenarios_block(found, title, members)
    yield from _over_sessions(found, suite)
    surfaces = [surface for surface in found.surfaces if surface.suite == suite]
    for surface in surfaces:
        name = " · ".join(filter(None, (surface.sweep, surface.label)))
        yield Block(
            f"{name}: batch and learning rate",
            intro=surface_title(surface, surfaces),
            plots=plots_of(surface_figure(surface), "The greener, the sooner"),
            notes=(surface_legend([surface]).plain,),
        )
    scalings = [scaling for scaling in found.scalings if scaling.suite == suite]
    for scaling, sheet in zip(scalings, scaling_sheets(scalings), strict=True):
        plot = plots_of(scaling_figure(scaling), "Speed-up over hardware")
        notes = (scaling_legend([scaling]),)
        yield Block(sheet.name, intro=sheet.what, grid=sheet_grid(sheet), plots=plot, notes=notes)


def _sessions(found: Findings, suite: str, own: Sequence[ScenarioSummary]) -> Iterator[str]:
    """Which sessions the tables hold, and how many more there are of the suite."""
    facts = [facts for facts in found.sessions if facts.suite == suite]
    shown = [one for one in facts if one.session_id in found.latest]
    yield from head_lines(own, shown, 0, origin_numbers(summary.origin for summary in found.summaries))
    for one in shown:
        where = f"{one.session_id}: " if len(shown) > 1 else ""
        yield from (f"{where}{line}" for line in contrast_lines(found.contrasts.get(one.session_id, ())))
    if more := len(facts) - len(shown):
        each = f"each of {len(shown)} machines" if len(shown) == MOST_LATEST else "each machine"
        newest = "the newest session" if len(shown) == 1 else f"the newest session on {each}"
        yield f"Shown is {newest}; {several(more, 'more session')} of this suite count below, over sessions."


def _over_sessions(found: Findings, suite: str) -> Iterator[Block]:
    """The times of the suite's scenarios that several sessions hold, each session counting once."""
    own = [summary for summary in found.pooled if summary.suite == suite and summary.sessions > 1]
    if not own:
        return
    numbers = origin_numbers(summary.origin for summary in own)
    names = origin_names(numbers)
    yield Block(
        "Over sessions",
        intro=pooled_line([facts for facts in found.sessions if facts.suite == suite]),
        grid=summary_grid([_named(summary, own) for summary in own], numbers),
        notes=(
            *(f"on {number}: {names[origin]}" for origin, number in numbers.items()),
            legend({column.title for column in columns_of(own)}, pooled=True),
        ),
        fold=True,
    )


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
    plots = plots_of(trend_figure(trend) if trend else dots_figure(named), f"Figures {along}")
    plots += plots_of(curve_figure(shown), f"Accuracy over training{which}: medians over the runs")
    numbers = origin_numbers(summary.origin for summary in found.summaries)
    failures = (failure_line(summary, numbers).plain for summary in members if summary.failures)
    notes = (*failures, *precision_lines(members, numbers))
    return Block(title, grid=summary_grid(named, numbers), plots=plots, notes=notes)


def _named(one: _Labelled, sweeps: Collection[object]) -> _Labelled:
    """By its label, which alone does not tell scenarios of several sweeps apart: then by both."""
    return replace(one, label=full_name(one.sweep, one.label)) if len(sweeps) > 1 else one


def _curves(found: Findings, members: Sequence[ScenarioSummary], sweeps: Collection[object]) -> list[Curve]:
    """Those of `members`, in their order."""
    places = {(s.suite, s.sweep, s.label, s.origin): place for place, s in enumerate(members)}
    own = [c for c in found.curves if (c.suite, c.sweep, c.label, c.origin) in places]
    own.sort(key=lambda c: places[c.suite, c.sweep, c.label, c.origin])
    return [_named(curve, sweeps) for curve in own]
