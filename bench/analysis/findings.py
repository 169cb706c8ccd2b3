"""All that can be said of recorded sessions, in one value: what the report shows."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.analysis.curves import Curve, curves
from bench.analysis.drift import Drift, drifts
from bench.analysis.nodes import NodeTable, node_tables
from bench.analysis.rivals import Rivals, rivals
from bench.analysis.scaling import Scaling, scalings
from bench.analysis.sessions import SessionFacts, session_facts
from bench.analysis.steadiness import Standing, standings
from bench.analysis.summary import ScenarioSummary, summarise
from bench.analysis.surface import Surface, surfaces
from bench.analysis.trends import Trend, trends
from bench.records.tables import Row


@dataclass(frozen=True)
class Findings:
    """Rows of `runs` and `machines`, and what follows from them and the `epochs`."""

    runs: tuple[Row, ...]
    machines: tuple[Row, ...]
    sessions: tuple[SessionFacts, ...]
    summaries: tuple[ScenarioSummary, ...]
    trends: tuple[Trend, ...]
    curves: tuple[Curve, ...]
    surfaces: tuple[Surface, ...]
    scalings: tuple[Scaling, ...]
    nodes: tuple[NodeTable, ...]
    standings: tuple[Standing, ...]
    rivals: tuple[Rivals, ...]
    drifts: tuple[Drift, ...]


def findings(runs: Iterable[Row], epochs: Iterable[Row], machines: Iterable[Row]) -> Findings:
    """Of the rows of the three tables; each run counts once, and machines are those of its session."""
    rows = list({row["run_id"]: row for row in runs}.values())
    ids = {row["session_id"] for row in rows}
    there = [row for row in machines if row["session_id"] in ids]
    summaries = summarise(rows)
    return Findings(
        runs=tuple(rows),
        machines=tuple(there),
        sessions=tuple(session_facts(rows)),
        summaries=tuple(summaries),
        trends=tuple(trends(summaries, rows)),
        curves=tuple(curves(rows, epochs)),
        surfaces=tuple(surfaces(rows)),
        scalings=tuple(scalings(rows)),
        nodes=tuple(node_tables(rows)),
        standings=tuple(standings(rows)),
        rivals=tuple(rivals(rows, there)),
        drifts=tuple(drifts(there)),
    )
