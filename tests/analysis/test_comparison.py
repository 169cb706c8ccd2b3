import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.analysis import comparison
from bench.errors import BenchError
from tests.runs import run_table


def compare(runs_a, machines_a, runs_b, machines_b, **options):
    return comparison.compare(run_table(runs_a), machines_a, run_table(runs_b), machines_b, **options)


few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEADY = [1.000, 1.001, 1.002, 1.003]


def of(runs_a, runs_b, **options):
    return compare(runs_a, [], runs_b, [], **options)


def only(runs_a, runs_b, **options):
    [scenario] = of(runs_a, runs_b, **options).scenarios
    return scenario


def test_a_clear_difference_is_faster_one_way_and_slower_the_other(scenario_runs):
    a, b = scenario_runs(STEADY), scenario_runs([0.8 * value for value in STEADY])
    faster = only(a, b)
    assert faster.verdict == "faster"
    # With 4 a side the interval is from the least to the largest ratio.
    assert (faster.low, faster.high) == pytest.approx((0.8 / 1.003, 0.8 * 1.003))
    assert faster.ratio == pytest.approx(0.8)
    assert faster.p == pytest.approx(2 / 70)
    assert only(b, a).verdict == "slower"


def test_times_within_one_percent_are_the_same(scenario_runs):
    found = only(scenario_runs(STEADY), scenario_runs([1.004 * value for value in STEADY]))
    assert (found.verdict, found.reason) == ("same", "")
    assert only(scenario_runs(STEADY), scenario_runs(STEADY), delta=0.001).verdict == "unclear"


def test_an_interval_across_the_margin_is_unclear_and_says_what_would_show(scenario_runs):
    # Ratios from 1/1.1 to 1.1: half the width is a factor of 1.1, past a margin of 1.01 makes 1.111.
    found = only(scenario_runs([1.0, 1.1, 1.1, 1.1]), scenario_runs([1.0, 1.1, 1.1, 1.1]))
    assert found.verdict == "unclear"
    assert found.smallest_difference == pytest.approx(0.111)
    assert found.reason == "these rounds show differences from 11 % on"


def test_three_rounds_cannot_tell_at_95_percent(scenario_runs):
    found = only(scenario_runs([1.0] * 3), scenario_runs([0.5] * 3))
    assert (found.verdict, found.low, found.ratio) == ("unclear", None, pytest.approx(0.5))
    assert found.reason == "3 and 3 rounds reach 90 % at most, 4 and 4 needed"
    assert only(scenario_runs([1.0] * 3), scenario_runs([0.5] * 3), confidence=0.9).verdict == "faster"


def test_failed_runs_give_no_time_and_are_counted(scenario_runs):
    status = ["ok", "oom_device", "ok", "ok", "ok"]
    found = only(scenario_runs([*STEADY, 1.0]), scenario_runs([0.5, 9.0, 0.5, 0.5, 0.5], status=status))
    assert (found.b.ok, found.b.runs, found.b.seconds) == (4, 5, 0.5)
    assert found.b.statuses == (("oom_device", 1),)
    assert found.verdict == "faster"


def test_a_side_without_an_ok_run_has_failed(scenario_runs):
    found = only(scenario_runs(STEADY), scenario_runs([None] * 2, status=["timeout", "timeout"]))
    assert (found.verdict, found.reason) == ("failed", "no run of B ended ok (2 timeout)")
    assert (found.a.seconds, found.b.seconds) == (pytest.approx(1.0015), None)


def test_without_step_times_on_one_side_whole_fits_are_compared(scenario_runs):
    a = scenario_runs([None] * 4, wall_seconds=[10.0, 10.0, 10.0, 10.0])
    b = scenario_runs([1.0] * 4, wall_seconds=[20.0, 20.0, 20.0, 20.0])
    found = only(a, b)
    assert (found.metric, found.ratio) == ("wall_seconds", pytest.approx(2))
    assert (only(b, b).metric, only(b, b, metric="wall_seconds").metric) == ("step_seconds", "wall_seconds")


def test_a_time_that_no_run_has_is_named(scenario_runs):
    found = only(scenario_runs(STEADY), scenario_runs(STEADY), metric="train_seconds")
    assert (found.verdict, found.reason) == ("unclear", "no train_seconds in A and B")


def test_a_missed_target_lasts_longer_than_any_reached_one(scenario_runs):
    a = scenario_runs(STEADY, target_accuracy=0.985).assign(target_seconds=[5.0, 5.0, 5.0, 5.0])
    b = scenario_runs(STEADY, target_accuracy=0.985).assign(target_seconds=[10.0, 10.0, 10.0, None])
    found = only(a, b, metric="target_seconds")
    assert (found.verdict, found.ratio, found.low, found.high) == (
        "slower",
        pytest.approx(2),
        pytest.approx(2),
        math.inf,
    )
    never = b.assign(target_seconds=[None] * 4)
    assert only(a, never, metric="target_seconds").b.seconds == math.inf
    both = only(never, never, metric="target_seconds")
    assert (both.verdict, both.ratio, both.reason) == ("unclear", None, "missed targets leave the ratio open")
    [overall] = of(never, never, metric="target_seconds").overall
    assert (overall.ratio, overall.reason) == (None, "missed targets leave the mean open")


def test_without_a_target_there_is_no_time_to_it(scenario_runs):
    runs = scenario_runs(STEADY).assign(target_seconds=[None] * 4)
    assert only(runs, runs, metric="target_seconds").reason == "no target_seconds in A and B"


def test_other_data_are_refused_unless_forced(scenario_runs):
    a, b = scenario_runs(STEADY), scenario_runs(STEADY, dataset_sha256="cd")
    assert (only(a, b).verdict, only(a, b).ratio) == ("refused", None)
    assert only(a, b, force=True).verdict == "same"
    assert only(a, scenario_runs(STEADY, dataset_sha256=None)).verdict == "same"


def test_another_global_batch_is_refused_unless_forced(scenario_runs):
    weak = {"batch_size": None, "batch_per_replica": 1000}
    a, b = scenario_runs(STEADY, "s1", **weak), scenario_runs(STEADY, "s2", devices=2, **weak)
    assert only(a, b).reason == "the global batch differs (1,000 and 2,000)"
    assert only(a, b, force=True).verdict == "same"


def test_another_target_is_refused_where_the_time_to_it_is_compared(scenario_runs):
    a, b = (
        scenario_runs(STEADY, name, target_accuracy=target).assign(target_seconds=STEADY)
        for name, target in (("s1", 0.97), ("s2", 0.98))
    )
    assert only(a, b, metric="target_seconds").verdict == "refused"
    assert only(a, b).verdict == "same"


def many(scenario_runs, factors, rounds, **changes):
    times = [STEADY[0] + 0.001 * number for number in range(rounds)]
    tables = [
        scenario_runs([factor * time for time in times], f"s{number}", hidden=[number + 1], **changes)
        for number, factor in enumerate(factors)
    ]
    return pd.concat(tables)


def test_headline_counts_are_corrected_for_the_number_of_scenarios(scenario_runs):
    # Four rounds reach p = 2/70 = 0.029 at best: enough alone, not for three (0.086). Five reach 0.0079,
    # times three 0.024.
    for rounds, kept in ((4, 0), (5, 2)):
        a, b = many(scenario_runs, [1, 1, 1], rounds), many(scenario_runs, [0.5, 0.6, 1], rounds)
        found = of(a, b)
        [overall] = found.overall
        assert (overall.faster, overall.same, overall.faster_holm) == (2, 1, kept)
        assert (found.tested, found.rounds_for_holm) == (3, 5)
        assert found.counts == {"faster": 2, "same": 1}


def test_overall_is_the_geometric_mean_with_an_interval_over_rounds(scenario_runs):
    found = of(many(scenario_runs, [1, 1], 4), many(scenario_runs, [0.5, 1.28], 4))
    [overall] = found.overall
    # sqrt(0.5 * 1.28) = 0.8
    assert overall.ratio == pytest.approx(0.8)
    assert 0.797 < overall.low < 0.8 < overall.high < 0.803
    assert (overall.scenarios, overall.reason) == (2, "")


def test_overall_has_no_interval_from_three_rounds(scenario_runs):
    [overall] = of(many(scenario_runs, [1, 1], 3), many(scenario_runs, [0.5, 0.5], 5)).overall
    assert (overall.ratio, overall.low) == (pytest.approx(0.5, rel=0.01), None)
    assert overall.reason == "as few as 3 and 5 rounds a scenario, 4 and 4 needed"


def test_steps_and_whole_fits_are_never_one_mean(scenario_runs):
    walls = {"wall_seconds": [3.0] * 4}
    a = pd.concat([scenario_runs(STEADY, "s1"), scenario_runs([None] * 4, "s2", hidden=[9], **walls)])
    b = pd.concat([scenario_runs(STEADY, "s1"), scenario_runs(STEADY, "s2", hidden=[9], **walls)])
    assert [(o.metric, o.scenarios) for o in of(a, b).overall] == [("step_seconds", 1), ("wall_seconds", 1)]


def test_what_has_no_partner_is_listed(scenario_runs):
    found = of(many(scenario_runs, [1, 1], 4), many(scenario_runs, [1], 4))
    assert (found.only_a, found.only_b, len(found.scenarios)) == (("s1",), (), 1)


def test_flags_and_accuracy_of_ok_runs_are_kept(scenario_runs):
    flags = [["contended"], [], ["contended", "unstable"], []]
    found = only(
        scenario_runs(STEADY, flags=flags), scenario_runs(STEADY).assign(val_accuracy=[0.9, 0.94, 0.92, None])
    )
    assert found.a.flags == ("contended", "unstable")
    assert (found.a.val_accuracy, found.b.val_accuracy) == (0.97, 0.92)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(),
        pd.DataFrame({"scenario_id": ["s1"]}),
        pd.DataFrame({"scenario_id": ["s1"], "wall_seconds": [34.0]}),
        pd.DataFrame(
            {
                "scenario_id": ["s1"],
                "status": [None],
                "round": [None],
                "flags": [None],
                "step_seconds": [None],
            }
        ),
    ],
)
def test_missing_columns_and_nulls_do_no_harm(scenario_runs, table):
    for a, b in ((table, scenario_runs(STEADY)), (scenario_runs(STEADY), table), (table, table)):
        assert all(scenario.verdict in {"unclear", "failed"} for scenario in of(a, b).scenarios)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 95}, "confidence: 95"),
        ({"delta": -0.1}, "delta: -0.1"),
        ({"metric": "steps"}, "use one of step_seconds"),
    ],
)
def test_impossible_options_name_the_remedy(options, message):
    with pytest.raises(BenchError, match=message):
        of(pd.DataFrame(), pd.DataFrame(), **options)


@few
@given(st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=7))
def test_a_side_is_never_faster_or_slower_than_itself(scenario_runs, times):
    found = only(scenario_runs(times), scenario_runs(times))
    assert found.verdict in {"same", "unclear"}
    assert found.ratio == pytest.approx(1)


@few
@given(
    st.lists(st.floats(0.5, 2), min_size=4, max_size=6), st.lists(st.floats(0.5, 2), min_size=4, max_size=6)
)
def test_swapping_the_sides_swaps_the_verdict(scenario_runs, times_a, times_b):
    forth = only(scenario_runs(times_a), scenario_runs(times_b))
    back = only(scenario_runs(times_b), scenario_runs(times_a))
    swapped = {"faster": "slower", "slower": "faster"}
    assert back.verdict == swapped.get(forth.verdict, forth.verdict)


def test_noise_alone_is_called_a_difference_in_under_five_percent(scenario_runs):
    rng = np.random.default_rng(5)
    noise = [np.exp(rng.normal(0, 0.05, 4)).tolist() for _ in range(400)]
    found = of(
        pd.concat([scenario_runs(times, f"s{n}", hidden=[n]) for n, times in enumerate(noise[:200])]),
        pd.concat([scenario_runs(times, f"s{n}", hidden=[n]) for n, times in enumerate(noise[200:])]),
    )
    [overall] = found.overall
    assert overall.faster + overall.slower <= 10
    assert overall.faster_holm + overall.slower_holm == 0
    assert overall.low < 1 < overall.high


def test_scipys_slow_import_stays_out():
    code = "import sys, bench.analysis.comparison; sys.exit(any(m.startswith('scipy') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
