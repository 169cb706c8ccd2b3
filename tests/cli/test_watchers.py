"""What plain lines and the live display tell of a session whose rounds are not counted beforehand."""

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from bench.cli.watchers import Display, Lines, Silent
from bench.orchestration.runs import run_keys
from bench.orchestration.scheduling.request import Allocation, Node
from bench.records.suite import parse_suite

HOSTILE = "\x1b[2J\n\u202e"
"""Clears the screen, begins a line, and turns what follows round."""
BOX = Allocation(Node("n1", "box", (0, 1), 0, None), (0, 1), 0)


@pytest.fixture
def suite():
    """Call with a `[measure]` table; gives a suite of the scenarios batch_size=1 and batch_size=2."""

    def make(**measure):
        sweep = {"name": "sweep", "hidden": [8], "matrix": {"batch_size": [1, 2]}}
        return parse_suite({"title": "A title", "sweep": [sweep]}, "a.toml", "a", "", {}, measure)

    return make


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100)


def run_of(point, number, node=None):
    nodes = [node] if node else []
    return SimpleNamespace(point=point, round=number, key=run_keys(point.scenario, nodes)[0])


def row_of(step, machine="a machine"):
    row = {"status": "ok" if step else "failed", "error": "why", "step_seconds": step, "machine": machine}
    return {**row, "val_accuracy": 0.9, "flags": []}


def one(watcher, point, number, step, **where):
    """A run from its start to its end."""
    run = run_of(point, number, **where)
    watcher.started(run, (BOX,))
    watcher.finished(run, row_of(step))


def plan(watcher, suite, nodes=()):
    least = suite.measure.least_rounds
    watcher.planned(least * len(suite.points), least, nodes)


def play(watcher, suite, rounds):
    """Tells `watcher` of `rounds`: in each the runs' step times by the scenario's place in the suite."""
    plan(watcher, suite)
    for number, times in enumerate(rounds, start=1):
        watcher.round_began(number)
        for index, step in times.items():
            one(watcher, suite.points[index], number, step)


def resume(watcher, suite, ended, rounds):
    """As `play`, of a session in which `ended` rounds and the first run of the next were kept."""
    plan(watcher, suite)
    row = row_of(1.0)
    for number in range(1, rounds + 1):
        if number > ended:
            watcher.round_began(number)
        for index, point in enumerate(suite.points):
            run = run_of(point, number)
            if number <= ended or (number == ended + 1 and index == 0):
                watcher.kept(run, SimpleNamespace(**row))
            else:
                watcher.started(run, (BOX,))
                watcher.finished(run, row)


def lines(console):
    return [line.partition(" ")[2] for line in console.file.getvalue().splitlines()]


def counts(console):
    return [line.rpartition("[")[2].rstrip("]") for line in lines(console) if line.endswith("]")]


def test_of_a_resumed_session_what_was_kept_counts_without_a_line(suite, console):
    asked = suite(rounds=3)
    resume(Lines(console, asked), asked, ended=1, rounds=3)
    assert counts(console) == ["4/6", "5/6", "6/6"]


def test_the_bar_of_a_resumed_session_begins_where_it_was_left(suite, console):
    asked = suite(rounds=3)
    display = Display(console, asked)
    resume(display, asked, ended=1, rounds=2)
    seen = display._progress.seen(9)
    assert (seen.done, seen.total, seen.not_ok, seen.under_way) == (4, 6, 0, 0)
    assert len(seen.recent) == 1


def test_a_count_of_rounds_is_told_once_and_never_changes(suite, console):
    asked = suite(rounds=2)
    play(Lines(console, asked), asked, [{0: 1.0, 1: 1.0}, {0: 1.0, 1: None}])
    assert lines(console)[0] == "A title: 4 runs in 2 rounds"
    assert counts(console) == ["1/4", "2/4", "3/4", "4/4"]
    assert "Round" not in console.file.getvalue()


def test_the_least_and_the_most_are_told_first_and_then_what_is_left(suite, console):
    """The first scenario is settled after seven rounds. The second has an outlier, and is after ten.

    After nine runs, the interval of n is expected to end short of the outlier where
    9.25 (1 - (k - 0.375) / (n + 0.25)) + 0.375 is at most 8: from n = 13 on, where k = 3.
    """
    asked = suite(precision=0.01, max_rounds=20)
    both, second = {0: 1.0, 1: 1.0}, {1: 1.0}
    play(Lines(console, asked), asked, [{0: 1.0, 1: 2.0}, *[both] * 6, *[second] * 3])
    told = lines(console)
    assert told[0] == (
        "A title: at least 14 runs in 7 rounds, up to 40 in 20, until within ±1 % of this session's median"
    )
    assert [line for line in told if line.startswith("Round")] == [
        f"Round {number} of at most 20: 1 of 2 scenarios left to bring within ±1 %" for number in (8, 9, 10)
    ]
    counted = counts(console)
    assert (counted[0], counted[15], counted[-1]) == ("1/~14", "16/~20", "17/~17")
    assert all(int(done) <= int(total) for done, total in (text.split("/~") for text in counted))


def test_runs_of_the_next_round_start_before_the_last_one_has_ended_and_each_scenario_is_told_by_itself(
    suite, console
):
    """The first scenario is over before the second has had two of its rounds."""
    asked = suite(precision=0.01, max_rounds=20)
    told = Lines(console, asked)
    plan(told, asked)
    first, second = asked.points
    for number in range(1, 8):
        told.round_began(number)
        one(told, first, number, 1.0)
        if number == 3:
            one(told, second, 1, 1.0)
    # Seven runs of the first, which are enough, and one of seven of the second.
    assert counts(console)[-1] == "8/~14"
    told.round_began(8)
    assert lines(console)[-1].startswith("Round 8 of at most 20: 1 of 2 scenarios left")


def test_a_scenario_that_never_gives_a_time_is_ahead_for_the_least_number_of_rounds(suite, console):
    asked = suite(rounds=3, precision=0.01, max_rounds=20)
    play(Lines(console, asked), asked, [{0: 1.0, 1: None}] * 3 + [{0: 1.0}] * 4)
    # Once a run of it has failed it counts with three rounds in all, where the other has seven.
    assert counts(console) == ["1/~14", *(f"{number}/~10" for number in range(2, 11))]


def test_each_scenario_on_each_node_is_as_many_runs_and_no_node_goes_on_alone(suite, console):
    """One node scatters: both go on."""
    asked = suite(precision=0.01, max_rounds=9)
    told = Lines(console, asked)
    plan(told, asked, ["a", "b"])
    first = asked.points[0]
    assert "28 runs in 7 rounds" in lines(console)[0]
    for number in range(1, 8):
        one(told, first, number, 1.0, node="a")
        one(told, first, number, 1.0 + number % 2, node="b")
    # Two more rounds of it on either node, and seven of the other scenario.
    assert counts(console)[-1] == "14/~32"


def test_the_display_follows_what_the_step_times_speak_for(suite, console):
    """After eight runs, 8.25 (1 - (k - 0.375) / (n + 0.25)) + 0.375 is at most 7 from n = 13 on (k = 3)."""
    asked = suite(precision=0.01, max_rounds=20)
    display = Display(console, asked)
    both = {0: 1.0, 1: 1.0}
    play(display, asked, [{0: 1.0, 1: 2.0}, *[both] * 6, {1: 1.0}])
    console.print(display._live.get_renderable())
    shown = console.file.getvalue().splitlines()
    assert shown[-2].rstrip() == "1 of 2 scenarios left to bring within ±1 %"
    assert "15/~20 runs  round 8/≤20" in shown[-1]


def test_the_display_of_a_count_of_rounds_has_no_such_note(suite, console):
    asked = suite(rounds=2)
    display = Display(console, asked)
    play(display, asked, [{0: 1.0, 1: 1.0}])
    console.print(display._live.get_renderable())
    assert "2/4 runs  round 1/2" in console.file.getvalue()
    assert "left to bring" not in console.file.getvalue()


def test_whoever_is_silent_says_nothing(suite, capsys):
    asked = suite(precision=0.01)
    play(Silent(), asked, [{0: 1.0, 1: 1.0}] * 7)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [Lines, Display])
def test_names_and_errors_from_outside_steer_no_terminal(kind, suite, console):
    """Each run still has its lines: no text among them begins another."""
    given = suite(rounds=1)
    point = replace(given.points[0], label=f"label{HOSTILE}")
    watcher = kind(console, replace(given, title=f"title{HOSTILE}", points=(point,)))
    run = run_of(point, 1, f"node{HOSTILE}")
    allocation = replace(BOX, node=replace(BOX.node, name=f"node{HOSTILE}"))
    failed = {"status": "failed", "error": "why\x1b\x9b\nmore", "step_seconds": None, "flags": ["a\x07"]}
    failed |= {"machine": None, "val_accuracy": None}
    with watcher:
        watcher.planned(1, 1, [f"node{HOSTILE}"])
        watcher.round_began(1)
        watcher.unprobed((allocation,), "start", f"why{HOSTILE}")
        watcher.started(run, (allocation,))
        if kind is Display:
            console.print(watcher._live.get_renderable())
        watcher.finished(run, failed)
        if kind is Display:
            console.print(watcher._live.get_renderable())
    said = console.file.getvalue()
    assert said.replace("\n", "").isprintable()
    for name in ("title", "label", "node", "why"):
        assert f"{name}\\x1b" in said
    assert "more" not in said


@pytest.mark.parametrize("kind", [Lines, Display])
def test_a_probe_that_came_to_nothing_is_told(kind, suite, console):
    kind(console, suite()).unprobed((BOX,), "start", "the probe failed")
    told = " ".join(console.file.getvalue().split())
    assert "No limits of box (2 cores) at the session's start: the probe failed;" in told
