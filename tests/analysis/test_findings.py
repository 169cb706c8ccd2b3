import datetime
from dataclasses import astuple, replace

import pytest

from bench.analysis.findings import findings
from bench.analysis.summary import summarise
from bench.records.measurement import Measurement
from bench.records.scenario import Scenario
from bench.records.tables import Identity, run_row, to_table
from tests.runs import run_table

TWICE = pytest.approx(2.0)
BEGAN = datetime.datetime(2026, 1, 31, 14, tzinfo=datetime.UTC)


def run(number, batch, rate):
    """A row of `runs` that reached its target."""
    scenario = Scenario(hidden=[50, 50], batch_size=batch, learning_rate=rate, target_accuracy=0.9)
    began = BEGAN + datetime.timedelta(minutes=number)
    where = {"session_id": "s1", "suite": "suite", "sweep": "sweep", "machine": "a machine", "node": "a node"}
    which = {"scenario_id": scenario.scenario_id, "label": f"batch_size={batch} learning_rate={rate}"}
    when = {"round": number, "order": 1, "attempt": 1, "started_at": began}
    identity = Identity(f"run-{number}", **where, **which, **when)
    return run_row(identity, scenario, number, Measurement("ok", step_seconds=1.0, target_seconds=1.0))


def epoch(row):
    return {"run_id": row["run_id"], "epoch": 1, "elapsed_seconds": 1.0, "val_accuracy": 0.5, "val_loss": 1.0}


def epochs(rows):
    return to_table("epochs", [epoch(row) for row in rows])


def probed(moment, rate, session_id="s1"):
    facts = {"session_id": session_id, "node": "a node", "probe_moment": moment}
    process = {"probe_device_kind": "cpu", "probe_cores": 2}
    return {**facts, **process, "probe_float32_flops_per_second": rate}


ROWS = [run(2 * n, batch, rate) for n, (batch, rate) in enumerate([(1, 0.1), (10, 0.1), (100, 0.2)])]
ROWS += [run(2 * n + 1, batch, 0.1) for n, batch in enumerate((1, 10))]


def test_every_analysis_takes_each_run_once_though_its_rows_come_twice_and_one_by_one():
    machines = [probed("start", 100.0), probed("end", 50.0)]
    found = findings(run_table(ROWS * 2), epochs(ROWS), iter(machines))
    assert found.summaries == tuple(summarise(run_table(ROWS)))
    assert [facts.runs for facts in found.sessions] == [5]
    assert [(trend.axis, len(trend.lines)) for trend in found.trends] == [("batch_size", 2)]
    assert [curve.runs for curve in found.curves] == [2, 2, 1]
    assert [surface.batches for surface in found.surfaces] == [(1, 10, 100)]
    assert [standing.round for standing in found.standings.runs] == [0, 1, 2, 3]
    assert [drift.change for drift in found.drifts] == [-0.5]
    assert (found.scalings, found.nodes) == ((), ())


def test_machines_are_those_of_the_sessions_that_have_runs():
    others = [probed("start", 100.0, "s2"), probed("end", 1.0, "s2")]
    found = findings(run_table(ROWS), epochs([]), [*others, probed("start", 100.0)])
    assert (found.machines, found.drifts) == ((probed("start", 100.0),), ())


def test_the_newest_session_is_told_in_full_and_all_of_them_as_blocks():
    earlier = [{**row, "run_id": f"b-{row['run_id']}", "session_id": "s0"} for row in ROWS]
    for row in earlier:
        row.update(started_at=row["started_at"] - datetime.timedelta(days=1), step_seconds=4.0)
    found = findings(run_table(earlier, ROWS), epochs([*earlier, *ROWS]), [])
    assert [facts.session_id for facts in found.sessions] == ["s0", "s1"]
    assert found.latest == {"s1"}
    assert found.summaries == tuple(summarise(run_table(ROWS)))
    assert {curve.origin.session_id for curve in found.curves} == {"s1"}
    assert {surface.origin.session_id for surface in found.surfaces} == {"s1"}
    assert [(summary.sessions, summary.step_seconds) for summary in found.pooled] == [(2, TWICE)] * 3


def test_of_nothing_nothing_follows():
    nothing = findings(run_table([]), epochs([]), [])
    assert not any(astuple(replace(nothing, standings=())))
    assert not nothing.standings.runs
