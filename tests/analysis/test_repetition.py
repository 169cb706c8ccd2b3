import numpy as np
import pytest

from bench.analysis.repetition import (
    interval,
    precision,
    reaches,
    rounds_left,
    runs_expected,
    runs_missing,
    until,
)
from bench.records.suite import INTERVAL_RUNS, Measure
from tests.statistics.repetition import repeated

# The median is 1.000 s; sorted, the second is 0.99 s and the last but one 1.004 s.
TEN = [1.0, 0.97, 1.0, 1.2, 1.0, 0.99, 1.004, 1.0, 1.0, 1.0]
UP_TO_ONE_PERCENT = Measure(rounds=3, precision=0.01, max_rounds=20)


@pytest.mark.parametrize("runs", range(12))
def test_an_interval_takes_six_runs_and_seven_where_a_precision_is_wanted(runs):
    """2 / 2**6 is 3.1 %, 2 / 2**7 is 1.6 %."""
    assert (interval(range(runs)) is not None) == (runs >= 6)
    assert (interval(range(runs), wanted=0.01) is not None) == (runs >= INTERVAL_RUNS == 7)


@pytest.mark.parametrize(("wanted", "low", "high"), [(None, 6.0, 15.0), (0.01, 5.0, 16.0)])
def test_a_wanted_precision_is_told_at_97_percent(wanted, low, high):
    """Of 20 runs 2 P(Binomial(20, 1/2) <= 5) is 4.1 %, 2 P(<= 4) is 1.2 %."""
    found = interval([float(value) for value in range(1, 21)], wanted)
    assert (found.low, found.high) == (low, high)


def test_the_precision_is_the_farther_end_s_distance_as_a_share_of_the_median():
    six = [1.0, 1.0, 2.0, 2.0, 3.0, 3.5]
    assert precision(six, interval(six)) == 0.75
    assert precision(TEN, interval(TEN, wanted=0.5)) == pytest.approx(0.01)
    micro = [time * 1e-6 for time in TEN]
    assert precision(micro, interval(micro, wanted=0.5)) == pytest.approx(0.01)
    assert precision(six, None) is None


def test_an_interval_that_ends_at_the_precision_is_within_it():
    """1.01 - 1 is a little more than 0.01 in binary."""
    assert until(0.01)(TEN)
    assert until(0.01)([1.0] * 6 + [1.01])
    assert not until(0.0099)(TEN)


def test_nine_runs_with_an_outlier_are_not_enough_and_ten_are():
    """x_(1) to x_(9) hold the median of nine, x_(2) to x_(9) that of ten."""
    assert [number for number in range(12) if until(0.01)([*[1.0] * number, 2.0])] == [9, 10, 11]


def test_where_no_precision_is_asked_for_any_runs_are_enough():
    assert until(None)([])
    assert until(None)([1.0, 9.0])


def test_what_is_not_known_reaches_nothing():
    assert not reaches(None, 0.5)


def test_a_thousand_runs_and_more_have_the_interval_of_the_normal_approximation():
    """Ranks (n + 1 -+ 1.96 √n) / 2, rounded outwards: of 10,000 values 4,902 and 5,099."""
    many = interval([float(value) for value in range(1, 10_001)])
    assert (many.low, many.high) == (4902.0, 5099.0)
    last, first = (interval([float(value) for value in range(1, size + 1)]) for size in (1000, 1001))
    assert (last.low, last.high) == (469.0, 532.0)
    assert (first.low, first.high) == (469.0, 533.0)


@pytest.mark.parametrize(("scatter", "reaching"), [(0.002, 1.0), (0.01, 0.835), (0.02, 0.076)])
def test_looking_after_every_round_costs_little_of_the_confidence(scatter, reaching):
    """See the module: 97 to 98.5 of 100 intervals hold the median; 1,000 scenarios tell it to within 1.5."""
    found = repeated(scatter, wanted=0.01, cap=20, scenarios=1000)
    assert found.reached == pytest.approx(reaching, abs=0.04)
    assert found.covered == pytest.approx(0.977, abs=0.02)


class TestForecast:
    def test_the_ends_of_a_wider_sample_are_expected_where_its_ranks_lie_in_this_one(self):
        """Ranks 2 and 9 of ten runs lie at 1.625 / 10.25 of the sample, where Blom has x_(k) of six at
        (k - 0.375) / 6.25: k is 1.366, so the ends are 0.366 of the way from the first to the second.
        """
        six = [0.98, 0.99, 1.0, 1.0, 1.01, 1.02]
        low = 0.98 + 0.3659 * 0.01
        assert runs_expected(six, 1.0 - low + 1e-5, 20) == 10
        assert runs_expected(six, 1.0 - low - 1e-5, 20) > 10

    def test_steady_runs_are_expected_to_settle_as_soon_as_they_can(self):
        assert runs_expected([1.0] * 3, 0.01, 20) == 7
        assert runs_expected([1.0] * 7, 0.01, 20) == 8

    def test_runs_that_scatter_too_much_are_expected_to_go_on_to_the_end(self):
        assert runs_expected([1.0, 2.0] * 4, 0.01, 20) == 20

    @pytest.mark.parametrize("known", [[], [1.0], [1.0, 9.0]])
    def test_too_few_tell_nothing_but_that_it_takes_seven(self, known):
        assert runs_expected(known, 0.01, 20) == 7

    def test_thousands_of_rounds_are_forecast_too(self):
        rng = np.random.default_rng(0)
        scattered = np.exp(rng.normal(0, 0.1, 50)).tolist()
        # 2.17 · 1.2533 · 0.1 / √n is 0.01 at n = 740.
        assert 370 < runs_expected(scattered, 0.01, 100_000) < 1480
        assert runs_expected([1.0, 2.0] * 10, 0.01, 100_000) == 100_000

    def test_a_count_of_rounds_is_left_whatever_the_times(self):
        assert [left(Measure(rounds=3), done, [1.0, 9.0]) for done in (0, 1, 2, 3, 4)] == [3, 2, 1, 0, 0]
        assert [left(Measure(rounds=3), done) for done in (0, 1, 3)] == [3, 2, 0]

    def test_the_least_number_of_rounds_comes_whatever_the_times(self):
        ahead = [left(UP_TO_ONE_PERCENT, done, [1.0] * done) for done in range(1, 9)]
        assert (left(UP_TO_ONE_PERCENT, 0), ahead) == (7, [6, 5, 4, 3, 2, 1, 0, 0])
        at_least_ten = Measure(rounds=10, precision=0.01)
        assert left(at_least_ten, 7, [1.0] * 7) == 3

    def test_no_more_come_than_there_may_be(self):
        scattered = [1.0, 2.0] * 10
        ahead = [left(UP_TO_ONE_PERCENT, done, scattered[:done]) for done in (3, 8, 18, 20)]
        assert ahead == [17, 12, 2, 0]
        assert left(UP_TO_ONE_PERCENT, 19, scattered[:6]) == 1

    def test_failed_runs_are_made_up_for(self):
        """Two times of seven are known after four rounds."""
        assert left(UP_TO_ONE_PERCENT, 4, [1.0, 1.0]) == 5

    def test_it_is_over_once_it_is_known_well_enough_wherever_it_ran(self):
        assert left(UP_TO_ONE_PERCENT, 8, [1.0] * 8, [1.0] * 8) == 0
        assert left(UP_TO_ONE_PERCENT, 8, [1.0] * 8, [1.0, 2.0] * 4) == 12

    def test_without_a_time_it_is_over_after_the_least_number_of_rounds(self):
        assert [left(UP_TO_ONE_PERCENT, done) for done in (1, 2, 3)] == [2, 1, 0]

    def test_of_times_that_are_precise_none_is_missing_and_else_one_at_least(self):
        assert [runs_missing(UP_TO_ONE_PERCENT, times) for times in ([1.0] * 7, [1.0], [])] == [0, 6, 7]
        assert runs_missing(UP_TO_ONE_PERCENT, [1.0, 2.0] * 15) == 1


def left(measure, done, *step_seconds):
    """Rounds left where there are such times in so many places."""
    missing = (runs_missing(measure, times) for times in step_seconds)
    return rounds_left(measure, done, max(missing, default=None))
