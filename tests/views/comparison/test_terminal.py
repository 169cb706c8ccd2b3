"""A comparison on the terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.analysis.drift import Change
from bench.views.comparison import comparison_table
from bench.views.comparison.rows import IN_ORDER, MOST_ROWS


@pytest.fixture
def flowing(rendered):
    """The text with its line breaks taken out, to find sentences that were wrapped."""

    def flow(comparisons, width=140, **options):
        return " ".join(" ".join(rendered(comparison_table(comparisons, **options), width)).split())

    return flow


@pytest.mark.parametrize("width", [80, 140])
def test_it_fits_and_says_everything_at_either_width(mixed, rendered, flowing, width):
    assert max(map(len, rendered(comparison_table([mixed]), width))) <= width
    said = flowing([mixed], width)
    for part in (
        "A: results/of-monday B: results/of-tuesday",
        "B is 1.053 times faster (1.042 to 1.064; it takes 0.95 of A's time) over 3 scenarios of this ",
        "Not compared, of 4 scenarios: 1 failed.",
        "Time: median step",
        "1.23 ms",
        "0.870×",
        "0.853–0.887",
        "97.73 %",
        "faster",
        "unclear",
        "<6.4 %",
        "failed",
        "contended",
        "B/A: B's time over A's, the middle one of all pairs of runs; below 1 means B is faster.",
        "the whole 95 % interval lies past ±1 % and q is at most 5 %",
        "q: the p value adjusted for 2 comparisons (Benjamini and Hochberg 1995)",
        "Independent: the runs within a session. The verdicts are about this session",
        "Overall by median step: B/A 0.950× (95 % 0.940–0.960), geometric mean of 3 scenarios.",
        "no verdict: 3 and 3 rounds reach 90 % at most, 4 and 4 needed (batch 100 fused)",
        "failed: no run of B ended ok (3 timeout) (batch 1000 fused)",
        "Only in A: batch 7 fit",
        "Only in B: batch [8] fit",
        "machine unknown H100 box",
        "memory_bytes 16.0 GiB 128 GiB",
        "tensorflow_version 2.20.0, 2.21.0 2.21.0",
        "jit true false",
    ):
        assert part in said


def test_from_110_columns_on_every_figure_has_a_column(mixed, rendered):
    narrow, wide = ("\n".join(rendered(comparison_table([mixed]), width)) for width in (109, 110))
    assert ("ok A" in narrow, "4/4 and 0/3" in narrow) == (False, True)
    assert ("ok A" in wide, "0.012" in wide) == (True, True)


def test_a_verdict_has_a_colour_and_a_word(mixed):
    console = Console(
        width=140, record=True, file=io.StringIO(), color_system="truecolor", force_terminal=True
    )
    console.print(comparison_table([mixed]))
    assert "\x1b[1;32mfaster" in console.export_text(styles=True)


def test_further_sentences_stand_below_the_first(mixed, flowing):
    assert "of 4 scenarios: 1 failed. Less accurate: −0.31 points. Time:" in flowing(
        [mixed], more=[["Less accurate: −0.31 points."]]
    )


def test_what_every_row_would_say_is_said_once(built, flowing):
    loop = (built.difference("settings", "loop", "fit", "fused"),)
    rows = [
        built.row("x", setting_differences=loop, a=replace(built.side, flags=("published",))),
        built.row("y", setting_differences=loop, a=replace(built.side, flags=("published", "retried"))),
    ]
    said = flowing([built.comparison(rows)])
    assert "Every row: loop: fit → fused; A flagged: published" in said
    assert said.count("fit → fused") == 1
    assert "A flagged: retried" in said


def test_a_row_by_another_time_says_so(built, flowing):
    rows = [built.row("x"), built.row("y"), built.row("z", metric="wall_seconds")]
    said = flowing([built.comparison(rows)])
    assert "Time: median step, unless a row says otherwise" in said
    assert "whole fit (wall_seconds)" in said


def test_a_verdict_that_the_number_of_scenarios_took_away_says_q(built, flowing):
    row = built.row("x", 1.3, "unclear", q=0.21, reason="among 40 scenarios so much comes about by chance")
    said = flowing([built.comparison([row], tested=40)])
    assert "unclear q 0.210" in said
    assert "by chance" not in said


def test_a_reason_that_many_share_is_said_once(built, flowing):
    rows = [built.row(f"s{n}", 1.0, "no verdict", None, reason="4 and 4 needed") for n in range(5)]
    assert "no verdict: 4 and 4 needed (5 scenarios)" in flowing([built.comparison(rows)])


def test_nothing_in_common_is_said_of_one_contender_and_of_two(built, flowing):
    nothing = built.comparison([], only_a=("x",), only_b=("y",))
    assert "several could stand for one another. Only in A: x Only in B: y" in flowing([nothing])
    said = flowing([built.comparison([built.row("x")]), nothing])
    assert "A and C have no scenario in common: " in said
    assert "Only in A: x Only in C: y" in said


def test_nothing_different_is_said(built, flowing):
    assert "No difference in hardware, software or settings is recorded." in flowing(
        [built.comparison([built.row()])]
    )


def test_runs_of_other_sessions_and_sides_apart_in_time_are_told(built, flowing):
    found = built.comparison([built.row()], basis=built.basis("run", 2, 2, left_out_a=12, left_out_b=1))
    assert "12 runs of sessions that only A has and 1 run of sessions that only B has are not compared." in (
        flowing([found])
    )
    apart = built.comparison([built.row()], basis=built.basis("session", 5, 4, apart=True))
    assert "! All of one side ran before the other: machines' moods wander" in flowing([apart])


def test_a_setting_that_ran_on_a_machine_of_its_own_is_told(built, flowing):
    differences = [built.difference("settings", "loop", "fit", "fused")]
    alone = built.comparison([built.row()], differences=tuple(differences))
    apart = built.comparison(
        [built.row()], differences=(built.difference("hardware", "machine", "a", "b"), *differences)
    )
    line = "! The sides ran on machines of their own: what differs may be theirs, not that of loop."
    assert line in flowing([apart])
    assert "of their own" not in flowing([alone])


def test_a_machine_that_changed_is_told(built, flowing):
    found = built.comparison([built.row()], changes=(Change("box", "memory_bytes", 1e10, 2e10),))
    assert "! The same machine, box, was not the same: memory bytes 10 G per second in A's probes" in (
        flowing([found])
    )


def few(built, *differences):
    row = built.row("x", 0.9, "no verdict", None)
    overall = built.overall([row], 0.9, None, None, "unclear", "1 and 1 sessions, 4 and 4 needed")
    return built.comparison([row], [overall], basis=built.basis("none", 1, 1), differences=differences)


def test_too_few_sessions_have_commands_to_copy(built, rendered):
    lines = [line.rstrip() for line in rendered(comparison_table([few(built)]), 80)]
    first = lines.index("In turns:")
    assert lines[first + 1 : first + 6] == [
        "  for turn in 1 2 3 4; do",
        "    bench run SUITE --results results-a  # as A was run",
        "    bench run SUITE --results results-b  # as B was run",
        "  done",
        "  bench compare results-a results-b",
    ]


def test_commands_that_several_contenders_need_stand_there_once(built, flowing):
    assert flowing([few(built), few(built)]).count("for turn in 1 2 3 4") == 1


def test_two_machines_run_at_the_same_time(built, flowing):
    said = flowing([few(built, built.difference("hardware", "machine", "one", "other"))])
    assert "On both machines at the same time: bench run SUITE --results results-a --sessions 4" in said
    assert "for turn" not in said


def test_settings_that_differ_can_go_into_one_suite(built, flowing):
    said = flowing([few(built, built.difference("settings", "loop", "fit", "fused"))])
    assert "Or put both into one suite (matrix.loop = […])" in said


def test_against_one_figure_no_sessions_are_asked_for(built, flowing):
    row = built.row("x", 0.2, "below", None, one_figure=built.figure(4, 4, 0, 0.19, 0.21))
    said = flowing([built.comparison([row], basis=built.basis("none", 1, 1))])
    assert "below 4 of 4" in said
    assert "One figure says nothing of its own scatter" in said
    assert "bench run" not in said


@pytest.mark.parametrize("width", [80, 140])
def test_many_contenders_stand_side_by_side(built, rendered, flowing, width):
    sides = [
        built.comparison([built.row("x", ratio), built.row("y", ratio)], b=name)
        for name, ratio in (("A100", 1.4), ("L4", 5.0), ("results/a-name-that-is-long", 0.5), ("B200", 1.2))
    ]
    sides = [replace(side, a="H100", overall=(built.overall(side.scenarios),)) for side in sides]
    lines = rendered(comparison_table(sides), width)
    assert max(map(len, lines)) <= width
    said = flowing(sides, width)
    assert "A: H100 B: A100 C: L4 D: results/a-name-that-is-long E: B200" in said
    assert "A100 is 1.30 times slower" in said
    assert "D is 1.30 times slower" in said
    for part in ("B/A", "C/A", "D/A", "E/A", "1.400×", "5.00×", "0.500×", "1.200×", "0.490–0.510"):
        assert part in said
    assert sum("scenario " in line and " A " in line for line in lines) == (2 if width == 80 else 1)


def test_a_contender_s_own_facts_stand_below_its_name(built, flowing):
    first = built.comparison([built.row("x"), built.failed("y")], b="one")
    second = built.comparison([built.row("x")], b="two", only_a=("y",))
    _, _, below = flowing([first, second]).split("B: one")
    of_first, of_second = below.split("C: two")
    assert "failed: no run of B ended ok (3 timeout) (y)" in of_first
    assert "Only in A: y" in of_second


def test_reasons_name_a_contender_by_its_letter(built, flowing):
    ok, bad = built.comparison([built.row("x")]), built.comparison([built.failed("x")])
    assert "failed: no run of C ended ok (3 timeout) (x)" in flowing([ok, bad])


def numbered(built, number, **changes):
    rows = [built.row(f"s{n}", 1.1 + n / 1000, settings={"epochs": n}) for n in range(number)]
    return built.comparison(rows, [built.overall(rows)], only_a=tuple("abcde"), **changes)


def test_five_hundred_scenarios_read_as_well_as_five(built, rendered, flowing):
    found = numbered(built, 500)
    lines = rendered(comparison_table([found]), 80)
    assert len(lines) < 2 * MOST_ROWS
    said = flowing([found], 80)
    assert "slower in 500: 1.100× to 1.599×" in said
    assert "… 490 more: 1.100× to 1.589×" in said
    assert "… 490 more scenarios: --format csv, or --full" in said
    assert "Only in A: 5 scenarios (--full names them)" in said
    whole = flowing([found], 80, everything=True)
    assert all(f"s{n} " in whole for n in range(500))
    assert "Only in A: a; b; c; d; e" in whole


def test_of_many_scenarios_of_many_contenders_the_surprising_ones_are_shown(built, flowing):
    first, second = numbered(built, 90), numbered(built, 90, b="other")
    odd = replace(second.scenarios[17], verdict="faster", ratio=0.9)
    second = replace(second, scenarios=(*second.scenarios[:17], odd, *second.scenarios[18:]))
    said = flowing([first, second], 80)
    assert said.index(" s17 ") < said.index(" s0 ")
    assert f"… {90 - IN_ORDER} more scenarios: --format csv, or --full" in said
    assert "s45 " in flowing([first, second], 80, everything=True)


def test_energy_has_its_unit_and_its_words(built, flowing):
    a = replace(built.side, seconds=801.0)
    row = built.row("x", 1.3, "slower", a=a, b=replace(a, seconds=1041.0), metric="energy_joules")
    found = built.comparison([row], [built.overall([row], metric="energy_joules")])
    said = flowing([found])
    for part in ("Energy of a run (energy_joules)", "801 J", "1.04 kJ", "more energy", "B's energy over A's"):
        assert part in said
    assert "slower" not in said
    many = flowing([found, found])
    assert "801 J" in many
    assert "more energy 1.300×" in many


def test_contenders_with_long_paths_are_told_apart_by_their_ends(built, rendered):
    """And a machine by how its name begins."""
    names = ("/scratch/20261128-142045-b18d", "/scratch/20261128-142520-b2db", "Intel Xeon, 16 cores")
    found = [replace(built.comparison([built.row()]), b=name) for name in names]
    heading = "\n".join(rendered(comparison_table(found), 140))
    for shown in ("…261128-142045-b18d", "…261128-142520-b2db", "Intel Xeon, 16 cor…"):
        assert shown in heading


def test_brackets_in_labels_are_no_markup_in_a_table_of_several(built, rendered):
    found = [built.comparison([built.row(label)]) for label in ("x [red]", "y [/red]")]
    said = "\n".join(rendered(comparison_table(found), 140))
    assert "x [red]" in said
    assert "y [/red]" in said
