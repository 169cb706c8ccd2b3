"""Each analysis reads the columns that it names, and no others: the commands give it just those."""

import dataclasses
from pathlib import Path

import pytest

from bench.analysis import (
    columns,
    comparison,
    curves,
    drift,
    findings,
    forecast,
    nodes,
    overhead,
    scaling,
    sessions,
    summary,
    surface,
)
from bench.analysis.sides import Side
from bench.records.run_table import RunTable
from bench.records.store import Tables, read_sessions
from bench.records.tables import TABLE_NAMES, to_table
from tests import doctored

RESULTS = Path(__file__).parents[2] / "results"


class Watched(RunTable):
    """Runs that note which of their columns are asked for."""

    def __init__(self, table):
        super().__init__(table)
        self.asked = {"run_id"}

    def _column(self, name):
        self.asked.add(name)
        return super()._column(name)


class WatchedRow(dict):
    """A row of `machines` that does."""

    asked: set

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


def made_up():
    """A session with something for every view, and runs that failed, had no machine, or tell less of it."""
    content = doctored.content()
    content.runs[0].update(status="failed", error="OSError: no")
    content.runs[1].update(status="infeasible", machine=None, nodes=None)
    content.runs[2].update(batch_size=None, batch_per_replica=100)
    content.runs[12].update(nodes=None)
    return Tables(**{name: to_table(name, getattr(content, name)) for name in TABLE_NAMES})


def published():
    return read_sessions([str(RESULTS)])


def of_runs(analysis):
    return lambda tables, chosen: analysis(RunTable(tables.runs.select(chosen)))


def of_machines(tables, chosen):
    return drift.drifts(tables.machines.select(chosen).to_pylist())


def of_slots(tables, chosen):
    machines = tables.machines.select(overhead.MACHINE_COLUMNS).to_pylist()
    return overhead.overheads(RunTable(tables.runs.select(chosen)), machines)


def of_probes(tables, chosen):
    return overhead.overheads(RunTable(tables.runs), tables.machines.select(chosen).to_pylist())


def of_epochs(tables, chosen):
    return curves.curves(RunTable(tables.runs), tables.epochs.select(chosen))


def surfaces(runs):
    return surface.surfaces(summary.summarise(runs), runs)


def compared(runs):
    first = runs.numbers("round").values == 1
    return comparison.compare(Side("a", runs.take(first)), [Side("b", runs.take(~first))])


def earlier_seconds(runs):
    return forecast.earlier_seconds(runs, None), forecast.earlier_seconds(runs, "a")


def reported(tables, chosen):
    found = findings.findings(
        RunTable(tables.runs.select(chosen)), tables.epochs, tables.machines.to_pylist()
    )
    return dataclasses.asdict(found)


SURFACES = tuple(dict.fromkeys([*summary.RUN_COLUMNS, *surface.RUN_COLUMNS]))
CHOSEN = {
    "summaries": ("runs", of_runs(summary.summarise), summary.RUN_COLUMNS),
    "surfaces": ("runs", of_runs(surfaces), SURFACES),
    "scalings": ("runs", of_runs(scaling.scalings), scaling.RUN_COLUMNS),
    "nodes": ("runs", of_runs(nodes.node_tables), nodes.RUN_COLUMNS),
    "earlier times": ("runs", of_runs(earlier_seconds), forecast.RUN_COLUMNS),
    "overhead": ("runs", of_slots, overhead.RUN_COLUMNS),
    "overhead's probes": ("machines", of_probes, overhead.MACHINE_COLUMNS),
    "drifts": ("machines", of_machines, drift.MACHINE_COLUMNS),
    "comparisons": ("runs", of_runs(compared), comparison.RUN_COLUMNS),
    "the report": ("runs", reported, findings.REPORTED["runs"]),
    "curves": ("epochs", of_epochs, curves.EPOCH_COLUMNS),
}


@pytest.mark.parametrize("tables", [made_up, published])
@pytest.mark.parametrize(("table", "analysis", "chosen"), CHOSEN.values(), ids=CHOSEN)
def test_what_comes_of_the_columns_that_are_read_is_what_comes_of_all(tables, table, analysis, chosen):
    tables = tables()
    found = analysis(tables, chosen)
    assert found == analysis(tables, getattr(tables, table).schema.names)
    assert found or tables is not made_up


READ = {
    "summaries": (summary.summarise, summary.RUN_COLUMNS),
    "surfaces": (surfaces, SURFACES),
    "scalings": (scaling.scalings, scaling.RUN_COLUMNS),
    "nodes": (nodes.node_tables, nodes.RUN_COLUMNS),
    "earlier times": (earlier_seconds, forecast.RUN_COLUMNS),
    "overhead": (lambda runs: overhead.overheads(runs, ()), overhead.RUN_COLUMNS),
}


@pytest.mark.parametrize(("analysis", "chosen"), READ.values(), ids=READ)
def test_just_the_columns_that_are_named_are_asked_for(analysis, chosen):
    """Of a column that is missing most analyses make nothing, without an error."""
    runs = Watched(made_up().runs)
    assert analysis(runs)
    assert runs.asked == {"run_id", *chosen}


def test_just_the_columns_of_machines_that_are_named_are_asked_for():
    rows, asked = [WatchedRow(row) for row in made_up().machines.to_pylist()], set()
    for row in rows:
        row.asked = asked
    assert drift.drifts(rows)
    assert asked == set(drift.MACHINE_COLUMNS)


def test_the_summaries_at_a_session_s_end_have_the_columns_of_each():
    shown = (summary, sessions, surface, scaling, nodes)
    assert set(columns.TABLE_COLUMNS) == {name for one in shown for name in one.RUN_COLUMNS}
    assert set(columns.OF_ONE_SESSION) == {*columns.TABLE_COLUMNS, *comparison.RUN_COLUMNS}
    assert set(columns.SUMMED_UP) == {*columns.OF_ONE_SESSION, *overhead.RUN_COLUMNS}
    assert set(columns.SUMMED_UP_MACHINES) == {*drift.MACHINE_COLUMNS, *overhead.MACHINE_COLUMNS}
