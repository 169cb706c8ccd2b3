import pytest

from bench.analysis import forecast as forecasting
from bench.analysis.forecast import OVERHEAD, Span, expected_seconds, forecast
from bench.records.scenario import Scenario
from bench.records.suite import Measure, Point
from tests.runs import run_table


def earlier_seconds(rows, node):
    return forecasting.earlier_seconds(run_table(rows), node)


BASELINE = Point("baseline", "baseline", Scenario(hidden=[200, 200], batch_size=100))
ODD = Point("odd", "odd", Scenario(hidden=[10], batch_size=30_000, epochs=2))


def run(scenario_id="s1", node="here", status="ok", wall=10.0, **seconds):
    times = {name: seconds.get(name) for name in OVERHEAD}
    return {"scenario_id": scenario_id, "node": node, "status": status, "wall_seconds": wall, **times}


def test_counts_follow_from_the_settings():
    planned = forecast([BASELINE, ODD], Measure(rounds=3), {})
    baseline, odd = planned.scenarios
    # 785 · 200 + 201 · 200 + 201 · 10 weights; an image takes 6 · 198,800 − 2 · 156,800 operations.
    assert (baseline.parameters, baseline.steps) == (199_210, 2_500)
    assert baseline.flops == 250_000 * 879_200
    # The second step of an epoch has the 20,000 images that are left: none is counted twice.
    assert odd.steps == 4
    assert odd.flops == 100_000 * (6 * (7_840 + 100) - 2 * 7_840)
    assert planned.runs == Span(6, 6)
    assert planned.flops == Span(*[3 * (baseline.flops + odd.flops)] * 2)


def test_earlier_times_make_the_total_of_the_scenarios_that_have_one():
    planned = forecast([BASELINE, ODD], Measure(rounds=3), {ODD.scenario.scenario_id: 2.5, "another": 99.0})
    assert [scenario.seconds for scenario in planned.scenarios] == [None, 2.5]
    assert (planned.timed, planned.seconds) == (1, Span(7.5, 7.5))
    nothing = forecast([BASELINE], Measure(rounds=3), {})
    assert (nothing.timed, nothing.seconds) == (0, Span(0.0, 0.0))


def test_of_several_sessions_all_totals_are_so_many_times_as_large():
    times = {ODD.scenario.scenario_id: 2.5}
    one, four = (forecast([BASELINE, ODD], Measure(rounds=3), times, sessions) for sessions in (1, 4))
    assert (four.runs, four.flops.most) == (Span(24, 24), 4 * one.flops.most)
    assert (four.seconds, four.timed) == (Span(30.0, 30.0), 1)


def test_up_to_a_precision_all_totals_run_from_the_least_to_the_most():
    measure = Measure(rounds=3, precision=0.01, max_rounds=20)
    planned = forecast([BASELINE, ODD], measure, {ODD.scenario.scenario_id: 2.5})
    a_round = sum(scenario.flops for scenario in planned.scenarios)
    assert planned.runs == Span(14, 40)
    assert planned.flops == Span(7 * a_round, 20 * a_round)
    assert planned.seconds == Span(17.5, 50.0)


def test_an_earlier_time_is_the_median_of_whole_runs_with_what_comes_before_training():
    runs = [
        run(wall=10.0, build_seconds=1.0, stage_seconds=0.5, warmup_seconds=0.25),
        run(wall=20.0),
        run(wall=30.0, build_seconds=1.0),
        run("s2", wall=5.0),
    ]
    assert earlier_seconds(runs, "here") == {"s1": 20.0, "s2": 5.0}
    assert earlier_seconds(runs[:1], "here") == {"s1": pytest.approx(11.75)}


def test_runs_that_did_not_compile_count_with_what_they_did():
    cached = {"compile_cached": True, "compile_seconds": 0.5, "train_seconds": 4.0, "eval_seconds": 1.0}
    runs = [run(wall=20.0), *(run(wall=None, stage_seconds=0.5) | cached for _ in range(2))]
    assert earlier_seconds(runs, "here") == {"s1": 6.0}


def test_runs_elsewhere_failed_or_without_a_time_tell_nothing():
    runs = [run(node="there"), run(node=None), run(status="diverged"), run(wall=None)]
    assert earlier_seconds(runs, "here") == {}


class TestExpectedSeconds:
    SMALL = Point("sweep", "small", Scenario(hidden=[8], batch_size=10_000, epochs=1))
    LARGE = Point("sweep", "large", Scenario(hidden=[1024, 1024], batch_size=200, epochs=50))

    def test_what_was_timed_is_expected_again(self):
        small, large = (point.scenario.scenario_id for point in (self.SMALL, self.LARGE))
        assert expected_seconds([self.SMALL, self.LARGE], {small: 9.0, large: 2.0, "other": 1.0}) == {
            small: 9.0,
            large: 2.0,
        }

    def test_what_was_not_is_guessed_from_its_work(self):
        expected = expected_seconds([self.SMALL, self.LARGE], {})
        small, large = expected.values()
        assert large > 100 * small > 0

    def test_a_guess_is_scaled_to_what_was_timed(self):
        """A machine on which the small one took twice what would be guessed takes twice for the large one."""
        small, large = (point.scenario.scenario_id for point in (self.SMALL, self.LARGE))
        guessed = expected_seconds([self.SMALL, self.LARGE], {})
        slower = expected_seconds([self.SMALL, self.LARGE], {small: 2 * guessed[small]})
        assert slower[large] == pytest.approx(2 * guessed[large])
