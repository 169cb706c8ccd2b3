"""What a session's driver does for a run does not grow with the runs that wait, nor with the nodes there are.

And its schedules end soon after the earliest moment at which any could. By a pool and a clock that are
simulated, with some hundred runs; `python -m tests.scale` has a thousand slots.
"""

import dataclasses
import os
import sys

import pytest

from bench.records.store import read_sessions
from tests.scale.cases import Case, bound_of, cases, nodes_of, suite_of
from tests.scale.pool import EVENTS_OF_A_RUN
from tests.scale.simulate import simulate
from tests.scale.work import Lines

ALIKE = Case(scenarios=100, rounds=1, nodes=16)
MIXED = dataclasses.replace(ALIKE, mixed=True)
ON_FEW_NODES = {"nodes": 2, "cores": 8}


@pytest.fixture(autouse=True)
def without_waits_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _file: None)


def lines_of_a_run(case, folder):
    with Lines() as lines:
        figures = simulate(case, folder)
    assert figures.recorded == case.runs
    return lines.total / case.runs


@pytest.mark.parametrize("case", [ALIKE, MIXED, dataclasses.replace(ALIKE, **ON_FEW_NODES, rounds=3)])
def test_all_that_happens_is_heard_once_and_recorded(case, tmp_path):
    figures = simulate(case, tmp_path / "s")
    assert figures.submitted == figures.recorded == case.runs
    assert figures.events == case.runs * EVENTS_OF_A_RUN + figures.opened
    tables = read_sessions([str(tmp_path / "s")])
    assert len(set(tables.runs["run_id"].to_pylist())) == tables.runs.num_rows == case.runs
    assert set(tables.runs["status"].to_pylist()) == {"ok"}
    assert tables.epochs.num_rows == 5 * case.runs


def test_slots_of_runs_that_are_alike_are_opened_once(tmp_path):
    case = dataclasses.replace(ALIKE, rounds=3)
    assert simulate(case, tmp_path / "s").opened == case.slots


@pytest.mark.parametrize("order", ["shuffled", "longest first"])
@pytest.mark.parametrize("kind", [ALIKE, MIXED], ids=["alike", "mixed"])
def test_the_work_for_a_run_does_not_grow_with_how_many_wait(kind, order, tmp_path):
    few, many = (
        lines_of_a_run(dataclasses.replace(kind, scenarios=scenarios, order=order), tmp_path / str(scenarios))
        for scenarios in (100, 400)
    )
    assert many < 1.1 * few


@pytest.mark.parametrize("order", ["shuffled", "longest first"])
@pytest.mark.parametrize("kind", [ALIKE, MIXED], ids=["alike", "mixed"])
def test_nor_with_the_nodes(kind, order, tmp_path):
    """Of many nodes, most have their first slot opened in so short a session: that is what it may cost."""
    few, many = (
        lines_of_a_run(
            dataclasses.replace(kind, scenarios=200, nodes=nodes, order=order), tmp_path / str(nodes)
        )
        for nodes in (20, 160)
    )
    assert many < 1.2 * few


@pytest.mark.parametrize("order", ["shuffled", "longest first"])
def test_gangs_among_single_runs_cost_little_more_than_single_runs_alone(order, tmp_path):
    alike, mixed = (
        lines_of_a_run(dataclasses.replace(kind, scenarios=200, order=order), tmp_path / str(kind.mixed))
        for kind in (ALIKE, MIXED)
    )
    assert mixed < 2.5 * alike


@pytest.mark.parametrize(
    ("few", "many"),
    [
        ({"scenarios": 10, "rounds": 12, "nodes": 8}, {"scenarios": 40, "rounds": 12, "nodes": 8}),
        ({"nodes": 10, "every_node": True}, {"nodes": 40, "every_node": True}),
        (
            {"nodes": 10, "every_node": True, "precision": None},
            {"nodes": 80, "every_node": True, "precision": None},
        ),
    ],
    ids=["scenarios", "every-node", "every-node-so-many-rounds"],
)
def test_nor_does_what_is_told_and_forecast_of_it_up_to_a_precision(few, many, tmp_path):
    precise = Case(scenarios=2, rounds=7, precision=0.01, watched=True)
    few, many = (
        lines_of_a_run(dataclasses.replace(precise, **of), tmp_path / name)
        for name, of in (("few", few), ("many", many))
    )
    assert many < 1.1 * few


@pytest.mark.parametrize(
    ("scenarios", "lengths", "order", "over"),
    [
        (40, "log-uniform", "shuffled", 0.02),
        (40, "log-uniform", "longest first", 0.02),
        (40, "lognormal", "shuffled", 0.09),
        (40, "lognormal", "longest first", 0.02),
        (160, "log-uniform", "shuffled", 0.005),
        (160, "log-uniform", "longest first", 0.005),
        (160, "lognormal", "shuffled", 0.008),
        (160, "lognormal", "longest first", 0.005),
    ],
)
def test_rounds_end_soon_after_the_bound(scenarios, order, over, lengths, tmp_path):
    case = Case(scenarios, rounds=10, nodes=40, lengths=lengths, order=order)
    assert 0 <= simulate(case, tmp_path / "s").over_bound <= over


@pytest.mark.parametrize(("order", "over"), [("shuffled", 0.12), ("longest first", 0.03)])
@pytest.mark.parametrize("cluster", [{"nodes": 40}, {"nodes": 5, "cores": 8}], ids=["40x1", "5x8"])
def test_gangs_among_single_runs_leave_few_slots_free(cluster, order, over, tmp_path):
    case = Case(160, rounds=3, mixed=True, order=order, **cluster)
    assert 0 <= simulate(case, tmp_path / "s").over_bound <= over


class TestSimulation:
    """That what is simulated is what was said."""

    def test_cases_have_names_of_their_own(self):
        names = [case.name for case in cases()]
        assert len(set(names)) == len(names)

    def test_lengths_lie_within_their_spread_and_are_the_same_again(self):
        for lengths in ("log-uniform", "lognormal"):
            case = dataclasses.replace(ALIKE, scenarios=500, lengths=lengths)
            _, seconds = suite_of(case)
            assert min(seconds.values()) >= 10.0
            assert 400.0 < max(seconds.values()) <= 500.0
            assert suite_of(case)[1] == seconds
            assert suite_of(dataclasses.replace(case, seed=1))[1] != seconds

    def test_gangs_are_a_part_of_those_mixed(self):
        suite, _ = suite_of(dataclasses.replace(MIXED, scenarios=500))
        workers = [point.scenario.workers for point in suite.points]
        assert set(workers) == {1, 2, 3, 4, 5, 6, 7, 8}
        assert 50 < sum(number > 1 for number in workers) < 150

    def test_the_bound_is_that_of_the_work_or_of_the_longest_run(self):
        case = Case(scenarios=2, rounds=3, nodes=2, cores=2)
        suite, seconds = suite_of(case)
        assert len(nodes_of(case)) == 2
        lengths = dict.fromkeys(seconds, 10.0)
        assert bound_of(case, suite, lengths) == 2 * 3 * 10.0 / 4
        lengths[suite.points[0].scenario.scenario_id] = 100.0
        assert bound_of(dataclasses.replace(case, rounds=1), suite, lengths) == 100.0

    def test_lines_are_counted_by_file(self, tmp_path):
        with Lines() as lines:
            simulate(dataclasses.replace(ALIKE, scenarios=2, nodes=1), tmp_path / "s")
        assert sys.gettrace() is None
        assert lines.by_file["records/journal.py"] > 10
        assert not any(name.startswith("/") for name in lines.by_file)
