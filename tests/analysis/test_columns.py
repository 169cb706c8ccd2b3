"""Each analysis reads the columns that it names, and no others: the commands give it just those."""

from pathlib import Path

import pytest

from bench.analysis import columns, curves, drift, forecast, nodes, overhead, scaling, summary, surface
from bench.records.store import Tables, read_sessions
from bench.records.tables import TABLE_NAMES, plain_rows, timed_rows, to_table
from tests import doctored

RESULTS = Path(__file__).parents[2] / "results"


class Watched(dict):
    """A row that notes which of its columns are asked for."""

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
    return lambda tables, chosen: analysis(plain_rows(tables.runs.select(chosen)))


def of_machines(tables, chosen):
    return drift.drifts(tables.machines.select(chosen).to_pylist())


def of_timed_runs(tables, chosen):
    machines = tables.machines.select(overhead.MACHINE_COLUMNS).to_pylist()
    return overhead.overheads(timed_rows(tables.runs.select(chosen)), machines)


def of_probes(tables, chosen):
    return overhead.overheads(timed_rows(tables.runs), tables.machines.select(chosen).to_pylist())


def of_epochs(tables, chosen):
    return curves.curves(plain_rows(tables.runs), tables.epochs.select(chosen).to_pylist())


def earlier_seconds(rows):
    return forecast.earlier_seconds(rows, None), forecast.earlier_seconds(rows, "a")


CHOSEN = {
    "summaries": ("runs", of_runs(summary.summarise), summary.RUN_COLUMNS),
    "surfaces": ("runs", of_runs(surface.surfaces), surface.RUN_COLUMNS),
    "scalings": ("runs", of_runs(scaling.scalings), scaling.RUN_COLUMNS),
    "nodes": ("runs", of_runs(nodes.node_tables), nodes.RUN_COLUMNS),
    "earlier times": ("runs", of_runs(earlier_seconds), forecast.RUN_COLUMNS),
    "overhead": ("runs", of_timed_runs, overhead.RUN_COLUMNS),
    "overhead's probes": ("machines", of_probes, overhead.MACHINE_COLUMNS),
    "drifts": ("machines", of_machines, drift.MACHINE_COLUMNS),
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
    "summaries": (summary.summarise, "runs", summary.RUN_COLUMNS),
    "surfaces": (surface.surfaces, "runs", surface.RUN_COLUMNS),
    "scalings": (scaling.scalings, "runs", scaling.RUN_COLUMNS),
    "nodes": (nodes.node_tables, "runs", nodes.RUN_COLUMNS),
    "earlier times": (earlier_seconds, "runs", forecast.RUN_COLUMNS),
    "overhead": (lambda rows: overhead.overheads(rows, ()), "runs", overhead.RUN_COLUMNS),
    "drifts": (drift.drifts, "machines", drift.MACHINE_COLUMNS),
}


@pytest.mark.parametrize(("analysis", "table", "chosen"), READ.values(), ids=READ)
def test_just_the_columns_that_are_named_are_asked_for(analysis, table, chosen):
    """Of a column that is missing some analyses make nothing, without an error."""
    found = getattr(made_up(), table)
    rows = [Watched(row) for row in (timed_rows(found) if table == "runs" else found.to_pylist())]
    asked = set()
    for row in rows:
        row.asked = asked
    assert analysis(rows)
    assert asked == set(chosen)


def test_the_summaries_at_a_session_s_end_have_the_columns_of_each():
    shown = (summary, surface, scaling, nodes)
    assert set(columns.TABLE_COLUMNS) == {name for one in shown for name in one.RUN_COLUMNS}
    assert set(columns.SUMMED_UP) == {*columns.TABLE_COLUMNS, *overhead.RUN_COLUMNS}
    assert set(columns.SUMMED_UP_MACHINES) == {*drift.MACHINE_COLUMNS, *overhead.MACHINE_COLUMNS}
