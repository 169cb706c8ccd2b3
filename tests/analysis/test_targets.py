import math

import numpy as np
import pytest

from bench.analysis.pairing import scenarios
from bench.analysis.seeds import BySeed, SeedRuns
from bench.analysis.targets import fisher_p, mcnemar_p, target_comparisons, target_ratios
from tests.runs import run_table

STEPS = np.array([1500, 2000, 1500, 2000, 2500, 2000, 1500])


def only(a, b, first=0):
    sides = (
        BySeed(np.arange(len(a)), np.array(a, float)),
        BySeed(first + np.arange(len(b)), np.array(b, float)),
    )
    [found] = target_ratios([sides], 0.95)
    return found


def test_as_many_steps_are_the_same_and_twice_as_many_are_slower():
    same, twice = only(STEPS, STEPS), only(STEPS, 2 * STEPS)
    assert (same.verdict, same.ratio, same.low, same.high) == ("same", 1, 1, 1)
    assert (twice.verdict, twice.ratio, twice.p) == ("slower", pytest.approx(2), 2 / 128)
    assert only(2 * STEPS, STEPS).verdict == "faster"


def test_a_side_that_misses_where_the_other_does_not_is_slower():
    found = only(STEPS, [math.inf] * 7)
    assert (found.verdict, found.ratio, found.low) == ("slower", math.inf, math.inf)


def test_seeds_that_miss_on_both_sides_are_left_out_and_counted():
    found = only([*STEPS, math.inf], [*(2 * STEPS), math.inf])
    assert (found.verdict, found.pairs, found.both_missed) == ("slower", 7, 1)
    never = only([math.inf] * 7, [math.inf] * 7)
    assert (never.verdict, never.ratio, never.reason) == ("unclear", None, "neither side reached it")


def test_five_seeds_are_too_few():
    found = only(STEPS[:5], 2 * STEPS[:5])
    assert (found.verdict, found.ratio, found.low, found.p) == ("unclear", pytest.approx(2), None, None)
    assert found.reason == "reached with 5 common seeds, 6 needed"
    assert only(STEPS, STEPS, first=50).reason == "no seed in common"


def test_verdicts_hold_for_the_number_of_scenarios():
    """With seven seeds p is 2/128 at best: enough for three scenarios with one that differs, not for four."""
    a, b = (BySeed(np.arange(7), STEPS * float(by)) for by in (1, 2))
    found, *_ = target_ratios([(a, b), (a, a), (a, a)], 0.95)
    assert (found.verdict, found.q) == ("slower", 6 / 128)
    lost, *_ = target_ratios([(a, b), (a, a), (a, a), (a, a)], 0.95)
    assert (lost.verdict, lost.reason) == (
        "unclear",
        "past the margin alone, but not sure among 4 scenarios",
    )


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"), [(3, 0, 0.25), (0, 0, 1), (10, 2, 0.03857421875), (6, 0, 2 / 64)]
)
def test_mcnemars_exact_test(only_a, only_b, p):
    """scipy.stats.binomtest of the one count in their sum."""
    assert mcnemar_p(only_a, only_b) == pytest.approx(p)


@pytest.mark.parametrize(
    ("counts", "p"),
    [((7, 10, 10, 10), 0.21052631578947), ((3, 4, 1, 4), 0.48571428571428), ((0, 5, 0, 5), 1)],
)
def test_fishers_exact_test(counts, p):
    """scipy.stats.fisher_exact; the second is Fisher's own, of the lady tasting tea."""
    assert fisher_p(*counts) == pytest.approx(p)


def test_how_often_the_target_is_reached_goes_by_the_seeds_that_were_tested(scenario_runs):
    """B misses with all eight seeds that both have; by its runs of others it reaches it more often than A."""

    def side(reached, scenario_id):
        runs = scenario_runs([1.0] * len(reached), scenario_id, target_accuracy=0.9)
        seeds, seconds = zip(*reached, strict=True)
        runs = runs.assign(seed=seeds, target_seconds=seconds, target_epoch=[one and 1 for one in seconds])
        [scenario] = scenarios(run_table(runs))
        return SeedRuns(scenario)

    a = side([(seed, 1.0) for seed in range(8)] + [(9, None)] * 20, "a")
    b = side([(seed, None) for seed in range(8)] + [(9, None)] * 1, "b")
    [found] = target_comparisons([0.9], [(a, b)], 0.95)
    assert (found.reach, found.reach_p) == ("less often", pytest.approx(2 / 2**8))
    [turned] = target_comparisons([0.9], [(b, a)], 0.95)
    assert turned.reach == "more often"
    many = side([(seed, None) for seed in range(8)] + [(seed, 1.0) for seed in range(100, 120)], "b")
    [other] = target_comparisons([0.9], [(a, many)], 0.95)
    assert other.b.reached / other.b.runs > other.a.reached / other.a.runs
    assert other.reach == "less often"
