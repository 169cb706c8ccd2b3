import math

import numpy as np
import pytest
from scipy import stats

from bench.analysis.welch import clipped, paired, welch

A = np.array([0.1, 0.3, 0.2, 0.5, 0.4])
B = np.array([0.9, 0.2, 1.4, 0.6])


def test_one_sample_a_side_gives_scipys_welch_interval_and_p():
    found = welch([(A, B)], 0.95, 0.0)
    known = stats.ttest_ind(B, A, equal_var=False)
    interval = known.confidence_interval(0.95)
    assert (found.centre, found.low, found.high) == pytest.approx((0.475, interval.low, interval.high))
    assert found.p == pytest.approx(known.pvalue)


def test_differences_give_scipys_interval_and_p():
    found = paired(B, 0.95, 0.0)
    known = stats.ttest_1samp(B, 0)
    interval = known.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((interval.low, interval.high, known.pvalue))
    assert paired(B[:1], 0.95, 0.0) is None


def test_p_is_against_the_nearer_end_of_the_margin():
    found = welch([(A, B)], 0.95, 0.1)
    shifted = stats.ttest_ind(B - math.log1p(0.1), A, equal_var=False)
    assert found.p == pytest.approx(shifted.pvalue)
    assert welch([(A, A)], 0.95, 0.1).p == 1


def test_samples_are_compared_each_with_its_own():
    # Between the two samples lies 5; within each, b is 0.1 and 0.3 larger. Weights 1 and 2: 0.7 / 3.
    pairs = [
        (np.array([0.0, 0.2]), np.array([0.1, 0.3])),
        (np.array([5.0, 5.2, 5.0, 5.2]), np.array([5.3, 5.5, 5.3, 5.5])),
    ]
    found = welch(pairs, 0.95, 0.0)
    assert found.centre == pytest.approx(0.7 / 3)
    # Variances of means: 0.02 / 2 each of the first, 0.04 / 3 / 4 each of the second.
    variances = [(1 / 9) * 0.01] * 2 + [(4 / 9) * 0.04 / 12] * 2
    freedom = sum(variances) ** 2 / sum(v**2 / n for v, n in zip(variances, (1, 1, 3, 3), strict=True))
    reach = stats.t.ppf(0.975, freedom) * math.sqrt(sum(variances))
    assert (found.low, found.high) == pytest.approx((0.7 / 3 - reach, 0.7 / 3 + reach))


def test_a_single_value_a_side_tells_nothing_of_its_scatter():
    assert welch([(A[:1], B)], 0.95, 0.0) is None
    assert welch([], 0.95, 0.0) is None


def test_without_any_scatter_the_interval_is_a_point():
    same, more = np.zeros(3), np.full(3, 0.5)
    assert (welch([(same, more)], 0.95, 0.01).low, welch([(same, more)], 0.95, 0.01).p) == (0.5, 0)
    assert welch([(same, same)], 0.95, 0.01).p == 1


def test_what_lies_far_out_is_drawn_in_to_four_scaled_deviations():
    # Median 0, deviations 0 1 1 2 90: their median is 1, so 90 counts as 4 * 1.4826.
    assert clipped(np.array([-1.0, 0, 1, 2, 90]) - 0).tolist() == [-1, 0, 1, 2, pytest.approx(1 + 4 * 1.4826)]
    assert clipped(np.array([0.0, 90.0])).tolist() == [0, 90]
