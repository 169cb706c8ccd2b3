"""What stands on the report's page: parts with tables, figures and words. How it is drawn is for `page`."""

from collections.abc import Iterator
from dataclasses import replace

from bench.analysis.comparison import Comparison
from bench.analysis.findings import Findings
from bench.views.comparison import comparison_sheet
from bench.views.format import count, several
from bench.views.nodes import node_legend, node_sheets
from bench.views.origins import origin_names, origin_numbers
from bench.views.probe import drift_lines
from bench.views.report.overviews import ratio_figure, steadiness_figure
from bench.views.report.parts import Block, Section, Tile, plots_of
from bench.views.report.suites import suites
from bench.views.report.tables import failure_grid, machine_grid, session_grid, sheet_grid
from bench.views.summary_columns import columns_of, legend

MOST_SESSIONS = 200
"""Of more, the table has the last ones."""


def tiles(found: Findings) -> Iterator[Tile]:
    """How many there are of what."""
    runs = sum(facts.runs for facts in found.sessions)
    ok = sum(facts.ok for facts in found.sessions)
    machines = {(summary.machine, summary.machine_id) for summary in found.pooled}
    scenarios = {summary.scenario_id for summary in found.pooled}
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
        *suites(found),
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


def _reading(found: Findings) -> Iterator[str]:
    yield legend({column.title for column in columns_of(found.summaries)})
    yield (
        "Every run is of fresh weights, in a process that started for its round; compilation, warm-up and "
        "validation have clocks of their own. A flagged run counts like any other and is marked: unstable "
        "(its windows scatter or drift), short-windows (the call around a window is over 1 % of it), "
        "throttled, contended (others used its cores), clocks-moved (a GPU's clock had not settled), "
        "retraced (something compiled while the clock ran), not-learning (accuracy at chance), retried (its "
        "process was lost once), implausible (a value that cannot have been measured was left out). "
        "Bars are 95 % intervals of a median, from six runs on; where a precision was asked for from seven, "
        "97 % nominal and 95 % after looking."
    )


def _steadiness(found: Findings) -> Iterator[Block]:
    shown, left_out = found.standings.runs, found.standings.left_out
    plots = plots_of(steadiness_figure(shown), "Each run's step time against its scenario's median")
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


def _rivals_block(comparison: Comparison) -> Block:
    sheet = comparison_sheet(comparison)
    plots = plots_of(ratio_figure(comparison), "Ratios with their intervals; left of 1, B is faster")
    grid = replace(sheet_grid(sheet), notes=())
    title = f"{comparison.b} against {comparison.a}"
    return Block(title, intro=sheet.what, grid=grid, plots=plots, notes=sheet.sentences)


def _nodes(found: Findings) -> Iterator[Block]:
    for sheet in node_sheets(found.nodes):
        yield Block("", intro=sheet.what, grid=sheet_grid(sheet), notes=(node_legend(found.nodes),))
