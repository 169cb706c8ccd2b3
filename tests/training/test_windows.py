import statistics

import pytest

from bench.training.windows import median_and_mad, short, step_times, unstable, without_call


def test_step_times_are_seconds_over_steps_of_each_window():
    assert step_times([1.0, 3.0, 0.5], [10, 20, 1]) == pytest.approx([0.1, 0.15, 0.5])


def test_windows_without_steps_of_their_own_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        step_times([1.0, 3.0], [10])


def test_the_call_around_a_window_is_taken_off_it():
    assert without_call([1.0, 3.0], 0.25) == [0.75, 2.75]
    assert without_call([1.0, 3.0], None) == [1.0, 3.0]


def test_no_window_loses_more_than_half():
    assert without_call([1.0, 3.0], 0.75) == [0.5, 2.25]


def test_windows_are_short_where_the_call_is_over_one_percent_of_their_median():
    assert short([0.1, 0.1, 9.0], 0.0011)
    assert not short([0.1, 0.1, 0.001], 0.0009)
    assert not short([0.1], None)


def test_median_and_mad_of_an_odd_number():
    # Deviations from 3: 2, 1, 0, 1, 7.
    assert median_and_mad([1.0, 2.0, 3.0, 4.0, 10.0]) == (3.0, 1.0)


def test_median_and_mad_of_an_even_number():
    # Median 2.5; deviations 1.5, 0.5, 0.5, 7.5.
    assert median_and_mad([1.0, 2.0, 3.0, 10.0]) == (2.5, 1.0)


def test_one_window_has_no_deviation():
    assert median_and_mad([0.7]) == (0.7, 0.0)


def test_no_window_has_no_median():
    with pytest.raises(statistics.StatisticsError):
        median_and_mad([])


@pytest.mark.parametrize(
    ("times", "flagged"),
    [
        ([1.00, 1.00, 1.00], False),
        ([0.96, 1.00, 1.04], True),  # MAD 4 % of the median
        ([0.98, 1.00, 1.02], False),  # MAD 2 %
        ([1.00, 1.00, 9.00], False),  # one slow window of three moves neither median nor MAD
    ],
)
def test_scatter_over_three_percent_of_the_median_is_unstable(times, flagged):
    assert unstable(times) is flagged


@pytest.mark.parametrize(
    ("times", "flagged"),
    [
        ([1.00, 1.00, 1.01, 1.02, 1.03, 1.03], True),  # 3 % slower in the last third
        ([1.03, 1.03, 1.02, 1.01, 1.00, 1.00], True),  # and faster
        ([1.00, 1.00, 1.00, 1.01, 1.01, 1.01], False),  # 1 %
        ([1.00, 1.00, 1.05, 1.05, 1.00, 1.00], False),  # the middle does not count
    ],
)
def test_drift_over_two_percent_between_first_and_last_third_is_unstable(times, flagged):
    assert unstable(times) is flagged


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 2.0]])
def test_one_or_two_windows_are_never_flagged(times):
    assert unstable(times) is False


def test_fewer_than_six_windows_have_no_thirds_to_compare():
    assert unstable([1.00, 1.00, 1.01, 1.025, 1.025]) is False
    assert unstable([1.00, 1.00, 1.00, 1.01, 1.025, 1.025]) is True


def test_the_flag_is_the_same_in_seconds_and_in_microseconds():
    assert unstable([0.96e-6, 1.00e-6, 1.04e-6]) is True
    assert unstable([0.98e-6, 1.00e-6, 1.02e-6]) is False
