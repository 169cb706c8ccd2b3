import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.analysis.nodes import NodeTable, NodeTimes
from bench.views.nodes import REMEDY, node_grids, node_markdown

SLOW = NodeTimes(
    node="node-3",
    scenarios=2,
    sessions=1,
    runs=8,
    ratio=1.48,
    low=1.41,
    high=1.55,
    verdict="slower",
    differs=True,
)
UNCLEAR = replace(SLOW, node="node-2", ratio=0.993, low=0.68, high=1.004, verdict="unclear", differs=False)
SAME = replace(SLOW, node="node-1", ratio=1.0, low=0.995, high=1.004, verdict="same", differs=False)
TABLE = NodeTable(
    machine="AMD EPYC 7763, 64 cores",
    device_name="AMD EPYC 7763 64-Core Processor",
    nodes=(SLOW, SAME, UNCLEAR),
    sessions=1,
    over_sessions=False,
    margin=None,
    alone=(),
)
REPEAT = "Repeat over sessions to tell a slow node from a mood: " + REMEDY
LEGEND = (
    "Step time: over that of the median node with the same hardware, of two nodes over that of the other "
    "one; above 1 is slower; slower or faster only where the whole interval lies past ±1 % and, of 5 nodes "
    "or more in fewer than 4 sessions, the ratio past five times their own scatter, more where they are few; "
    "same only where all of it lies within ±1 %."
)


@pytest.fixture
def shown(rendered):
    """Call with tables and a width; gives the lines that a terminal shows."""

    def show(*tables, width=80):
        return [line.rstrip() for line in rendered(node_grids(tables), width)]

    return show


def of(*nodes, **changes):
    return replace(TABLE, nodes=nodes, **changes)


@pytest.mark.parametrize("width", [80, 140])
def test_a_table_has_a_row_per_node_and_names_the_slow_ones(shown, width):
    lines = shown(TABLE, width=width)
    assert max(map(len, lines)) <= width
    assert lines[:8] == [
        "",
        "Nodes: in this session, each against the median node of AMD EPYC 7763, 64 cores",
        "node    step time  95 % interval  verdict  scenarios  runs",
        "──────────────────────────────────────────────────────────",
        "node-3     1.480×    1.410–1.550  slower           2     8",
        "node-1     1.000×    0.995–1.004  same             2     8",
        "node-2     0.993×    0.680–1.004  unclear          2     8",
        "",
    ]
    assert " ".join(lines[8:]) == (
        f"node-3 was 1.48 times as slow as the median node in this session (1.41 to 1.55) {REPEAT}  {LEGEND}"
    )


def said(lines):
    return " ".join(" ".join(lines).split())


def test_of_two_nodes_the_other_one_is_named(shown):
    lines = shown(of(SLOW, SAME), width=140)
    assert "Nodes: in this session, each against the other of AMD EPYC 7763, 64 cores" in lines
    assert "node-3 was 1.48 times as slow as node-1 in this session (1.41 to 1.55)" in lines


def test_over_sessions_it_is_the_node_that_is_slow(shown):
    lines = shown(replace(TABLE, sessions=5, over_sessions=True), width=140)
    assert "Nodes: in 5 sessions, each against the median node of AMD EPYC 7763, 64 cores" in lines
    assert lines[2].endswith("verdict  scenarios  sessions  runs")
    assert "node-3 is 1.48 times as slow as the median node in 5 sessions (1.41 to 1.55)" in lines
    assert REPEAT not in lines


def test_a_few_sessions_tell_of_themselves(shown):
    lines = shown(replace(TABLE, sessions=2), width=140)
    assert "node-3 was 1.48 times as slow as the median node in these 2 sessions (1.41 to 1.55)" in lines
    assert REPEAT in lines


def test_a_few_percent_are_said_to_a_thousandth(shown):
    lines = shown(of(replace(SLOW, ratio=1.0234, low=1.0151, high=1.1), SAME, UNCLEAR), width=140)
    assert "node-3 was 1.023 times as slow as the median node in this session (1.015 to 1.10)" in lines


def doubtful(number):
    """So many nodes that differ, without a verdict; the last one the most."""
    return [
        replace(SLOW, node=f"n{n}", ratio=1 + n / 100, verdict="unclear", differs=True)
        for n in range(1, number + 1)
    ]


def test_nodes_within_the_scatter_are_named_the_farthest_first(shown):
    lines = shown(of(*doubtful(7), SAME, margin=0.125), width=140)
    assert said(lines[12:]).startswith(
        "Not the same in this session, but within ±12.5 %, as these nodes scatter: "
        f"n7 1.070×, n6 1.060×, n5 1.050×, n4 1.040×, n3 1.030× and 2 more {REPEAT}"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"sessions": 5, "over_sessions": True, "margin": 0.01},
            "Not certain in 5 sessions, more would tell",
        ),
        ({}, "Not certain among so many nodes, more rounds would tell"),
    ],
)
def test_what_does_not_outlast_the_correction_is_said_to_be_uncertain(shown, changes, why):
    lines = shown(of(*doubtful(1), SAME, UNCLEAR, **changes), width=140)
    assert f"{why}: n1 1.010×" in lines
    assert not any("times as slow" in line for line in lines)


def test_of_very_many_nodes_a_terminal_shows_the_ends(shown):
    many = [replace(SAME, node=f"n{number}") for number in range(100)]
    lines = shown(of(*many))
    rows = [line.split()[0] for line in lines[4:45]]
    assert rows == [
        *(f"n{number}" for number in range(30)),
        "…",
        *(f"n{number}" for number in range(90, 100)),
    ]
    assert "… 60 more" in lines
    assert node_markdown([of(*many)]).count("| same |") == 100


def test_nodes_without_their_like_are_named(shown):
    lines = shown(replace(TABLE, alone=("node-8", "node-9")), width=140)
    assert "With no other node of the same hardware, so compared with none: node-8, node-9" in lines


def test_nodes_that_are_not_slower_make_no_sentence(shown):
    lines = shown(of(UNCLEAR, SAME, replace(SLOW, verdict="faster")), width=140)
    assert said(lines[8:]) == f"{REPEAT} {LEGEND}"


def test_too_few_rounds_leave_a_ratio_without_a_verdict(shown):
    lines = shown(of(replace(SLOW, low=None, high=None, verdict=None, differs=False), SAME))
    assert lines[4].split() == ["node-3", "1.480×", "–", "–", "2", "8"]
    assert (
        "– too few for an interval: 4 rounds on each node suffice, or, as soon as there are 4 sessions, "
        "as many of each node."
    ) in said(lines)


def test_machines_have_tables_of_their_own_below_which_stands_one_legend(shown):
    lines = shown(TABLE, replace(TABLE, machine="another machine"))
    assert [line for line in lines if line.startswith("Nodes: ")] == [
        "Nodes: in this session, each against the median node of AMD EPYC 7763, 64 cores",
        "Nodes: in this session, each against the median node of another machine",
    ]
    assert sum(line.startswith("Step time: ") for line in lines) == 1


def test_the_device_is_named_where_a_machine_has_several(shown):
    lines = shown(TABLE, replace(TABLE, device_name="NVIDIA H100"), width=140)
    assert any(line.endswith(" of AMD EPYC 7763, 64 cores, trained on NVIDIA H100") for line in lines)


def test_a_long_name_takes_several_lines_and_no_figure_is_lost(shown):
    lines = shown(of(replace(SLOW, node="ip-10-77-0-1.eu-central-1.compute.internal"), SAME), width=60)
    assert max(map(len, lines)) <= 60
    assert any("1.410–1.550  slower           2     8" in line for line in lines)


def test_text_in_brackets_is_text_not_markup(shown):
    lines = shown(of(replace(SLOW, node="[red]"), SAME))
    assert lines[4].startswith("[red] ")
    assert any(line.startswith("[red] was 1.48 times") for line in lines)


def test_slow_nodes_are_red():
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(node_grids([TABLE]))
    shown = console.file.getvalue()
    assert "\x1b[1;31mslower" in shown
    assert "\x1b[1;31mnode-3 was 1.48 times" in shown
    assert "\x1b[33munclear" in shown


def test_no_table_is_nothing(shown):
    assert shown() == []
    assert node_markdown([]) == ""


def test_markdown_has_a_title_a_table_the_sentences_and_the_legend():
    assert node_markdown([TABLE]).splitlines() == [
        "**Nodes**: in this session, each against the median node of AMD EPYC 7763, 64 cores",
        "",
        "| node | step time | 95 % interval | verdict | scenarios | runs |",
        "| --- | --- | --- | --- | --- | --- |",
        "| node-3 | 1.480× | 1.410–1.550 | slower | 2 | 8 |",
        "| node-1 | 1.000× | 0.995–1.004 | same | 2 | 8 |",
        "| node-2 | 0.993× | 0.680–1.004 | unclear | 2 | 8 |",
        "",
        "node-3 was 1.48 times as slow as the median node in this session (1.41 to 1.55)",
        "",
        REPEAT,
        "",
        LEGEND,
    ]
