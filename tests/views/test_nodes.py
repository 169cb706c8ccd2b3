import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.analysis.nodes import NodeTable, NodeTimes
from bench.views.nodes import node_grids, node_markdown

SLOW = NodeTimes(
    node="node-3",
    others=("node-1", "node-2"),
    scenarios=2,
    runs=8,
    ratio=1.48,
    low=1.41,
    high=1.55,
    verdict="slower",
    certain=True,
)
UNCLEAR = replace(SLOW, node="node-2", ratio=0.993, low=0.68, high=1.004, verdict="unclear", certain=False)
TABLE = NodeTable("AMD EPYC 7763, 64 cores", "AMD EPYC 7763 64-Core Processor", (SLOW, UNCLEAR), tests=6)
LEGEND = (
    "Step time: over that of the other nodes with the same hardware, less those that are slower for certain; "
    "above 1 is slower; slower or faster only where the whole interval lies past ±1 %, same only where all "
    "of it lies within."
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
    assert lines[:9] == [
        "",
        "Nodes: each against the others of AMD EPYC 7763, 64 cores",
        "node    step time  95 % interval  verdict  scenarios  runs",
        "──────────────────────────────────────────────────────────",
        "node-3     1.480×    1.410–1.550  slower           2     8",
        "node-2     0.993×    0.680–1.004  unclear          2     8",
        "",
        "node-3 is 1.48 times as slow as the others (1.41 to 1.55)",
        "",
    ]
    assert " ".join(lines[9:]) == LEGEND


def test_where_there_is_but_one_other_node_it_is_named(shown):
    lines = shown(of(replace(SLOW, others=("node-1",))))
    assert "node-3 is 1.48 times as slow as node-1 (1.41 to 1.55)" in lines


def test_a_few_percent_are_said_to_a_thousandth(shown):
    lines = shown(of(replace(SLOW, ratio=1.0234, low=1.0151, high=1.1)))
    assert "node-3 is 1.023 times as slow as the others (1.015 to 1.10)" in lines


def test_what_does_not_outlast_the_correction_is_said_to_be_uncertain(shown):
    doubtful = replace(SLOW, certain=False)
    lines = shown(of(doubtful, replace(doubtful, node="node-1", verdict="faster")), width=140)
    assert not any("times as slow" in line for line in lines)
    assert (
        "Not certain among 6 comparisons (Holm), more rounds would tell: node-3 slower, node-1 faster"
        in lines
    )


def test_nodes_that_are_not_slower_make_no_sentence(shown):
    lines = shown(of(UNCLEAR, replace(UNCLEAR, verdict="same"), replace(SLOW, verdict="faster")), width=140)
    assert " ".join(lines[8:]) == LEGEND


def test_too_few_rounds_leave_a_ratio_without_a_verdict(shown):
    lines = shown(of(replace(SLOW, low=None, high=None, verdict=None, certain=False)))
    assert lines[4].split() == ["node-3", "1.480×", "–", "–", "2", "8"]
    assert "– too few rounds for an interval: 4 on each node suffice." in " ".join(lines)


def test_machines_have_tables_of_their_own_below_which_stands_one_legend(shown):
    lines = shown(TABLE, replace(TABLE, machine="another machine"))
    assert [line for line in lines if line.startswith("Nodes: ")] == [
        "Nodes: each against the others of AMD EPYC 7763, 64 cores",
        "Nodes: each against the others of another machine",
    ]
    assert sum(line.startswith("Step time: ") for line in lines) == 1


def test_the_device_is_named_where_a_machine_has_several(shown):
    lines = shown(TABLE, replace(TABLE, device_name="NVIDIA H100"), width=140)
    assert "Nodes: each against the others of AMD EPYC 7763, 64 cores, trained on NVIDIA H100" in lines


def test_a_long_name_takes_several_lines_and_no_figure_is_lost(shown):
    lines = shown(of(replace(SLOW, node="ip-10-77-0-1.eu-central-1.compute.internal")), width=60)
    assert max(map(len, lines)) <= 60
    assert "1.410–1.550  slower           2     8" in lines[4]


def test_text_in_brackets_is_text_not_markup(shown):
    lines = shown(of(replace(SLOW, node="[red]")))
    assert lines[4].startswith("[red] ")
    assert any(line.startswith("[red] is 1.48 times") for line in lines)


def test_slow_nodes_are_red():
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(node_grids([TABLE]))
    shown = console.file.getvalue()
    assert "\x1b[1;31mslower" in shown
    assert "\x1b[1;31mnode-3 is 1.48 times" in shown
    assert "\x1b[33munclear" in shown


def test_no_table_is_nothing(shown):
    assert shown() == []
    assert node_markdown([]) == ""


def test_markdown_has_a_title_a_table_the_sentences_and_the_legend():
    assert node_markdown([TABLE]).splitlines() == [
        "**Nodes**: each against the others of AMD EPYC 7763, 64 cores",
        "",
        "| node | step time | 95 % interval | verdict | scenarios | runs |",
        "| --- | --- | --- | --- | --- | --- |",
        "| node-3 | 1.480× | 1.410–1.550 | slower | 2 | 8 |",
        "| node-2 | 0.993× | 0.680–1.004 | unclear | 2 | 8 |",
        "",
        "node-3 is 1.48 times as slow as the others (1.41 to 1.55)",
        "",
        LEGEND,
    ]
