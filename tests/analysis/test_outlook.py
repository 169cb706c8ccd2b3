import pytest

from bench.analysis.outlook import Outlook
from bench.records.suite import Measure
from tests.scale.work import Lines

UP_TO_ONE_PERCENT = Measure(rounds=3, precision=0.01, max_rounds=20)


def end(outlook, scenario, times, key=None, where="a machine"):
    for step in times:
        status = "failed" if step is None else "ok"
        outlook.ended(scenario, key or scenario, where, status, step)


@pytest.fixture
def two():
    """Call with how to measure; gives the outlook of the scenarios a and b."""
    return lambda measure: Outlook(measure, {"a": ["a"], "b": ["b"]})


def test_a_count_of_rounds_never_changes_the_total(two):
    outlook = two(Measure(rounds=3))
    assert (outlook.done, outlook.total, outlook.going_on) == (0, 6, 2)
    end(outlook, "a", [1.0, None, 1.0])
    assert (outlook.done, outlook.total, outlook.going_on) == (3, 6, 1)
    assert (outlook.left("a"), outlook.left("b")) == (0, 3)
    end(outlook, "b", [1.0] * 3)
    assert (outlook.done, outlook.total, outlook.going_on) == (6, 6, 0)


def test_each_scenario_is_over_by_itself(two):
    outlook = two(UP_TO_ONE_PERCENT)
    end(outlook, "a", [1.0] * 6)
    assert (outlook.left("a"), outlook.left("b")) == (1, 7)
    end(outlook, "a", [1.0])
    assert (outlook.left("a"), outlook.going_on, outlook.total) == (0, 1, 14)
    end(outlook, "b", [1.0, 2.0] * 4)
    assert (outlook.left("b"), outlook.going_on, outlook.total) == (12, 1, 27)


def test_what_never_gives_a_time_is_over_after_the_least_number_of_rounds(two):
    outlook = two(UP_TO_ONE_PERCENT)
    end(outlook, "a", [None])
    assert outlook.left("a") == 2
    end(outlook, "a", [None, None])
    assert (outlook.left("a"), outlook.going_on) == (0, 1)


def test_the_most_rounds_are_the_last(two):
    outlook = two(UP_TO_ONE_PERCENT)
    end(outlook, "a", [1.0, 2.0] * 10)
    assert (outlook.left("a"), outlook.going_on) == (0, 1)


def test_it_goes_on_until_it_is_known_on_every_machine_that_it_ran_on(two):
    outlook = two(UP_TO_ONE_PERCENT)
    end(outlook, "a", [1.0] * 7, where="slow")
    end(outlook, "a", [0.5], where="fast")
    assert outlook.left("a") > 0


def test_no_node_goes_on_without_the_others():
    outlook = Outlook(UP_TO_ONE_PERCENT, {"a": ["a-1", "a-2"]})
    assert outlook.total == 14
    end(outlook, "a", [1.0] * 7, key="a-1")
    # The other node is still in its first round.
    assert (outlook.left("a"), outlook.total) == (7, 14)
    end(outlook, "a", [1.0] * 6 + [1.5], key="a-2")
    assert outlook.left("a") % 2 == 0
    assert (outlook.left("a") > 0, outlook.going_on) == (True, 1)


def test_more_runs_than_were_expected_are_still_no_more_than_all(two):
    outlook = two(Measure(rounds=1))
    end(outlook, "a", [1.0, 1.0])
    assert (outlook.done, outlook.total) == (2, 3)


def test_what_a_run_that_ends_costs_does_not_grow_with_the_nodes():
    few, many = lines_of_a_run(10), lines_of_a_run(200)
    assert many < 1.1 * few


def lines_of_a_run(nodes):
    """Of a scenario whose step times scatter, on each of so many nodes: all are forecast, none is precise."""
    outlook = Outlook(UP_TO_ONE_PERCENT, {"a": [f"a-{node}" for node in range(nodes)]})
    with Lines() as lines:
        for step in (1.0, 2.0) * 4:
            for node in range(nodes):
                outlook.ended("a", f"a-{node}", f"node {node}", "ok", step)
    assert outlook.left("a") == 12 * nodes
    return lines.total / outlook.done
