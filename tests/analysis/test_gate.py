import math

import numpy as np
import pytest

from bench.analysis.decision import exceeds
from bench.analysis.gate import exit_status, judgements
from bench.analysis.gate_rule import parse_rule
from bench.analysis.sides import Side
from tests.runs import run_table
from tests.statistics.gate import Sides
from tests.statistics.gate import judgements as simulated

STEADY = [1.000, 1.001, 1.002, 1.003]
RULE = "slower > 5%"


def times(factor):
    return [factor * value for value in STEADY]


@pytest.fixture
def gate():
    """Call with rows of A, rows of B and rules; gives the judgements, in one session unless rows say."""

    def found(a, b, *rules, **options):
        sides = [Side(name, run_table(*rows)) for name, rows in (("A", a), ("B", b))]
        return judgements([parse_rule(rule) for rule in rules], sides[0], sides[1:], **options)

    return found


def outcomes(judgement):
    return [case.outcome for case in judgement.cases]


def test_a_scenario_fails_where_its_whole_interval_lies_past_the_threshold(gate, scenario_runs):
    a = [scenario_runs(STEADY, name) for name in ("s1", "s2", "s3")]
    b = [scenario_runs(times(f), name) for f, name in ((1.1, "s1"), (1.03, "s2"), (1.0491, "s3"))]
    [found] = gate(a, b, RULE)
    assert outcomes(found) == ["fails", "passes", "undecided"]
    worst = found.of("fails")[0]
    assert (worst.name, worst.seconds) == ("s1", pytest.approx(1.10165))
    assert (worst.low, worst.value, worst.high) == pytest.approx((1.1 / 1.003, 1.1, 1.1 * 1.003))
    assert (found.outcome, exit_status([found])) == ("fails", 1)


def test_only_scenarios_past_the_threshold_share_the_correction(gate, scenario_runs):
    """With four runs a side p is 2/70 at least: once it holds at 5 %, also among many that are equal."""
    names = [f"s{number}" for number in range(8)]
    a = [scenario_runs(STEADY, name) for name in names]
    b = [scenario_runs(times(1.1 if name == "s0" else 1), name) for name in names]
    [found] = gate(a, b, RULE)
    assert (found.cases[0].outcome, found.cases[0].q) == ("fails", pytest.approx(2 / 70))
    b[1] = scenario_runs([1.04, 1.2, 1.2, 1.2], "s1")
    [doubted] = gate(a, b, RULE)
    assert doubted.cases[0].outcome == "undecided"
    assert doubted.cases[0].q == pytest.approx(2 * 2 / 70)
    assert doubted.cases[0].reason == "among so many scenarios so much comes about by chance (q = 0.057)"


@pytest.mark.parametrize(
    ("low", "high", "q", "expected"),
    [
        (1.06, 1.2, None, True),
        (1.06, 1.2, 0.05, True),
        (1.06, 1.2, 0.051, None),
        (1.05, 1.2, 0.01, None),
        (0.9, 1.05, 1.0, False),
        (1.06, float("inf"), 0.01, True),
        (None, None, None, None),
    ],
)
def test_an_interval_lies_past_a_bound_or_not_past_it_or_across(low, high, q, expected):
    assert exceeds(low, high, 1.05, q, 0.05) is expected


def test_faster_is_asked_by_the_same_rule_the_other_way_round(gate, scenario_runs):
    a, b = [scenario_runs(STEADY)], [scenario_runs(times(1 / 1.3))]
    [fails, passes] = gate(a, b, "faster > 20%", RULE)
    assert (fails.outcome, fails.cases[0].value) == ("fails", pytest.approx(1.3))
    assert passes.outcome == "passes"
    assert gate(b, a, "faster > 20%")[0].outcome == "passes"


def test_the_mean_can_pass_where_a_scenario_does_not(gate, scenario_runs):
    a = [scenario_runs(STEADY, name) for name in ("s1", "s2", "s3")]
    b = [scenario_runs(times(f), name) for f, name in ((1.06, "s1"), (1, "s2"), (1, "s3"))]
    by_scenario, mean = gate(a, b, RULE, "overall slower > 5%")
    assert (by_scenario.outcome, mean.outcome) == ("fails", "passes")
    assert mean.cases[0].name == "mean step_seconds of 3 scenarios"
    assert gate(a, b, "overall slower > 1%")[0].outcome == "fails"


def test_a_side_that_does_not_run_any_more_fails_every_rule(gate, scenario_runs):
    dead = scenario_runs([None] * 4, status=["timeout"] * 4)
    a, b = [scenario_runs(STEADY)], [dead]
    found = gate(a, b, RULE, "overall slower > 5%", "faster > 5%", "failed")
    assert [judgement.outcome for judgement in found] == ["fails"] * 4
    assert found[0].cases[0].reason == "4 of 4 runs of B did not end ok (4 timeout)"
    assert gate(b, a, RULE)[0].outcome == "undecided"
    assert gate(b, [dead.assign(run_id=[f"b{n}" for n in range(4)])], RULE)[0].outcome == "undecided"


def test_failed_asks_for_runs_of_b_alone_that_did_not_end_ok(gate, scenario_runs):
    some = [*STEADY[:3], None]
    status = ["ok", "ok", "ok", "oom_host"]
    whole = [scenario_runs(STEADY)]
    part, other_part = ([scenario_runs(some, status=status)] for _ in range(2))
    assert gate(whole, part, "failed")[0].outcome == "fails"
    assert gate(part, whole, "failed")[0].outcome == "passes"
    [both] = gate(part, other_part, "failed")
    assert both.outcome == "undecided"
    assert both.cases[0].reason == (
        "1 of 4 runs of A did not end ok (1 oom_host); 1 of 4 runs of B did not end ok (1 oom_host)"
    )


def test_what_cannot_be_told_is_undecided(gate, scenario_runs):
    few = gate([scenario_runs(STEADY[:3])], [scenario_runs(STEADY[:3])], RULE)[0]
    assert few.cases[0].reason == "3 and 3 rounds reach 90 % at most, 4 and 4 needed"
    refused = gate([scenario_runs(STEADY)], [scenario_runs(STEADY, dataset_sha256="cd")], RULE)[0]
    assert refused.cases[0].reason == "the data differ (dataset_sha256)"
    other_day = gate([scenario_runs(STEADY)], [scenario_runs(STEADY, session_id="other")], RULE)[0]
    assert other_day.cases[0].reason == "1 and 1 sessions, 4 and 4 needed"
    nothing = gate([scenario_runs(STEADY, "s1")], [scenario_runs(STEADY, "s2", hidden=[7])], RULE)[0]
    assert (nothing.cases, nothing.only_a, nothing.only_b) == ((), 1, 1)
    for judgement in (few, refused, other_day, nothing):
        assert judgement.outcome == "undecided"
        assert (exit_status([judgement]), exit_status([judgement], undecided_is_ok=True)) == (3, 0)


def test_four_sessions_a_side_tell_of_machines(gate, scenario_runs):
    moods = [1.0, 1.01, 0.99, 1.005]
    a, b = (
        [
            scenario_runs([factor * mood] * 4, session_id=f"{name}{number}")
            for number, mood in enumerate(moods)
        ]
        for name, factor in (("a", 1), ("b", 1.2))
    )
    [found] = gate(a, b, RULE)
    assert (found.outcome, found.basis.unit) == ("fails", "session")
    assert gate(b, a, RULE)[0].outcome == "passes"


def test_the_target_is_asked_of_scenarios_that_have_one(gate, scenario_runs):
    def side(factor, *seconds):
        aimed = scenario_runs(times(factor), "s1", target_accuracy=0.9).assign(target_seconds=seconds)
        return [aimed, scenario_runs(STEADY, "s2").assign(target_seconds=None)]

    a = side(1, 5.0, 5.01, 5.02, 5.03)
    [slower, target] = gate(a, side(1, 6.0, 6.01, 6.02, 6.03), RULE, "target > 5%")
    assert (slower.outcome, slower.not_asked) == ("passes", 0)
    assert (outcomes(target), target.not_asked) == (["fails"], 1)
    missed = gate(a, side(0.9, None, None, None, None), "target > 5%")[0]
    assert (missed.outcome, missed.cases[0].seconds) == ("fails", float("inf"))
    [nobody] = gate([scenario_runs(STEADY)], [scenario_runs(STEADY)], "target > 5%")
    assert (nobody.outcome, nobody.not_asked) == ("undecided", 1)


def test_an_undecided_case_says_how_many_rounds_would_tell(gate, scenario_runs):
    # From 1/1.1 to 1.1 around 1: half of its width is 1.9 times the distance to the threshold, and 1.84 of it
    # are needed.
    a, b = [scenario_runs([1.0, 1.1, 1.1, 1.1])], [scenario_runs([1.1, 1.0, 1.1, 1.1])]
    [found] = gate(a, b, RULE)
    [case] = found.cases
    assert case.needed == 50


def test_accuracy_is_asked_in_points_by_pairs_of_seeds(gate, scenario_runs):
    seeds = list(range(6))
    a = [scenario_runs([1.0] * 6).assign(seed=seeds, val_accuracy=[0.970, 0.971, 0.972, 0.973, 0.974, 0.975])]
    b = [scenario_runs([1.0] * 6).assign(seed=seeds, val_accuracy=[0.964, 0.966, 0.965, 0.967, 0.969, 0.968])]
    # Lost: 0.6, 0.5, 0.7, 0.6, 0.5 and 0.7 points, 0.6 ± 0.09 at 95 %.
    found = gate(a, b, "accuracy > 0.3pt", "accuracy > 0.6pt", "accuracy > 1pt")
    assert [judgement.outcome for judgement in found] == ["fails", "undecided", "passes"]
    assert gate(b, a, "accuracy > 0.3pt")[0].outcome == "passes"


def test_accuracy_counts_seeds_in_whatever_sessions_they_ran(gate, scenario_runs):
    """Where it is undecided more seeds would tell; q has to be 5 % at most, as in the comparison."""

    def side(session, lost):
        runs = scenario_runs([1.0] * 6, session_id=session).assign(seed=range(6))
        return [runs.assign(val_accuracy=[0.97 + 0.001 * n - one for n, one in enumerate(lost)])]

    a = side("one", [0] * 6)
    [found] = gate(a, side("other", [0.004, 0.012, 0.009, 0.004, 0.012, 0.007]), "accuracy > 0.4pt")
    [case] = found.cases
    assert found.basis.unit == "none"
    assert 0.02 < case.q < 0.05
    assert case.outcome == "fails"
    [open_] = gate(a, side("other", [0.000, 0.012, 0.009, 0.004, 0.012, 0.007]), "accuracy > 0.4pt")
    half, gap = (open_.cases[0].high - open_.cases[0].low) / 2, open_.cases[0].value - 0.004
    assert open_.cases[0].needed == math.ceil(6 * ((1 + 1.644854 / 1.959964) * half / gap) ** 2)


def test_energy_is_compared_as_times_are(gate, scenario_runs):
    a, b = ([scenario_runs(STEADY).assign(energy_joules=joules)] for joules in (STEADY, times(1.1)))
    [more, within] = gate(a, b, "energy > 5%", "overall energy > 20%")
    assert (more.outcome, within.outcome) == ("fails", "passes")
    [unknown] = gate([scenario_runs(STEADY)], [scenario_runs(STEADY)], "energy > 5%")
    assert unknown.outcome == "undecided"


def test_the_worst_rule_decides_the_exit_status(gate, scenario_runs):
    a, b = [scenario_runs(STEADY)], [scenario_runs(times(1.1))]
    fails, undecided, passes = gate(a, b, RULE, "slower > 10%", "slower > 20%")
    assert exit_status([passes, undecided, fails]) == 1
    assert exit_status([passes, undecided]) == 3
    assert exit_status([passes]) == 0


ONE_SESSION = Sides(looks=10, noise=0.02)
TABLES = 200


def test_equal_scenarios_never_fail_and_one_that_is_slower_does():
    rng = np.random.default_rng(12)
    equal = simulated(rng, ONE_SESSION, [1.0] * 40, TABLES // 5)
    assert not any(judgement.of("fails") for judgement in equal)
    assert sum(judgement.outcome == "passes" for judgement in equal) >= 0.75 * len(equal)
    one_slower = simulated(rng, ONE_SESSION, [1.1] + [1.0] * 6, TABLES)
    caught = sum(judgement.cases[0].outcome == "fails" for judgement in one_slower)
    assert caught >= 0.95 * TABLES
    assert not any(case.outcome == "fails" for judgement in one_slower for case in judgement.cases[1:])


def test_scenarios_right_at_the_threshold_fail_in_few_tables():
    at_the_threshold = simulated(np.random.default_rng(3), ONE_SESSION, [1.05] * 7, TABLES)
    assert sum(judgement.outcome == "fails" for judgement in at_the_threshold) <= 0.05 * TABLES
    assert sum(judgement.outcome == "passes" for judgement in at_the_threshold) <= 0.025 * TABLES
