"""The sentence on top."""

from dataclasses import replace

import pytest

from bench.analysis.accuracy import AccuracyDifference
from bench.views.comparison import headline, side_letters
from bench.views.comparison.headline import sentences


def batches(built, ratios, verdicts, half=0.02):
    return [
        built.row(f"batch {10**power}", ratio, verdict, half, {"batch_size": 10**power})
        for power, (ratio, verdict) in enumerate(zip(ratios, verdicts, strict=True))
    ]


def test_all_scenarios_agree(built):
    rows = batches(built, [1.3] * 7, ["slower"] * 7)
    found = built.comparison(rows, [built.overall(rows)])
    assert headline(found) == "B is 1.30 times slower (1.26 to 1.34) in 7 of 7 scenarios of this session."


@pytest.mark.parametrize(
    ("basis", "where"),
    [
        (("run", 1, 1), " of this session."),
        (("run", 3, 3), " of these 3 sessions."),
        (("session", 5, 4), ", over 5 and 4 sessions."),
        (("pair of sessions", 6, 6), ", over 6 sessions that hold both."),
    ],
)
def test_it_says_what_it_holds_for(built, basis, where):
    rows = batches(built, [1.3] * 7, ["slower"] * 7)
    assert headline(built.comparison(rows, [built.overall(rows)], basis=built.basis(*basis))).endswith(
        f"7 scenarios{where}"
    )


def test_faster_is_said_in_both_units(built):
    rows = batches(built, [1 / 1.3] * 7, ["faster"] * 7)
    overall = built.overall(rows, 1 / 1.3, 1 / 1.34, 1 / 1.26, "faster")
    assert headline(built.comparison(rows, [overall])) == (
        "B is 1.30 times faster (1.26 to 1.34; it takes 0.77 of A's time) "
        "in 7 of 7 scenarios of this session."
    )


def test_near_one_a_thousandth_is_told(built):
    rows = batches(built, [1.05] * 7, ["slower"] * 7)
    overall = built.overall(rows, 1.05, 1.0412, 1.1089)
    assert "1.050 times slower (1.041 to 1.109)" in headline(built.comparison(rows, [overall]))


def test_short_names_are_used_and_long_ones_are_not(built):
    rows = batches(built, [1.3] * 7, ["slower"] * 7)
    found = built.comparison(rows, [built.overall(rows)])
    assert headline(replace(found, a="fit", b="fused")).startswith("fused is 1.30 times slower")
    assert headline(replace(found, a="fit"), "D").startswith("D is 1.30 times slower")
    assert headline(replace(found, a="fit", b="fit")).startswith("B is 1.30 times slower")
    assert headline(replace(found, a="1", b="2")).startswith("B is 1.30 times slower")


def test_some_scenarios_agree(built):
    rows = batches(built, [1.3] * 7, ["slower"] * 5 + ["same"] * 2)
    assert headline(built.comparison(rows, [built.overall(rows)])) == (
        "B is 1.30 times slower (1.26 to 1.34) over 7 scenarios of this session: slower in 5, the same in 2."
    )


def test_scenarios_that_disagree_are_of_the_sessions(built):
    rows = batches(built, [1.3] * 7, ["slower"] * 5 + ["same"] * 2)
    found = built.comparison(rows, [built.overall(rows)], basis=built.basis("session", 5, 4))
    assert "(1.26 to 1.34) over 7 scenarios of 5 and 4 sessions: slower in 5" in headline(found)


def test_of_a_single_scenario_its_own_interval_is_told(built):
    row = built.row("batch 1", 1.3, "slower")
    found = built.comparison([row], [built.overall([row], 1.3, 0.9, 1.9, "unclear")])
    assert headline(found) == "B is 1.30 times slower (1.27 to 1.33) in this session."


def test_no_difference_says_which_one_would_have_shown(built):
    rows = batches(built, [1.0] * 3, ["unclear"] * 3)
    # 1.01 / 0.99 is 1.0202; past a margin of 1 % it makes 1.0304.
    overall = built.overall(rows, 1.0, 0.99, 1.01, "unclear")
    assert headline(replace(built.comparison(rows, [overall]), a="fit", b="fused")) == (
        "No difference between fit and fused shows over 3 scenarios of this session: "
        "one of 3 % or more would have."
    )


def test_the_same_says_within_what(built):
    rows = batches(built, [1.0] * 3, ["same", "same", "unclear"])
    overall = built.overall(rows, 1.0, 0.997, 1.002, "same")
    assert headline(built.comparison(rows, [overall])) == (
        "B is as fast as A to within 1 % (0.997 to 1.002) over 3 scenarios of this session: "
        "the same in 2, unclear in 1."
    )


def test_scenarios_may_differ_where_the_mean_does_not(built):
    rows = batches(built, [1.3, 0.8, 1.0], ["slower", "faster", "unclear"])
    overall = built.overall(rows, 1.01, 0.93, 1.12, "unclear")
    assert headline(built.comparison(rows, [overall])) == (
        "B is faster in 1, slower in 1, unclear in 1 of 3 scenarios of this session; "
        "no difference shows on the whole (0.93 to 1.12)."
    )


def test_a_mean_that_misses_leave_open_says_so(built):
    rows = batches(built, [1.3] * 4, ["slower"] * 4)
    overall = built.overall(rows, None, None, None, "unclear", "missed targets leave the mean open")
    assert headline(built.comparison(rows, [overall])) == (
        "B is slower in 4 of 4 scenarios of this session; missed targets leave the mean open."
    )


def test_a_mean_without_an_interval_is_no_verdict(built):
    rows = batches(built, [0.88] * 4, ["no verdict"] * 4, half=None)
    overall = built.overall(rows, 0.88, None, None, "unclear", "a single run on a side")
    assert headline(built.comparison(rows, [overall])) == (
        "B took 0.88 of A's time over 4 scenarios of this session; that is no verdict: "
        "a single run on a side."
    )


def test_where_b_wins_is_said(built):
    rows = batches(built, [0.55, 0.56, 0.57, 1.1, 1.12, 1.11], ["faster"] * 3 + ["slower"] * 3)
    overall = built.overall(rows, 0.8, 0.79, 0.81, "faster")
    assert sentences(built.comparison(rows, [overall]))[1] == (
        "Faster at batch 1 to 100 (1.79 times), slower from 1,000 on (1.11 times)."
    )


def test_a_setting_without_an_order_is_said_by_its_values(built):
    loops = ["fit", "fit", "fused", "fused", "windowed", "windowed"]
    ratios = [0.5, 0.51, 1.3, 1.31, 1.3, 1.29]
    rows = [
        built.row(f"{loop} {ratio}", ratio, "faster" if ratio < 1 else "slower", 0.02, {"loop": loop})
        for loop, ratio in zip(loops, ratios, strict=True)
    ]
    overall = built.overall(rows, 0.95, 0.94, 0.96, "faster")
    assert sentences(built.comparison(rows, [overall]))[1] == (
        "Faster with loop fit (1.98 times), slower with windowed or fused (1.30 times)."
    )


def test_a_second_time_has_a_sentence_of_its_own(built):
    rows = batches(built, [1.3] * 3, ["slower"] * 3)
    fits = [replace(row, metric="wall_seconds") for row in rows[:2]]
    overalls = [
        built.overall(fits, 1.2, 1.1, 1.3, "slower", metric="wall_seconds"),
        built.overall(rows, first=2),
    ]
    assert sentences(built.comparison([*fits, *rows], overalls)) == [
        "B is 1.30 times slower (1.26 to 1.34) in 3 of 3 scenarios of this session.",
        "By whole fit (wall_seconds): "
        "B is 1.20 times slower (1.10 to 1.30) in 2 of 2 scenarios of this session.",
    ]


def test_too_few_sessions_are_no_verdict(built):
    rows = batches(built, [0.8, 0.95], ["no verdict"] * 2, half=None)
    overall = built.overall(rows, 0.88, None, None, "unclear", "1 and 1 sessions, 4 and 4 needed")
    assert headline(built.comparison(rows, [overall], basis=built.basis("none"))) == (
        "In these two sessions B took 0.88 of A's time (0.80 to 0.95 in 2 scenarios); how far sessions of "
        "one machine differ is unknown: run each side four times, in turns."
    )
    more = built.comparison(rows, [overall], basis=built.basis("none", 4, 1))
    assert headline(more).startswith("In these five sessions (4 and 1) B took 0.88")


def test_against_one_figure_the_rounds_are_counted(built):
    rows = [built.figured(f"s{n}", "below", 4, 0, 1 / 48, 1 / 5) for n in range(6)]
    assert headline(built.comparison(rows, (), basis=built.basis("none"))) == (
        "B is below A's one figure in 4 of 4 rounds, 5 to 48 times (6 scenarios)."
    )


def test_one_figure_may_be_passed_in_some_scenarios_only(built):
    rows = [
        built.figured("a", "below", 4, 0, 0.5, 0.5),
        built.figured("b", "above", 0, 4, 2.0, 3.0),
        built.figured("c", "no verdict", 3, 1, 0.9, 1.1),
    ]
    assert headline(built.comparison(rows, (), basis=built.basis("none"))) == (
        "B is below A's one figure in 4 of 4 rounds, 2 times (1 of 3 scenarios); "
        "above it in 4 of 4 rounds, 2 to 3 times (1 of 3 scenarios); "
        "now on this, now on that side of it in 4 rounds (1 of 3 scenarios)."
    )


def test_the_one_figure_may_be_the_contender_s(built):
    row = built.figured("a", "below", 4, 0, 0.2, 0.25, a_times=4, b_times=1)
    assert headline(built.comparison([row], (), basis=built.basis("none"))) == (
        "B's one figure is below A in 4 of 4 rounds, 4 to 5 times."
    )


def test_what_was_not_compared_is_counted(built):
    rows = batches(built, [1.3] * 3, ["slower"] * 3)
    refused = built.row("x", None, "refused")
    silent = built.row("y", None, "unclear", b=replace(built.side, times=0))
    found = built.comparison([*rows, built.failed(), refused, silent], [built.overall(rows)])
    assert sentences(found)[1] == (
        "Not compared, of 6 scenarios: 1 failed, 1 refused, 1 without step_seconds."
    )
    assert headline(built.comparison([built.failed()])) == "Not compared, of 1 scenario: 1 failed."


def test_nothing_in_common_is_said(built):
    assert headline(built.comparison([])) == "A and B have no scenario in common."


def test_why_nothing_is_in_common_is_said(built):
    none = replace(built.comparison([]), only_a=("x",), only_b=("y",))
    assert headline(none) == (
        "A and B have no scenario in common: none trains the same, or several could stand for one another."
    )
    assert headline(replace(none, unlike=("batch_size", "hidden"))) == (
        "A and B have no scenario in common: what they train differs in batch_size, hidden, "
        "and only like work is compared."
    )


ENERGY = {"metric": "energy_joules"}


@pytest.mark.parametrize(
    ("verdict", "figures", "said"),
    [
        ("slower", (1.3, 1.26, 1.34), "B needs 1.30 times more energy (1.26 to 1.34) in 2 of 2 scenarios"),
        (
            "faster",
            (1 / 1.3, 1 / 1.34, 1 / 1.26),
            "B needs 1.30 times less energy (1.26 to 1.34; it takes 0.77 of A's energy) in 2 of 2 scenarios",
        ),
        (
            "same",
            (1.0, 0.997, 1.002),
            "B needs as much energy as A to within 1 % (0.997 to 1.002) over 2 scen",
        ),
        ("unclear", (1.0, 0.99, 1.01), "No difference in energy between A and B shows over 2 scenarios"),
    ],
)
def test_who_needs_more_energy_is_not_called_slower(built, verdict, figures, said):
    rows = [built.row(name, figures[0], verdict, **ENERGY) for name in "xy"]
    overall = built.overall(rows, *figures, verdict, **ENERGY)
    assert headline(built.comparison(rows, [overall])).startswith(said)


def test_where_b_needs_less_energy_is_said(built):
    rows = batches(built, [0.5, 0.5, 0.5, 1.2, 1.2, 1.2], ["faster"] * 3 + ["slower"] * 3)
    rows = [replace(row, **ENERGY) for row in rows]
    overall = built.overall(rows, 0.8, 0.79, 0.81, "faster", **ENERGY)
    assert sentences(built.comparison(rows, [overall]))[1] == (
        "Less energy at batch 1 to 100 (2.00 times), more energy from 1,000 on (1.20 times)."
    )


@pytest.mark.parametrize(
    ("rows", "overall", "unit", "said"),
    [
        ([1.3] * 3, ("slower", 1.26, 1.34), "run", None),
        ([1.0] * 3, ("unclear", 0.99, 1.01), "run", "No difference between A and B shows"),
        ([1.3] * 3, ("unclear", None, None), "none", "In these two sessions B took"),
    ],
)
def test_accuracy_follows_in_the_sentence_or_in_one_of_its_own(built, rows, overall, unit, said):
    """ "run each side four times, in turns and less accurate" would be said of nobody."""
    rows = batches(built, rows, [overall[0]] * 3)
    basis = built.basis(unit)
    mean = built.overall(rows, rows[0].ratio, overall[1], overall[2], overall[0])
    found = built.comparison(rows, [mean], basis=basis)
    worse = AccuracyDifference("worse", -0.0031, -0.0038, -0.0024, 1e-5, 1e-4, 0.0023, pairs=10)
    found = replace(found, quality=built.quality(found, [worse] * 3, worse=worse))
    less = "less accurate: −0.31 points (−0.38 to −0.24) in 3 of 3 scenarios."
    first, *others = sentences(found, "C")
    if said is None:
        assert (
            first == f"C is 1.30 times slower (1.26 to 1.34) in 3 of 3 scenarios of this session and {less}"
        )
    else:
        assert first.startswith(said.replace("B", "C"))
        assert others[0] == f"Accuracy: C {less}"


def test_sides_have_letters_in_order(built):
    found = [replace(built.comparison([]), b=name) for name in ("x", "y")]
    assert side_letters(found) == {"results/of-monday": "A", "x": "B", "y": "C"}


def test_a_family_whose_mean_says_nothing_is_said_by_its_scenarios(built):
    """ "no difference shows" would not be true of those that are faster."""
    rows = [
        built.row("a", 1.05, "slower", 0.01, {"batch_size": 100}),
        built.row("b", 1.05, "slower", 0.01, {"batch_size": 110}),
        built.row("c", 0.97, "faster", 0.01, {"batch_size": 120}),
        built.row("d", 1.0, "unclear", 0.02, {"batch_size": 130}),
        built.row("e", 1.0, "unclear", 0.02, {"batch_size": 140}),
        built.row("f", 0.99, "unclear", 0.02, {"batch_size": 150}),
    ]
    found = built.comparison(rows, [built.overall(rows, 1.01, 0.99, 1.02, "unclear")])
    assert sentences(found)[1] == (
        "Slower at batch 100 to 110 (1.050 times), faster in 1 of 4 scenarios from 120 on."
    )


def test_scenarios_without_scatter_are_said_to_be_in_no_mean(built):
    row = built.row("batch 1 fused", 1.3)
    single = replace(built.row("batch 2 fused", 1.1), low=None, high=None, verdict="unclear")
    found = headline(built.comparison([row, single], [built.overall([row])]))
    assert found.endswith("In no mean, with fewer than two rounds on a side: 1 of 2 scenarios.")
