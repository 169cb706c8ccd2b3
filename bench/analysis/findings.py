"""All that can be said of recorded sessions, in one value: what the report shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from bench.analysis import comparison
from bench.analysis.columns import TABLE_COLUMNS
from bench.analysis.comparison import Comparison
from bench.analysis.contrasts import Contrast, contrasts
from bench.analysis.curves import EPOCH_COLUMNS, Curve, curves
from bench.analysis.drift import Drift, drifts
from bench.analysis.nodes import NodeTable, node_tables
from bench.analysis.rivals import rivals
from bench.analysis.scaling import Scaling, scalings
from bench.analysis.sessions import SessionFacts, latest, session_facts
from bench.analysis.steadiness import Standings, standings
from bench.analysis.summary import ScenarioSummary, summarise
from bench.analysis.surface import Surface, surfaces
from bench.analysis.trends import Trend, trends
from bench.records.run_table import RunRecord, RunTable
from bench.records.tables import Row, TableName, schema_of

REPORTED: Mapping[TableName, Sequence[str]] = {
    "runs": tuple(dict.fromkeys([*TABLE_COLUMNS, *comparison.RUN_COLUMNS, "started_at", "machines"])),
    "epochs": EPOCH_COLUMNS,
    "machines": schema_of("machines").names,
}
"""Columns that the report is made from."""
MOST_STANDINGS, MOST_FAILURES, MOST_RIVALS, MOST_LATEST = 2_000, 200, 12, 12
"""So many of each are told at most."""


@dataclass(frozen=True)
class Findings:
    """What follows from runs, their epochs and rows of `machines`; those are in `machines`.

    `summaries`, `trends`, `curves` and `surfaces` are of the `latest` sessions, told by their ids: of each
    suite the newest on each machine. All else is of all sessions, as `pooled`, which takes them as blocks.

    `contrasts` are those of each of the `latest` sessions, which are shown in full.

    `failures` are the first runs that did not end ok, of `failed` ones; `rivals_left_out` is how many
    machines are not held against the first, `flagged` how many runs have a flag.
    """

    flagged: int
    failed: int
    failures: tuple[RunRecord, ...]
    machines: tuple[Row, ...]
    sessions: tuple[SessionFacts, ...]
    latest: frozenset[str]
    contrasts: Mapping[str, tuple[Contrast, ...]]
    summaries: tuple[ScenarioSummary, ...]
    pooled: tuple[ScenarioSummary, ...]
    trends: tuple[Trend, ...]
    curves: tuple[Curve, ...]
    surfaces: tuple[Surface, ...]
    scalings: tuple[Scaling, ...]
    nodes: tuple[NodeTable, ...]
    standings: Standings
    rivals: tuple[Comparison, ...]
    rivals_left_out: int
    drifts: tuple[Drift, ...]


def findings(runs: RunTable, epochs: pa.Table, machines: Iterable[Row]) -> Findings:
    """Of the three tables; machines are those of the sessions that have runs."""
    ids = set(runs.codes("session_id").distinct())
    there = [row for row in machines if row["session_id"] in ids]
    sessions = session_facts(runs)
    newest = latest(sessions, MOST_LATEST)
    shown = runs.take(runs.codes("session_id").among(list(newest)))
    summaries = summarise(shown)
    failed = runs.rows[~runs.is_ok()]
    others, left_out = rivals(runs, there, MOST_RIVALS)
    flags = runs.codes("flags")
    return Findings(
        flagged=int((~flags.among([None, ()])).sum()),
        failed=len(failed),
        failures=tuple(runs.records(failed[:MOST_FAILURES])),
        machines=tuple(there),
        sessions=tuple(sessions),
        latest=newest,
        contrasts={
            shown.codes("session_id")[rows[0]]: tuple(contrasts(shown.take(rows)))
            for rows in shown.groups("session_id")
        },
        summaries=tuple(summaries),
        pooled=tuple(summarise(runs, pool=True)),
        trends=tuple(trends(summaries, shown)),
        curves=tuple(curves(shown, epochs)),
        surfaces=tuple(surfaces(summaries, shown)),
        scalings=tuple(scalings(runs)),
        nodes=tuple(node_tables(runs)),
        standings=standings(runs, MOST_STANDINGS),
        rivals=tuple(others),
        rivals_left_out=left_out,
        drifts=tuple(drifts(there)),
    )
