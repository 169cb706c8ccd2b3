import math

import pandas as pd
import pytest

from bench.analysis import pairing
from bench.analysis.quality import compare_quality
from tests.runs import run_table

VAL = [0.9712, 0.9698, 0.9705, 0.9721, 0.9700, 0.9693, 0.9710]


@pytest.fixture
def trained(scenario_runs):
    """Runs of the seeds from 0 on, one per accuracy; None is a run that told none."""

    def rows(val=VAL, scenario_id="s1", seeds=None, test=None, epochs_to=None, seconds=None, **changes):
        frame = scenario_runs([1.0] * len(val), scenario_id, **changes)
        return frame.assign(
            seed=list(range(len(val)) if seeds is None else seeds),
            val_accuracy=val,
            test_accuracy=val if test is None else test,
            target_epoch=pd.Series(epochs_to or [None] * len(val), dtype=object),
            target_seconds=pd.Series(seconds or epochs_to or [None] * len(val), dtype=object),
        )

    return rows


def quality(a, b, **options):
    sides = (pairing.scenarios(run_table(*(side if isinstance(side, list) else [side]))) for side in (a, b))
    return compare_quality(pairing.pair(*sides).pairs, **options)


def only(a, b, **options):
    [found] = quality(a, b, **options).scenarios
    return found


def lower(values, by=0.003):
    return [value - by - 0.0001 * (place % 2) for place, value in enumerate(values)]


def test_a_loss_is_found_in_validation_and_in_test(trained):
    found = only(trained(), trained(lower(VAL), test=VAL, loop="fit"))
    assert (found.accuracy.verdict, found.accuracy.pairs) == ("worse", 7)
    assert found.accuracy.difference == pytest.approx(-0.003 - 0.0003 / 7)
    assert (found.test.verdict, found.label, found.target) == ("same", "s1", None)


def test_runs_of_one_seed_are_one(trained):
    """The same seven seeds in three sessions are seven, not 21: nothing is surer for a copy."""
    again = [trained(lower(VAL)).assign(session_id=name) for name in "abc"]
    one, three = only(trained(), trained(lower(VAL))), only(trained(), again)
    assert three.accuracy == one.accuracy
    assert three.b.runs == 21


def test_a_run_that_diverged_counts_as_guessing(trained):
    status = ["ok"] * 6 + ["diverged"]
    found = only(trained(), trained([*VAL[:-1], math.nan], status=status))
    assert (found.b.runs, found.b.ok, found.b.diverged, found.b.failed) == (7, 6, 1, 0)
    assert found.accuracy.difference == pytest.approx((0.1 - VAL[-1]) / 7)
    assert found.accuracy.verdict == "unclear"
    gone = only(trained(), trained([None] * 7, status=["diverged"] * 7))
    assert (gone.accuracy.verdict, gone.accuracy.accuracy_b) == ("worse", pytest.approx(0.1))


def test_a_run_that_failed_is_counted_and_gives_no_accuracy(trained):
    found = only(trained(), trained(VAL, status=["ok"] * 5 + ["lost", "oom_device"]))
    assert (found.b.failed, found.accuracy.pairs, found.accuracy.verdict) == (2, 5, "same")


def test_a_run_that_was_cancelled_is_nothing_of_the_sides(trained):
    found = only(trained(), trained(VAL, status=["ok"] * 5 + ["cancelled", "infeasible"]))
    assert (found.b.runs, found.b.failed) == (5, 0)


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ({}, {"dataset_sha256": "cd"}, "the data differ (dataset_sha256)"),
        ({}, {"val": [None] * 7}, "none recorded in B"),
        ({"val": [None] * 7}, {"val": [None] * 7}, "none recorded"),
        ({}, {"epochs": 6}, "the epochs differ (5 and 6)"),
    ],
)
def test_what_cannot_be_compared_says_why(trained, a, b, reason):
    found = only(trained(**a), trained(**b))
    assert (found.accuracy.verdict, found.accuracy.difference, found.accuracy.reason) == (None, None, reason)


def test_other_data_are_compared_on_demand(trained):
    assert only(trained(), trained(dataset_sha256="cd"), force=True).accuracy.verdict == "same"


def test_without_seeds_runs_are_compared_unpaired(trained):
    unknown = trained(seeds=[None] * 7)
    found = only(unknown, unknown.assign(val_accuracy=lower(VAL, 0.02)))
    assert (found.accuracy.verdict, found.accuracy.pairs, found.accuracy.seeds_a) == ("worse", 0, 7)


def test_a_published_figure_has_no_spread(trained):
    found = only(trained([0.9773], seeds=[None]), trained())
    assert found.accuracy.difference == pytest.approx(0.9705 - 0.9773)
    assert (found.accuracy.verdict, found.accuracy.low) == ("unclear", None)


def test_steps_to_the_target_are_epochs_times_steps_of_one(trained):
    """500 steps an epoch at a batch of 100: 2 epochs against 4, and seconds that say otherwise."""
    goal = {"target_accuracy": 0.96}
    a = trained(epochs_to=[2] * 7, seconds=[8.0] * 7, **goal)
    b = trained(epochs_to=[4] * 7, seconds=[4.0] * 7, **goal)
    target = only(a, b).target
    assert target.target_accuracy == 0.96
    assert (target.steps.ratio, target.seconds.ratio) == pytest.approx((2, 0.5))
    assert (target.steps.verdict, target.seconds.verdict) == ("slower", "faster")
    assert (target.a.reached, target.a.runs, target.reach_p) == (7, 7, 1)


def test_misses_and_failures_are_runs_that_did_not_reach_it(trained):
    goal = {"target_accuracy": 0.96}
    a = trained(epochs_to=[2] * 7, **goal)
    b = trained(epochs_to=[2, None, None, None, None, None, 2], status=["ok"] * 6 + ["lost"], **goal)
    target = only(a, b).target
    assert (target.b.reached, target.b.runs) == (1, 7)
    assert target.reach_p == target.reach_q == pytest.approx(2 / 64)
    assert target.reach == "less often"
    assert (target.steps.ratio, target.steps.high) == (math.inf, math.inf)


def test_reach_of_other_seeds_is_fishers(trained):
    goal = {"target_accuracy": 0.96, "val": [0.97] * 10}
    a = trained(epochs_to=[2] * 10, **goal)
    b = trained(epochs_to=[2] * 7 + [None] * 3, seeds=range(20, 30), **goal)
    target = only(a, b).target
    assert (target.reach_p, target.reach) == (pytest.approx(0.21052631578947), "unclear")
    assert target.steps.reason == "no seed in common"


def test_another_target_is_not_compared(trained):
    a, b = (trained(scenario_id=name, target_accuracy=goal) for name, goal in (("s1", 0.96), ("s2", 0.97)))
    assert only(a, b).target is None


def test_the_mean_over_scenarios_takes_a_seed_as_one_block(trained):
    """Two scenarios that move in opposite ways with the seed: their mean is the same in each."""
    up = [0.0001 * place for place in range(7)]
    a = [trained(scenario_id=name, hidden=[number]) for number, name in enumerate(("s1", "s2"), start=1)]
    b = [
        trained([value + sign * by for value, by in zip(VAL, up, strict=True)], name, hidden=[number])
        for number, (name, sign) in enumerate((("s1", 1), ("s2", -1)), start=1)
    ]
    found = quality(a, b)
    assert (found.overall.verdict, found.overall.pairs) == ("same", 7)
    assert found.overall.difference == pytest.approx(0, abs=1e-12)
    assert found.overall.high < found.scenarios[0].accuracy.high
    assert found.worse.difference is None


def test_the_mean_of_those_that_lost(trained):
    a = [trained(scenario_id=f"s{n}", hidden=[n]) for n in (1, 2, 3)]
    b = [trained(lower(VAL, by), f"s{n}", hidden=[n]) for n, by in ((1, 0.003), (2, 0.005), (3, 0))]
    found = quality(a, b)
    assert [one.accuracy.verdict for one in found.scenarios] == ["worse", "worse", "same"]
    assert found.worse.difference == pytest.approx(-0.004 - 0.0003 / 7)
    assert found.better.difference is None


def test_nothing_to_compare_is_no_error():
    found = compare_quality([])
    assert (found.scenarios, found.overall.difference) == ((), None)
