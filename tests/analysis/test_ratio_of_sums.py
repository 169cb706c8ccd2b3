import math
import random

import pytest

from bench.analysis.ratio_of_sums import interval_per_success, log_ratio_of_sums, rate_interval
from bench.analysis.student import t_quantile


def test_a_ratio_by_hand():
    """10 over 4; residuals 1.5, -0.5, 0.5, -1.5 have a sum of squares of 5, times 4/3 over 10 squared."""
    found = log_ratio_of_sums([4.0, 2.0, 3.0, 1.0], [1, 1, 1, 1])
    assert found.mean == pytest.approx(math.log(2.5))
    assert found.squared_error == pytest.approx(4 / 3 * 5 / 100)
    assert found.freedom == 3


def test_kinds_scatter_about_their_own_mean():
    """The first one compiled: 5, and 1.1, 0.9, 1.0 after it. Those deviate by 0.02 squared in all, which is
    1 % of their mean squared in each of two degrees of freedom; the first one by 1 % of 25, then.
    """
    found = log_ratio_of_sums([5.0, 1.1, 0.9, 1.0], [1] * 4, ["compiled", "", "", ""])
    assert found.mean == pytest.approx(math.log(2.0))
    assert found.squared_error == pytest.approx((0.02 * 3 / 2 + 0.25) / 8**2)
    assert found.freedom == 2
    assert log_ratio_of_sums([5.0, 1.0], [1, 1], ["compiled", ""]) is None


@pytest.mark.parametrize(("above", "below"), [([1.0], [1]), ([1.0, 2.0], [0, 0]), ([0.0, 0.0], [1, 1])])
def test_no_ratio_of_a_single_unit_or_of_nothing(above, below):
    assert log_ratio_of_sums(above, below) is None


def test_a_rates_interval_is_clopper_and_pearsons():
    """scipy.stats.binomtest(7, 10).proportion_ci(method="exact") gives 0.3475 to 0.9333."""
    assert rate_interval(7, 10) == pytest.approx((0.34754715, 0.93326049))
    assert rate_interval(0, 5) == pytest.approx((0.0, 1 - 0.025 ** (1 / 5)))
    assert rate_interval(5, 5) == pytest.approx((0.025 ** (1 / 5), 1.0))


def test_without_failures_it_is_students_interval():
    paid = [1.0, 1.02, 0.99, 1.01]
    ratio = log_ratio_of_sums(paid, [1] * 4)
    reach = t_quantile(0.95, 3) * math.sqrt(ratio.squared_error)
    assert interval_per_success(paid, [1] * 4, [1] * 4) == pytest.approx(
        (math.exp(ratio.mean - reach), math.exp(ratio.mean + reach))
    )


def test_where_some_failed_the_rate_is_uncertain_too():
    """One of four failed: a rate of 19 to 99 % at 95 %, and wider yet at 97.5."""
    low, high = interval_per_success([1.0] * 4, [1, 1, 1, 0], [1] * 4)
    assert low < 1.01
    assert high > 1 / 0.194


def test_no_interval_without_a_success():
    assert interval_per_success([1.0, 1.0], [0, 0], [1, 1]) is None


@pytest.mark.parametrize("units", [4, 10])
def test_nineteen_of_twenty_intervals_hold_the_truth(units):
    """Lognormal units with 5 % of scatter, whose mean is exp(0.05 ** 2 / 2)."""
    draw = random.Random(units)
    truth, held = math.exp(0.05**2 / 2), 0
    for _ in range(1500):
        paid = [draw.lognormvariate(0, 0.05) for _ in range(units)]
        low, high = interval_per_success(paid, [1] * units, [1] * units)
        held += low <= truth <= high
    assert 0.935 <= held / 1500 <= 0.965
