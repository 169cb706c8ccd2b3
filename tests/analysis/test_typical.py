import math

import pytest

from bench.analysis.typical import Estimate, typical, unit_of


@pytest.mark.parametrize(
    ("sessions", "unit"), [(1, "run"), (2, None), (3, None), (4, "session"), (9, "session")]
)
def test_the_unit_is_the_run_in_one_session_and_the_session_in_four(sessions, unit):
    assert unit_of(sessions) == unit


def test_one_session_has_its_median_and_from_six_runs_on_the_exact_interval():
    assert typical([[3.0, 1.0, 2.0]]) == Estimate(2.0)
    assert typical([[6.0, 1.0, 2.0, 3.0, 4.0, 5.0]]) == Estimate(3.5, 1.0, 6.0)
    assert typical([[], [2.0]]) == Estimate(2.0)


def test_a_few_sessions_have_no_interval_however_many_their_runs():
    assert typical([[1.0] * 20, [2.0] * 20, [4.0] * 20]) == Estimate(2.0)


def test_four_sessions_have_students_interval_of_their_medians():
    """Medians 1, 2, 4 and 8: a geometric mean of 2 ** 1.5, error log(2) * sqrt(5 / 12), t(3) = 3.182."""
    found = typical([[1.0], [2.0, 2.0], [3.0, 4.0, 5.0], [8.0]])
    reach = math.exp(3.182446 * math.log(2) * math.sqrt(5 / 12))
    assert (found.value, found.low, found.high) == pytest.approx((2**1.5, 2**1.5 / reach, 2**1.5 * reach))


def test_a_session_that_missed_leaves_a_median_without_interval():
    assert typical([[1.0], [2.0], [3.0], [math.inf]]) == Estimate(2.5)
    assert typical([]) is None
    assert typical([[], []]) is None
