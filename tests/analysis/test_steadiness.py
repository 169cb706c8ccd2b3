import datetime
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import steadiness
from bench.analysis.statistics import median
from bench.analysis.steadiness import Standing
from tests.runs import run_table


def standings(rows, most=1000):
    return list(steadiness.standings(run_table(rows), most).runs)


NUMBERS = itertools.count(1)


def at(minute):
    return datetime.datetime(2026, 1, 31, 14, minute, tzinfo=datetime.UTC)


def runs(*steps, **columns):
    """Rows of `runs`: one per time of a step, of one scenario, a minute apart."""
    return [
        {
            "run_id": f"run-{next(NUMBERS)}",
            "session_id": "session",
            "scenario_id": "s1",
            "sweep": "sweep",
            "label": "label",
            "machine": "a machine",
            "node": "a node",
            "round": number,
            "status": "ok",
            "flags": [],
            "started_at": at(number),
            "step_seconds": step,
            **columns,
        }
        for number, step in enumerate(steps, start=1)
    ]


def ratios(rows):
    return [standing.ratio for standing in standings(rows)]


def test_each_run_stands_against_the_median_of_its_scenario():
    assert ratios(runs(2.0, 4.0, 1.0)) == [1.0, 2.0, 0.5]
    assert ratios(runs(1.0, 3.0)) == [0.5, 1.5]


def test_a_standing_tells_which_run_it_was():
    found = standings(runs(1.0, 1.0, flags=["unstable"]))[1]
    assert found == Standing("sweep", "label", "a machine", "a node", 2, at(2), 1.0, ("unstable",))


def test_what_a_row_does_not_tell_is_empty():
    found = standings(runs(1.0, 1.0, machine=None, node=None, flags=None))[0]
    assert (found.machine, found.node, found.flags) == ("", "", ())


def test_they_come_in_the_order_in_which_they_began_whatever_their_scenario():
    rows = runs(1.0, 3.0) + [
        {**row, "started_at": row["started_at"] + datetime.timedelta(seconds=30)}
        for row in runs(10.0, 20.0, 30.0, scenario_id="s2")
    ]
    assert ratios(reversed(rows)) == [0.5, 0.5, 1.5, 1.0, 1.5]


@pytest.mark.parametrize("name", ["session_id", "scenario_id", "machine"])
def test_sessions_scenarios_and_machines_have_medians_of_their_own(name):
    assert ratios(runs(1.0, 3.0) + runs(10.0, 30.0, **{name: "another"})) == [0.5, 0.5, 1.5, 1.5]
    assert ratios(runs(1.0) + runs(10.0, **{name: "another"})) == []


def test_a_lone_run_has_nothing_to_stand_against():
    assert ratios(runs(1.0)) == ratios([]) == []


@pytest.mark.parametrize(
    "other",
    [{"status": "diverged"}, {"step_seconds": None}, {"step_seconds": 0.0}, {"started_at": None}],
)
def test_what_did_not_end_ok_or_says_no_time_is_left_out_of_the_median_too(other):
    left_out = [{**row, **other} for row in runs(9.0)]
    assert ratios(left_out + runs(1.0, 3.0)) == [0.5, 1.5]
    assert ratios(left_out + runs(1.0)) == []


def test_a_run_in_two_folders_counts_once():
    rows = runs(1.0, 3.0)
    assert ratios(rows + rows) == [0.5, 1.5]
    assert ratios(rows[:1] * 2) == []


def test_an_endless_step_is_endlessly_slower():
    assert ratios(runs(1.0, 2.0, math.inf)) == [0.5, 1.0, math.inf]


@given(st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=8), st.sampled_from((0.25, 4.0)))
def test_the_median_standing_is_one_however_long_the_steps(steps, times):
    found = ratios(runs(*steps))
    assert median(found) == pytest.approx(1.0)
    assert found == pytest.approx(ratios(runs(*(step * times for step in steps))))
