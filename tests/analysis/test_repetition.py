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
from bench.analysis.statistics import median_interval
from bench.records.suite import INTERVAL_RUNS, Measure

# The median is 1.000 s; sorted, the second is 0.99 s and the last but one 1.004 s.
NINE = [1.0, 0.97, 1.0, 1.2, 1.0, 0.99, 1.004, 1.0, 1.0]
UP_TO_ONE_PERCENT = Measure(rounds=3, precision=0.01, max_rounds=20)


def test_six_runs_are_the_fewest_with_an_interval():
    assert median_interval(range(INTERVAL_RUNS - 1)) is None
    assert median_interval(range(INTERVAL_RUNS)) is not None


def test_the_precision_is_the_farther_end_s_distance_as_a_share_of_the_median():
    assert precision([1.0, 1.0, 2.0, 2.0, 3.0, 3.5]) == 0.75
    assert precision(NINE) == pytest.approx(0.01)
    assert precision([time * 1e-6 for time in NINE]) == pytest.approx(0.01)


@pytest.mark.parametrize("runs", range(INTERVAL_RUNS))
def test_fewer_than_six_runs_have_none(runs):
    assert interval([1.0] * runs) is None
    assert precision([1.0] * runs) is None


def test_an_interval_that_ends_at_the_precision_is_within_it():
    """1.01 - 1 is a little more than 0.01 in binary."""
    assert until(0.01)(NINE)
    assert until(0.01)([1.0] * 5 + [1.01])
    assert not until(0.0099)(NINE)


def test_eight_runs_with_an_outlier_are_not_enough_and_nine_are():
    """x_(1) to x_(8) hold the median of eight, x_(2) to x_(8) that of nine."""
    assert [number for number in range(12) if until(0.01)([*[1.0] * number, 2.0])] == [8, 9, 10, 11]


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


def simulated(scatter, scenarios, rounds=20):
    """Precisions of ±1 %: how many scenarios reach them, and whose interval holds the true median, 1."""
    rng, settled = np.random.default_rng(0), until(0.01)
    reached, covered = 0, 0
    for times in np.exp(rng.normal(0, scatter, (scenarios, rounds))).tolist():
        runs = next((number for number in range(INTERVAL_RUNS, rounds) if settled(times[:number])), rounds)
        reached += settled(times[:runs])
        found = interval(times[:runs])
        covered += found.low <= 1 <= found.high
    return reached / scenarios, covered / scenarios


@pytest.mark.parametrize(("scatter", "reaching"), [(0.002, 1.0), (0.01, 0.93), (0.02, 0.21)])
def test_looking_after_every_round_costs_little_of_the_confidence(scatter, reaching):
    """See the module: 94 to 97 of 100 intervals hold the median; 1,000 scenarios tell it to within 2."""
    reached, covered = simulated(scatter, scenarios=1000)
    assert reached == pytest.approx(reaching, abs=0.04)
    assert covered == pytest.approx(0.955, abs=0.035)


class TestForecast:
    def test_the_ends_of_a_wider_sample_are_expected_where_its_ranks_lie_in_this_one(self):
        """Ranks 2 and 8 of nine runs lie at 1.625 / 9.25 of the sample, where Blom has x_(k) of six at
        (k - 0.375) / 6.25: k is 1.473, so the ends are 0.473 of the way from the first to the second.
        """
        six = [0.98, 0.99, 1.0, 1.0, 1.01, 1.02]
        low = 0.98 + 0.473 * 0.01
        assert runs_expected(six, 1.0 - low + 1e-5, 20) == 9
        assert runs_expected(six, 1.0 - low - 1e-5, 20) > 9

    def test_steady_runs_are_expected_to_settle_as_soon_as_they_can(self):
        assert runs_expected([1.0] * 3, 0.01, 20) == 6
        assert runs_expected([1.0] * 7, 0.01, 20) == 8

    def test_runs_that_scatter_too_much_are_expected_to_go_on_to_the_end(self):
        assert runs_expected([1.0, 2.0] * 4, 0.01, 20) == 20

    @pytest.mark.parametrize("known", [[], [1.0], [1.0, 9.0]])
    def test_too_few_tell_nothing_but_that_it_takes_six(self, known):
        assert runs_expected(known, 0.01, 20) == 6

    def test_thousands_of_rounds_are_forecast_too(self):
        rng = np.random.default_rng(0)
        scattered = np.exp(rng.normal(0, 0.1, 50)).tolist()
        # 1.96 · 1.2533 · 0.1 / √n is 0.01 at n = 603.
        assert 300 < runs_expected(scattered, 0.01, 100_000) < 1200
        assert runs_expected([1.0, 2.0] * 10, 0.01, 100_000) == 100_000

    def test_a_count_of_rounds_is_left_whatever_the_times(self):
        assert [left(Measure(rounds=3), done, [1.0, 9.0]) for done in (0, 1, 2, 3, 4)] == [3, 2, 1, 0, 0]
        assert [left(Measure(rounds=3), done) for done in (0, 1, 3)] == [3, 2, 0]

    def test_the_least_number_of_rounds_comes_whatever_the_times(self):
        ahead = [left(UP_TO_ONE_PERCENT, done, [1.0] * done) for done in range(1, 8)]
        assert (left(UP_TO_ONE_PERCENT, 0), ahead) == (6, [5, 4, 3, 2, 1, 0, 0])
        at_least_ten = Measure(rounds=10, precision=0.01)
        assert left(at_least_ten, 6, [1.0] * 6) == 4

    def test_no_more_come_than_there_may_be(self):
        scattered = [1.0, 2.0] * 10
        ahead = [left(UP_TO_ONE_PERCENT, done, scattered[:done]) for done in (3, 8, 18, 20)]
        assert ahead == [17, 12, 2, 0]
        assert left(UP_TO_ONE_PERCENT, 19, scattered[:6]) == 1

    def test_failed_runs_are_made_up_for(self):
        """Two times of six are known after four rounds."""
        assert left(UP_TO_ONE_PERCENT, 4, [1.0, 1.0]) == 4

    def test_it_is_over_once_it_is_known_well_enough_wherever_it_ran(self):
        assert left(UP_TO_ONE_PERCENT, 6, [1.0] * 6, [1.0] * 6) == 0
        assert left(UP_TO_ONE_PERCENT, 6, [1.0] * 6, [1.0, 2.0] * 3) == 14

    def test_without_a_time_it_is_over_after_the_least_number_of_rounds(self):
        assert [left(UP_TO_ONE_PERCENT, done) for done in (1, 2, 3)] == [2, 1, 0]

    def test_of_times_that_are_precise_none_is_missing_and_else_one_at_least(self):
        assert [runs_missing(UP_TO_ONE_PERCENT, times) for times in ([1.0] * 6, [1.0], [])] == [0, 5, 6]
        assert runs_missing(UP_TO_ONE_PERCENT, [1.0, 2.0] * 15) == 1


def left(measure, done, *step_seconds):
    """Rounds left where there are such times in so many places."""
    missing = (runs_missing(measure, times) for times in step_seconds)
    return rounds_left(measure, done, max(missing, default=None))
