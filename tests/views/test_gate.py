from dataclasses import replace

import pytest

from bench.analysis.gate_cases import Case
from bench.views.gate import gate_lines, gate_markdown, gate_texts
from tests.judgements import basis, judgement

PASSES = Case("batch_size=1", "passes", 0.001, 1.01, 0.99, 1.03, 1.0)
FAILS = Case("batch_size=100, loop=fit", "fails", 0.002, 1.12, 1.08, 1.15, 0.001)
OPEN = Case("batch_size=10", "undecided", 0.002, 1.02, 0.97, 1.07, 1.0, needed=28)
DEAD = Case("batch_size=7", "fails", reason="4 of 4 runs of B did not end ok (4 timeout)")
SILENT = Case("batch_size=8", "undecided", reason="2 and 2 sessions, 4 and 4 needed")


def test_one_rule_is_one_line_with_the_exit_status():
    found = [judgement(*[PASSES] * 6, FAILS)]
    line = (
        "GATE slower > 5%: passes in 6, fails in 1 (batch_size=100, loop=fit: 1.120, 1.080 to 1.150), "
        "undecided in 0: exit status 1"
    )
    assert gate_lines(found) == [line]
    assert gate_markdown(found) == line + "\n"
    assert gate_texts(found)[0].plain == line


def test_what_is_undecided_says_what_would_tell():
    found = [judgement(PASSES, OPEN)]
    assert gate_lines(found) == [
        "GATE slower > 5%: passes in 1, fails in 0, undecided in 1 (batch_size=10: 1.020, 0.970 to 1.070): "
        "exit status 3",
        "slower > 5%: some 28 rounds a side would tell, if what was measured is so",
        "--undecided ok takes what cannot be told for passed",
    ]
    assert [line.split(":")[-1] for line in gate_lines(found, undecided_is_ok=True)[:1]] == [" exit status 0"]
    assert not any("--undecided" in line for line in gate_lines(found, undecided_is_ok=True))
    near = [judgement(replace(OPEN, needed=None), on=basis("session", 4, apart=True))]
    assert gate_lines(near)[1:3] == [
        "slower > 5%: what is undecided would take more than 200 sessions a side: "
        "it lies too near the threshold, or scatters too widely",
        "All of one side ran before the other began, and machines wander: run the sides in turns",
    ]


def test_too_few_sessions_say_how_many_there_must_be():
    lines = gate_lines([judgement(*[SILENT] * 3, on=basis("none", 2))])
    assert lines[0].endswith("undecided in 3 (3 times 2 and 2 sessions, 4 and 4 needed): exit status 3")
    assert lines[1] == "Run each side in 4 sessions, in turns: how far sessions differ is unknown"


def test_several_rules_and_contenders_are_told_apart():
    found = [judgement(PASSES), judgement(FAILS, b="C"), judgement(SILENT, rule="target > 1%")]
    lines = gate_lines(found)
    assert [line.split(":")[0] for line in lines[:4]] == [
        "GATE slower > 5%, B",
        "GATE slower > 5%, C",
        "GATE target > 1%, B",
        "GATE",
    ]
    assert lines[3] == "GATE: passes 1, fails 1, undecided 1: exit status 1"


def test_of_accuracy_more_seeds_would_tell():
    lost = replace(OPEN, value=0.003, low=0.001, high=0.005)
    _, line, *_ = gate_lines([judgement(lost, rule="accuracy > 0.4pt")])
    assert line == "accuracy > 0.4pt: some 28 seeds a side would tell, if what was measured is so"


def test_five_hundred_scenarios_fit_into_a_few_lines():
    failed = [replace(FAILS, name=f"s{n}", value=1.1 + n / 1000) for n in range(250)]
    found = judgement(*failed, *[DEAD] * 20, *[SILENT] * 150, *[OPEN] * 2, *[PASSES] * 77, rule="slower > 5%")
    lines = gate_lines([found])
    assert lines[0] == (
        "GATE slower > 5%: passes in 77, fails in 270 (20 times 4 of 4 runs of B did not end ok (4 timeout); "
        "s249: 1.349, 1.080 to 1.150; s248: 1.348, 1.080 to 1.150; 248 more), undecided in 152 "
        "(150 times 2 and 2 sessions, 4 and 4 needed; batch_size=10: 1.020, 0.970 to 1.070; "
        "1 more): exit status 1"
    )


def test_the_mean_is_told_as_it_is_and_accuracy_in_points():
    mean = replace(PASSES, name="mean step_seconds of 7 scenarios")
    [line] = gate_lines([judgement(mean, rule="overall slower > 5%", not_asked=2)])
    assert line == (
        "GATE overall slower > 5%: passes (mean step_seconds of 7 scenarios: 1.010, 0.990 to 1.030), "
        "2 not asked about: exit status 0"
    )
    lost = replace(FAILS, name="s1", value=0.0042, low=0.0031, high=0.0053)
    [line] = gate_lines([judgement(lost, rule="accuracy > 0.3pt")])
    assert "fails in 1 (s1: 0.42, 0.31 to 0.53 points lost)" in line


@pytest.mark.parametrize(
    ("rule", "not_asked", "why"),
    [
        ("slower > 5%", 0, "A and B have no scenario in common"),
        ("target > 5%", 3, "no scenario has a target_accuracy"),
        ("overall slower > 5%", 3, "no scenario was compared"),
    ],
)
def test_nothing_to_judge_is_undecided(rule, not_asked, why):
    [line, *_] = gate_lines([judgement(rule=rule, not_asked=not_asked)])
    assert line == f"GATE {rule}: undecided ({why}): exit status 3"


def test_scenarios_of_one_side_are_counted():
    [line] = gate_lines([judgement(PASSES, only_a=1200, only_b=1)])
    assert "undecided in 0, 1,200 only in A, 1 only in B: exit status 0" in line


def test_names_cannot_steer_a_terminal():
    [line] = gate_lines([judgement(replace(FAILS, name="a\x1b[2Jb\nc"))])
    assert r"a\x1b[2Jb\nc: 1.120" in line
