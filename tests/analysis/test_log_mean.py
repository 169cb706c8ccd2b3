import math

import pytest

from bench.analysis.log_mean import LogMean, log_mean


def test_a_mean_of_logarithms_by_hand():
    """Logarithms 0, 1 and 2: mean 1, variance 1, so the squared error is 1/3."""
    found = log_mean([1.0, math.e, math.e**2])
    assert (found.mean, found.squared_error, found.freedom) == pytest.approx((1.0, 1 / 3, 2))
    reach = 4.302653 * math.sqrt(1 / 3)
    assert found.interval() == pytest.approx((math.exp(1 - reach), math.exp(1 + reach)))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.inf], [0.0, 1.0]])
def test_no_mean_of_too_few_values_or_of_none_on_a_logarithm(values):
    assert log_mean(values) is None


def test_degrees_of_freedom_are_welchs():
    """Equal errors add up their degrees; one without any leaves those of the other."""
    one = LogMean(0.3, 0.01, 4)
    assert one.over(one) == LogMean(0.0, 0.02, 8.0)
    assert one.over(LogMean(0.1, 0.0, 9)).freedom == pytest.approx(4)
    assert one.over(LogMean(0.1, 0.0, 9)).mean == pytest.approx(0.2)


def test_the_margin_is_tested_at_its_nearer_end():
    """log(1.01) + 2.306 standard errors is past the margin by the 5 % quantile with 8 degrees of freedom."""
    error = 0.02
    past = LogMean(math.log1p(0.01) + 2.306004 * error, error**2, 8)
    assert past.margin_p(0.01) == pytest.approx(0.05, abs=1e-6)
    assert LogMean(-past.mean, error**2, 8).margin_p(0.01) == pytest.approx(0.05, abs=1e-6)
    assert LogMean(0.0, error**2, 8).margin_p(0.01) == 1.0


def test_what_does_not_scatter_is_certain():
    assert LogMean(0.5, 0.0, 3).margin_p(0.01) == 0.0
    assert LogMean(0.001, 0.0, 3).margin_p(0.01) == 1.0
