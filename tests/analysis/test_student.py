import math

import numpy as np
import pytest

from bench.analysis.student import margin_tail, satterthwaite, t_quantile, t_tail


@pytest.mark.parametrize(
    ("degrees", "t"), [(1, 12.706), (2, 4.303), (4, 2.776), (10, 2.228), (30, 2.042), (120, 1.980)]
)
def test_quantiles_are_those_of_the_tables(degrees, t):
    """Fisher and Yates, Statistical Tables, 1938, table III."""
    assert t_quantile(0.95, degrees) == pytest.approx(t, abs=0.0005)
    assert t_tail(t, degrees) == pytest.approx(0.025, abs=2e-5)


def test_with_one_degree_of_freedom_it_is_the_cauchy_distribution_s():
    assert t_tail([1.0, -1.0, math.sqrt(3)], 1) == pytest.approx([0.25, 0.75, 1 / 6])


def test_unknown_is_unknown():
    assert np.isnan(t_quantile(0.95, [np.nan])).all()
    assert np.isnan(margin_tail([0.1], [np.nan], [np.nan], 0.01)).all()


def test_the_null_is_the_whole_margin():
    """Past it by one error is 1/4 on either side, with one degree of freedom; within it is no evidence."""
    assert margin_tail([0.03, -0.03, 0.01, 0.0], 0.02, 1, 0.01) == pytest.approx([0.5, 0.5, 1.0, 1.0])


def test_what_is_known_without_error_is_past_the_margin_or_not():
    assert margin_tail([0.02, -0.02, 0.005], [0.0, 0.0, 0.0], [3, 3, 3], 0.01).tolist() == [0.0, 0.0, 1.0]


def test_parts_of_one_size_have_their_degrees_together():
    """Of variances 1 and 3 with 4 and 9 degrees: 16 / (1 / 4 + 9 / 9) = 12.8."""
    assert satterthwaite([(1.0, 4), (3.0, 9)]) == pytest.approx((4.0, 12.8))
    assert satterthwaite([(2.0, 5), (2.0, 5)]) == pytest.approx((4.0, 10))


def test_without_variance_to_square_all_degrees_count():
    assert satterthwaite([(0.0, 4), (0.0, 9)]) == (0.0, 13)
    assert satterthwaite([(1e-200, 4), (1e-200, 9)]) == pytest.approx((2e-200, 13))
