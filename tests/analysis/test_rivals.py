import datetime

import pytest

from bench.analysis import rivals as rivalry
from tests.runs import run_table


def rivals(rows, machines, most=9):
    return rivalry.rivals(run_table(rows), machines, most)[0]


BEGAN = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)


def runs(machine, step, hour=0, scenario_id="s1", rounds=4, **columns):
    """Rows of `runs` of one scenario on one machine, which began at that hour; all rounds take the same."""
    row = {
        "session_id": machine,
        "scenario_id": scenario_id,
        "suite": "a suite",
        "sweep": "a sweep",
        "label": scenario_id,
        "status": "ok",
        "machine": machine,
        "hidden": [50, 50],
        "dataset": "mnist",
        "batch_size": 100,
        "step_seconds": step,
        "started_at": BEGAN + datetime.timedelta(hours=hour),
        **columns,
    }
    numbers = range(1, rounds + 1)
    return [{**row, "run_id": f"{machine}-{scenario_id}-{n}", "round": n} for n in numbers]


def test_each_other_machine_stands_against_the_one_that_began_first():
    rows = [*runs("late", 1.0, hour=2), *runs("first", 2.0, hour=0), *runs("later", 3.0, hour=1)]
    found = {(pair.a, pair.b): pair.scenarios[0] for pair in rivals(rows, [])}
    assert {key: (one.ratio, one.verdict) for key, one in found.items()} == {
        ("first", "later"): (pytest.approx(1.5), "no verdict"),
        ("first", "late"): (pytest.approx(0.5), "no verdict"),
    }


def test_published_results_say_no_time_and_come_first():
    rows = [*runs("own", 1.0), *runs("published", 2.0, started_at=None)]
    assert [(pair.a, pair.b) for pair in rivals(rows, [])] == [("published", "own")]


def test_a_machine_without_a_scenario_of_the_first_is_left_out():
    rows = [*runs("a", 1.0), *runs("b", 1.0, hour=1, scenario_id="s2", hidden=[9], batch_size=7)]
    assert rivals(rows, []) == []


def test_one_machine_or_none_has_no_rival():
    assert rivals(runs("a", 1.0), []) == rivals(runs(None, 1.0), []) == rivals([], []) == []


def test_what_differs_between_the_machines_is_told():
    facts = [
        {"session_id": name, "machine": name, "machine_id": name, "memory_bytes": size}
        for name, size in (("a", 1), ("b", 2))
    ]
    (pair,) = rivals([*runs("a", 1.0, machine_id="a"), *runs("b", 2.0, hour=1, machine_id="b")], facts)
    assert "memory_bytes" in {difference.name for difference in pair.differences}


def test_a_machine_with_other_software_is_another_one():
    before = runs("a", 1.0, software_id="11112222")
    after = runs("a", 1.2, hour=5, session_id="later", run_id=None, software_id="33334444")
    after = [{**row, "run_id": f"later-{n}"} for n, row in enumerate(after)]
    (pair,) = rivals([*before, *after], [])
    assert (pair.a, pair.b) == ("a, software 11112222", "a, software 33334444")
    assert pair.scenarios[0].ratio == pytest.approx(1.2)


def test_the_same_run_twice_counts_once():
    rows = [*runs("a", 1.0), *runs("b", 2.0, hour=1)]
    (pair,) = rivals(rows * 2, [])
    assert pair.scenarios[0].a.runs == 4
