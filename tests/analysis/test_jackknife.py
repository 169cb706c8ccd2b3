import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis import jackknife
from bench.analysis.jackknife import (
    Sample,
    mean_of_paired_sessions,
    mean_of_rounds,
    mean_of_sessions,
    numbered,
)


def strata(a, b):
    return [(Sample(np.array(a), np.arange(len(a))), Sample(np.array(b), np.arange(len(b))))]


def test_of_single_scenarios_it_is_welchs_t_on_session_means():
    a = {name: value for name, value in zip("abcd", (0.1, 0.2, 0.4, 0.3), strict=True)}
    b = {name: value for name, value in zip("efghi", (0.9, 0.2, 1.4, 0.6, 0.5), strict=True)}
    found = mean_of_sessions([(a, b)], 0.95, 0.0)
    known = stats.ttest_ind(list(b.values()), list(a.values()), equal_var=False)
    interval = known.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((interval.low, interval.high, known.pvalue))


def test_a_mood_that_all_scenarios_of_a_session_share_does_not_average_out():
    moods = dict(zip("abcd", (0.0, 0.01, 0.02, 0.03), strict=True))
    others = {f"{name}2": value for name, value in moods.items()}
    one, hundred = (mean_of_sessions([(moods, others)] * many, 0.95, 0.01) for many in (1, 100))
    assert (one.low, one.high) == pytest.approx((hundred.low, hundred.high))


def test_of_shared_sessions_it_is_the_paired_t():
    differences = dict(zip("abcde", (0.1, 0.2, 0.15, 0.1, 0.3), strict=True))
    found = mean_of_paired_sessions([differences], 0.95, 0.0)
    interval = stats.ttest_1samp(list(differences.values()), 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert mean_of_paired_sessions([{"a": 1.0}], 0.95, 0.0) is None


def test_what_one_scenario_of_a_round_gains_and_another_loses_moves_nothing():
    swing = np.array([-0.5, -0.2, 0.0, 0.2, 0.7])
    found = mean_of_rounds([strata(np.zeros(5), swing), strata(np.zeros(5), -swing)], 0.95, 0.01)
    assert (found.low, found.high) == pytest.approx((0, 0))


def test_a_single_round_on_a_side_has_no_interval():
    assert mean_of_rounds([strata([0.0], [0.1, 0.2])], 0.95, 0.01) is None
    assert mean_of_sessions([({"a": 0.0}, {"b": 0.1, "c": 0.2})], 0.95, 0.01) is None


def test_rounds_that_a_scenario_lacks_move_only_the_others():
    found = mean_of_rounds(
        [strata([0.0, 0.1, 0.2], [1.0, 1.1]), strata([0.0, 0.1], [1.0, 1.1, 1.2])], 0.95, 0.01
    )
    assert found.centre == pytest.approx(1.0)
    assert found.low < 1.0 < found.high


def test_of_many_rounds_the_linear_part_is_as_wide(monkeypatch):
    rng = np.random.default_rng(1)
    scenarios = [strata(*rng.normal(0, 0.1, (2, 14))) for _ in range(6)]
    exact = mean_of_rounds(scenarios, 0.95, 0.01)
    monkeypatch.setattr(jackknife, "MOST_PAIRS", 0)
    linear = mean_of_rounds(scenarios, 0.95, 0.01)
    assert linear.centre == pytest.approx(exact.centre, abs=0.005)
    assert linear.high - linear.low == pytest.approx(exact.high - exact.low, rel=0.15)


def test_more_rounds_than_are_left_out_one_by_one_share_numbers():
    found = numbered(range(100))
    assert set(found.values()) == set(range(30))
    assert math.isclose(max(map(list(found.values()).count, range(30))), 4)


def alone_but(several, scenarios, moods):
    """`scenarios` of which only so many have all of the blocks, and the others the first one alone."""
    return [moods[: len(moods) if place < several else 1] for place in range(scenarios)]


def test_the_blocks_of_one_scenario_tell_nothing_of_those_that_have_a_single_one():
    moods = alone_but(1, 40, [0.0, 0.05, -0.03, 0.02])
    sides = [[dict(enumerate(of)) for of in moods], [{f"b{n}": 0.2 for n in range(len(of))} for of in moods]]
    assert mean_of_sessions(list(zip(*sides, strict=True)), 0.95, 0.01) is None
    assert mean_of_paired_sessions(sides[0], 0.95, 0.01) is None
    assert mean_of_rounds([strata(of, [0.2] * len(of)) for of in moods], 0.95, 0.01) is None


def test_a_scenario_of_a_single_block_is_left_out_with_it():
    moods = alone_but(19, 20, [0.0, 0.05, -0.03, 0.02])
    found = mean_of_paired_sessions([dict(enumerate(of)) for of in moods], 0.95, 0.01)
    means = [sum(of) / len(of) for of in moods]
    without = [sum((sum(of) - of[n]) / (len(of) - 1) for of in moods[:19]) for n in range(4)]
    left = [without[0] / 19, *((one + moods[19][0]) / 20 for one in without[1:])]
    middle = sum(left) / 4
    error = math.sqrt(3 / 4 * sum((one - middle) ** 2 for one in left))
    reach = stats.t.ppf(0.975, 3) * error
    assert found.centre == pytest.approx(sum(means) / 20)
    assert (found.low, found.high) == pytest.approx((found.centre - reach, found.centre + reach))
