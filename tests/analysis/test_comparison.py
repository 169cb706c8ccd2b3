import math
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.analysis.comparison import compare
from bench.analysis.sides import Side
from bench.errors import BenchError
from tests.runs import run_table


def side(name, runs, machines=()):
    return Side(name, run_table(runs), machines)


few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEADY = [1.000, 1.001, 1.002, 1.003]


def of(runs_a, runs_b, **options):
    """B against A; the runs of both are of one session, unless they say otherwise."""
    [found] = compare(side("a", runs_a), [side("b", as_others(runs_b))], **options)
    return found


def as_others(runs):
    """The same rows as runs of their own."""
    return runs.assign(run_id=[f"{name}-b" for name in runs["run_id"]]) if "run_id" in runs else runs


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
    # Ratios from 1/1.1 to 1.1: the whole width is a factor of 1.21, past a margin of 1.01 makes 1.2221.
    found = only(scenario_runs([1.0, 1.1, 1.1, 1.1]), scenario_runs([1.0, 1.1, 1.1, 1.1]))
    assert found.verdict == "unclear"
    assert found.smallest_difference == pytest.approx(0.2221)
    assert found.reason == "differences from 22 % on would have shown"


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


def test_a_verdict_holds_only_among_all_that_were_asked_for(scenario_runs):
    # Four rounds reach p = 2/70 = 0.029 at best: enough for one of one, and for three of three, since then
    # the largest of them counts; for one of three, times three, it is 0.086.
    for factors, verdicts in (
        ([0.5, 1, 1], ["unclear", "same", "same"]),
        ([0.5, 0.6, 0.7], ["faster"] * 3),
        ([0.5], ["faster"]),
    ):
        found = of(many(scenario_runs, [1] * len(factors), 4), many(scenario_runs, factors, 4))
        assert [one.verdict for one in found.scenarios] == verdicts
        assert found.tested == len(factors)
    found = of(many(scenario_runs, [1, 1, 1], 4), many(scenario_runs, [0.5, 1, 1], 4))
    assert found.scenarios[0].reason == "among 3 scenarios so much comes about by chance (q = 0.086)"


def test_all_contenders_share_the_correction(scenario_runs):
    sides = [
        side(f"b{n}", as_others(many(scenario_runs, [factor], 4))) for n, factor in enumerate([0.5, 1, 1])
    ]
    found = compare(side("a", many(scenario_runs, [1], 4)), sides)
    assert [(one.tested, one.scenarios[0].verdict) for one in found] == [
        (3, "unclear"),
        (3, "same"),
        (3, "same"),
    ]


def test_overall_is_the_geometric_mean_with_an_interval_over_rounds(scenario_runs):
    found = of(many(scenario_runs, [1, 1], 4), many(scenario_runs, [0.5, 1.28], 4))
    [overall] = found.overall
    # sqrt(0.5 * 1.28) = 0.8; four rounds a side of a standard deviation of 0.0013 each, t of 6 is 2.45:
    # 2.45 * 0.0013 * sqrt(2 / 4) = 0.0022.
    assert overall.ratio == pytest.approx(0.8)
    assert (overall.low, overall.high) == pytest.approx((0.8 * (1 - 0.0022), 0.8 * 1.0022), abs=3e-4)
    assert (overall.scenarios, overall.reason, overall.verdict) == (2, "", "faster")


def test_what_has_but_one_round_on_a_side_has_no_interval(scenario_runs):
    [overall] = of(many(scenario_runs, [1, 1], 1), many(scenario_runs, [0.5, 0.5], 5)).overall
    assert (overall.ratio, overall.low, overall.verdict) == (pytest.approx(0.5, rel=0.01), None, "unclear")
    assert overall.reason == "a single round on a side"


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
        assert all(scenario.verdict in {"no verdict", "unclear", "failed"} for scenario in of(a, b).scenarios)


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


def test_noise_alone_is_not_called_a_difference(scenario_runs):
    rng = np.random.default_rng(5)
    noise = [np.exp(rng.normal(0, 0.05, 4)).tolist() for _ in range(400)]
    found = of(
        pd.concat([scenario_runs(times, f"s{n}", hidden=[n]) for n, times in enumerate(noise[:200])]),
        pd.concat([scenario_runs(times, f"s{n}", hidden=[n]) for n, times in enumerate(noise[200:])]),
    )
    assert not {"faster", "slower"} & found.counts.keys()
    [overall] = found.overall
    assert overall.low < 1 < overall.high


def sessions(scenario_runs, names, factor=1.0, **changes):
    """Four rounds in each of these sessions, whose moods are 1, 2, 3, … % apart."""
    return pd.concat(
        [
            scenario_runs([factor * (1 + 0.01 * n) * time for time in STEADY], **changes).assign(
                session_id=name
            )
            for n, name in enumerate(names)
        ]
    )


def test_between_sessions_the_sessions_count_and_not_their_runs(scenario_runs):
    found = of(sessions(scenario_runs, "abcd"), sessions(scenario_runs, "efgh", 1.02))
    (one,) = found.scenarios
    assert (found.basis.unit, found.basis.sessions_a, found.basis.sessions_b) == ("session", 4, 4)
    # Four log medians a side, of standard deviation s = 0.0127: 1.02 times or divided by
    # exp(t(6) s sqrt(2 / 4)) = exp(2.447 * 0.0127 * 0.7071) = 1.0222.
    assert one.ratio == pytest.approx(1.02)
    assert (one.low, one.high) == pytest.approx((1.02 / 1.0222, 1.02 * 1.0222), rel=1e-3)
    assert one.verdict == "unclear"
    clear = of(sessions(scenario_runs, "abcd"), sessions(scenario_runs, "efgh", 1.2))
    assert (clear.scenarios[0].verdict, clear.overall[0].verdict) == ("slower", "slower")
    assert clear.overall[0].low == pytest.approx(1.2 / 1.0222, rel=1e-3)


def test_three_sessions_a_side_give_a_ratio_and_no_verdict(scenario_runs):
    found = of(sessions(scenario_runs, "abc"), sessions(scenario_runs, "efgh", 1.5))
    (one,) = found.scenarios
    assert (found.basis.unit, one.verdict, one.low, one.q) == ("none", "no verdict", None, None)
    assert one.ratio == pytest.approx(1.5, rel=0.01)
    assert one.reason == found.overall[0].reason == "3 and 4 sessions, 4 and 4 needed"


def test_sessions_that_hold_both_sides_are_compared_each_with_itself(scenario_runs):
    # Moods of 0 to 2 % are on both sides of their session; the 0.4 % of its own that B is slower shows.
    fit, fused = (
        sessions(scenario_runs, "abc", factor, loop=loop) for factor, loop in ((1, "fit"), (1.02, "fused"))
    )
    found = of(fit, fused)
    (one,) = found.scenarios
    assert (found.basis.unit, found.basis.sessions_a, one.verdict) == ("run", 3, "slower")
    assert (one.a.times, one.ratio) == (12, pytest.approx(1.02))
    more = of(pd.concat([fit, sessions(scenario_runs, "z", loop="fit")]), fused)
    assert (more.basis.left_out_a, more.basis.left_out_b, more.scenarios[0].a.times) == (4, 0, 12)


def test_machines_that_share_sessions_are_compared_over_these(scenario_runs):
    nodes = [sessions(scenario_runs, "abcd", factor, node=node) for factor, node in ((1, "n1"), (1.1, "n2"))]
    found = of(*nodes)
    assert (found.basis.unit, found.scenarios[0].verdict) == ("pair of sessions", "slower")
    assert found.scenarios[0].low == pytest.approx(1.1)  # moods are shared, and so there is no scatter left
    assert of(*(node[node["session_id"] < "d"] for node in nodes)).basis.unit == "run"


def test_sides_one_after_the_other_are_told_from_sides_in_turns(scenario_runs):
    times = pd.Timestamp("2026-01-31", tz="UTC") + pd.to_timedelta([0, 1, 2, 3], unit="h")
    a, b = scenario_runs(STEADY), scenario_runs(STEADY).assign(session_id="other")
    apart = of(a.assign(started_at=times[[0, 0, 1, 1]]), b.assign(started_at=times[[2, 2, 3, 3]]))
    turns = of(a.assign(started_at=times[[0, 0, 2, 2]]), b.assign(started_at=times[[1, 1, 3, 3]]))
    assert (apart.basis.apart, turns.basis.apart, of(a, b).basis.apart) == (True, False, None)


def test_a_run_on_both_sides_is_refused(scenario_runs):
    runs = scenario_runs(STEADY)
    with pytest.raises(
        BenchError, match="A and B have 4 runs in common; choose sides that exclude each other"
    ):
        compare(side("A", runs), [side("B", runs)])


def test_several_runs_against_one_figure_get_a_verdict_of_their_own(scenario_runs):
    figure = scenario_runs([10.0]).assign(session_id="published")
    (one,) = of(figure, scenario_runs([1.0, 2.0, 1.5, 1.2])).scenarios
    assert (one.verdict, one.ratio, one.q) == ("below", pytest.approx(0.135), None)
    assert (one.one_figure.below, one.one_figure.rounds) == (4, 4)
    assert (one.one_figure.least, one.one_figure.most) == (0.1, 0.2)
    assert of(scenario_runs([1.0, 2.0, 1.5, 1.2]), figure).scenarios[0].verdict == "above"
    (among,) = of(figure, scenario_runs([9.0, 11.0, 10.05, 10.0])).scenarios
    assert among.verdict == "no verdict"
    assert among.reason == "below the one figure in 1 of 4 rounds, above it in 1"


def test_twenty_quiet_runs_against_six_noisy_ones_are_not_called_different(scenario_runs):
    rng = np.random.default_rng(3)
    tables = [
        pd.concat(
            [
                scenario_runs(np.exp(rng.normal(0, spread, rounds)).tolist(), f"s{n}", hidden=[n + 1])
                for n in range(100)
            ]
        )
        for spread, rounds in ((0.002, 20), (0.05, 6))
    ]
    found = of(*tables)
    assert not {"faster", "slower"} & found.counts.keys()
    assert sum(one.low <= 1 <= one.high for one in found.scenarios) >= 90


def test_scipys_slow_import_stays_out():
    code = "import sys, bench.analysis.comparison; sys.exit(any(m.startswith('scipy') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def in_sessions(scenario_runs, names, values, scenario_id, **changes):
    """Those runs in each of the sessions of these names."""
    return [scenario_runs(values, scenario_id, session_id=name, **changes) for name in names]


def test_a_scenario_that_no_session_has_on_both_sides_is_in_no_mean(scenario_runs):
    a = in_sessions(scenario_runs, "pq", STEADY, "s1") + in_sessions(scenario_runs, "p", STEADY, "s2")
    b = in_sessions(scenario_runs, "pq", STEADY, "s1") + in_sessions(scenario_runs, "q", [2.0] * 4, "s2")
    found = of(pd.concat(a), pd.concat(b))
    assert [one.verdict for one in found.scenarios] == ["same", "no verdict"]
    assert found.scenarios[1].reason == "no session has runs of both sides"
    assert [(one.scenarios, one.ratio) for one in found.overall] == [(1, pytest.approx(1))]


def test_neither_is_one_of_sessions_that_hold_two_machines(scenario_runs):
    on_a, on_b = {"machine_id": "one"}, {"machine_id": "other"}
    a = in_sessions(scenario_runs, "pqrs", STEADY, "s1", **on_a)
    b = in_sessions(scenario_runs, "pqrs", STEADY, "s1", **on_b)
    a += in_sessions(scenario_runs, "p", STEADY, "s2", **on_a)
    b += in_sessions(scenario_runs, "q", [2.0] * 4, "s2", **on_b)
    found = of(pd.concat(a), pd.concat(b))
    assert found.basis.unit == "pair of sessions"
    assert [one.verdict for one in found.scenarios] == ["same", "no verdict"]
    assert [one.scenarios for one in found.overall] == [1]


def test_of_paired_sessions_the_ratio_is_of_those_that_have_both(scenario_runs):
    a = in_sessions(scenario_runs, "pqrs", STEADY, "s1", machine_id="one")
    b = in_sessions(scenario_runs, "pqrs", STEADY, "s1", machine_id="other")
    a += in_sessions(scenario_runs, "p", [1.0], "s2", machine_id="one")
    a += in_sessions(scenario_runs, "q", [9.0], "s2", machine_id="one")
    b += in_sessions(scenario_runs, "p", [2.0], "s2", machine_id="other")
    found = of(pd.concat(a), pd.concat(b)).scenarios[1]
    assert (found.ratio, found.reason) == (pytest.approx(2), "1 and 1 sessions, 4 and 4 needed")


def test_a_scenario_with_a_single_round_has_no_scatter_that_a_mean_could_have(scenario_runs):
    a, b = (
        pd.concat([scenario_runs(STEADY, "s1"), scenario_runs([value], "s2"), scenario_runs([value], "s3")])
        for value in (1.0, 1.3)
    )
    found = of(a, b)
    assert [(one.scenarios, one.verdict) for one in found.overall] == [(1, "same")]
    [alone] = of(scenario_runs([1.0]), scenario_runs([1.3])).overall
    assert (alone.scenarios, alone.low, alone.reason) == (1, None, "a single round on a side")


def test_a_scenario_of_one_session_is_in_no_mean_over_sessions(scenario_runs):
    a = in_sessions(scenario_runs, "pqrs", STEADY, "s1") + in_sessions(scenario_runs, "p", STEADY, "s2")
    b = in_sessions(scenario_runs, "tuvw", STEADY, "s1") + in_sessions(scenario_runs, "t", [2.0] * 4, "s2")
    [overall] = of(pd.concat(a), pd.concat(b)).overall
    assert (overall.scenarios, overall.verdict) == (1, "same")


def test_few_rounds_of_several_sessions_are_told_what_one_would_take(scenario_runs):
    a, b = (pd.concat(in_sessions(scenario_runs, "pq", [1.0, 1.1], "s1")) for _ in "ab")
    reason = "4 and 4 rounds in 2 sessions reach 94.4 % at most, 4 and 4 in one needed"
    assert only(a, b).reason == reason


def test_at_little_confidence_more_than_the_interval_is_needed_for_a_difference_to_show(scenario_runs):
    """Of a normal distribution the 75 % point is 0.674 standard errors out, and 95 % 1.645 more."""
    values = list(np.exp(0.02 * np.linspace(-2, 2, 12)))
    found = only(scenario_runs(values), scenario_runs(values), confidence=0.5)
    assert found.attained_confidence == pytest.approx(0.5, abs=0.05)
    z = NormalDist().inv_cdf((1 + found.attained_confidence) / 2)
    widths = (z + 1.644854) / (2 * z)
    assert found.smallest_difference == pytest.approx((found.high / found.low) ** widths * 1.01 - 1)


def test_one_scenario_between_few_sessions_is_told_why_it_is_unclear(scenario_runs):
    a, b = (
        pd.concat(
            scenario_runs([factor * one], session_id=f"{factor}-{n}")
            for n, one in enumerate((1.0, 1.02, 1.05, 0.97))
        )
        for factor in (1.0, 1.085)
    )
    found = only(a, b)
    assert (found.verdict, found.low > 1.01) == ("unclear", True)
    assert found.reason.startswith("between so few sessions so much comes about by chance (q = 0.0")
