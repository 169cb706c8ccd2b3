import io
import re

import pytest
from rich.console import Console

from bench.views.live import ProgressView, finished_line
from bench.views.progress import Ahead, Progress, Running

OK = {"status": "ok", "step_seconds": 0.00239, "val_accuracy": 0.972, "flags": [], "error": None}
FAILED = {**OK, "status": "oom_device", "error": "ResourceExhaustedError: 256.00MiB\nand more"}


def start(progress, scenario, name=None, where="box (2 cores)", key=None):
    running = Running(name or scenario, scenario, where, 5, progress.clock())
    progress.start(key or scenario, running)
    return running


def end(progress, scenario, row=OK, left=2, total=6, note=""):
    line = finished_line(scenario, 1, row)
    progress.end(scenario, scenario, row["status"] == "ok", line, Ahead(left, total, note))


def drawn(progress, width, height=25):
    """The lines of a terminal of that size."""
    console = Console(width=width, height=height, file=io.StringIO())
    console.print(ProgressView(progress))
    return console.file.getvalue().splitlines()


def test_a_finished_run_has_its_time_accuracy_and_flags_on_one_line():
    line = finished_line("batch-size · batch_size=1", 2, {**OK, "flags": ["unstable", "contended"]})
    assert line.plain == (
        "✓ batch-size · batch_size=1  round 2  2.39 ms/step  val 97.20 %  unstable contended"
    )


def test_a_failed_run_has_its_status_and_the_first_line_of_its_error():
    line = finished_line("wide", 3, {**FAILED, "flags": ["retried"]})
    assert line.plain == "✗ wide  round 3  oom_device: ResourceExhaustedError: 256.00MiB  retried"
    assert finished_line("wide", 1, {**FAILED, "error": None}).plain == "✗ wide  round 1  oom_device"


def test_figures_that_a_run_lacks_are_dashes():
    missing = {**OK, "step_seconds": None, "val_accuracy": None, "flags": None}
    assert finished_line("a", 1, missing).plain == "✓ a  round 1  –/step  val –"


def test_before_the_first_run_processes_start(progress, clock):
    clock.now += 4
    unplanned = Progress("A title", clock=clock)
    assert drawn(unplanned, 80) == ["A title", "  starting processes …", "0:00 gone"]
    lines = drawn(progress, 80)
    assert lines[1].strip() == "starting processes …"
    assert "0/6 runs  round 1/3  0:04 gone  – left" in lines[2]


def test_after_the_last_run_it_ends(clock):
    progress = Progress("A title", clock=clock)
    progress.begin({"a": 1}, 1)
    end(progress, "a", left=0, total=1)
    assert drawn(progress, 80)[2].strip() == "ending …"


@pytest.mark.parametrize("width", [80, 140])
def test_the_display_has_a_line_per_run_and_fits(progress, clock, width):
    start(progress, "a")
    clock.now += 12
    end(progress, "a", {**FAILED, "error": "an error that goes on and on " * 9})
    start(progress, "b")
    clock.now += 70
    end(progress, "b", {**OK, "flags": ["unstable"]})
    first = start(progress, "a", "batch-size · batch_size=10000 loop=fused", "a-rather-long-name (2 cores)")
    first.epoch, first.accuracy = 2, 0.9712
    start(progress, "b", "wide").epoch = 5
    clock.now += 130
    lines = drawn(progress, width)
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("✗ a  round 1  oom_device: an error that goes on")
    assert lines[2] == "✓ b  round 1  2.39 ms/step  val 97.20 %  unstable"
    assert "batch_size=10000 loop=fused  epoch 3/5  val 97.12 %  2:10" in lines[3]
    assert "testing" in lines[4]
    assert "2/6 runs  round 1/3  3:32 gone  about " in lines[5]
    assert lines[5].rstrip().endswith("1 not ok")
    assert ("a-rather-long-name (2 cores)" in lines[3]) is (width == 140)


@pytest.mark.parametrize("width", [80, 140])
def test_a_note_stands_above_the_bar_and_all_fits(clock, width):
    progress = Progress("A title", clock=clock)
    progress.begin({"a": 6, "b": 6}, 6, 20)
    for scenario in "ab":
        start(progress, scenario)
        clock.now += 10
        end(progress, scenario, FAILED, 1000 if scenario == "a" else 9, 1011)
    note = "1 of 2 scenarios left to bring within ±1 %"
    progress.round_began(12, note)
    lines = drawn(progress, width)
    assert max(map(len, lines)) <= width
    assert lines[-2].rstrip() == note
    assert "2/~1,011 runs  round 12/≤20  0:20 gone  about 2:48:10 left  2 not ok" in lines[-1]


def shown(lines):
    """The numbers of the runs under way that have a line."""
    return [int(found[1]) for line in lines if (found := re.search(r"▶\s+run=(\d+)", line))]


@pytest.fixture
def crowded(clock):
    """A thousand runs side by side, each begun a second after the other, and five that have ended."""
    progress = Progress("A title", clock=clock)
    progress.begin({"a": 3000}, 3)
    for _ in range(5):
        end(progress, "a", left=2995, total=3000)
    for number in range(1000):
        start(progress, "a", f"run={number}", key=str(number))
        clock.now += 1
    return progress


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (100, 1000)])
def test_of_a_thousand_runs_as_many_are_shown_as_there_is_room_for(crowded, width, height):
    lines = drawn(crowded, width, height)
    assert len(lines) == height
    room = height - 8  # title, five that have ended, how many more, bar
    assert shown(lines) == list(range(room))
    assert lines[-2].strip() == f"… and {1000 - room:,} more"
    assert "16:40" in lines[6]
    assert "5/3,000 runs  round 1/3" in lines[-1]


def test_a_note_takes_a_line_of_that_room(crowded):
    crowded.round_began(3, "a note")
    lines = drawn(crowded, 80, 24)
    assert (len(lines), lines[-2].strip()) == (24, "a note")
    assert lines[-3].strip() == "… and 985 more"


@pytest.mark.parametrize(
    ("height", "ended", "runs"),
    [(12, 5, 4), (10, 4, 3), (8, 2, 3), (6, 0, 3), (4, 0, 1), (3, 0, 0), (1, 0, 0)],
)
def test_where_there_is_little_room_those_under_way_come_first(crowded, height, ended, runs):
    lines = drawn(crowded, 80, height)
    assert (sum(line.startswith("✓") for line in lines), len(shown(lines))) == (ended, runs)
    assert (f"… and {1000 - runs:,} more" if runs else "1,000 runs under way") in lines[-2]
    assert len(lines) == max(height, 3)


@pytest.mark.parametrize("height", [24, 60])
def test_long_names_are_folded_only_where_all_lines_have_room(clock, height):
    progress = Progress("A title", clock=clock)
    progress.begin({"a": 30}, 1)
    for number in range(15):
        start(progress, "a", f"run={number} {'x' * 100}", key=str(number))
    lines = drawn(progress, 80, height)
    assert len(lines) <= height
    assert len(shown(lines)) == 15
    assert any("…" in line for line in lines[1:-1]) is (height == 24)
    assert "more" not in " ".join(lines)


def test_lines_of_runs_that_have_ended_count_as_often_as_they_are_long(clock):
    progress = Progress("A title", clock=clock)
    progress.begin({"a": 30}, 1)
    long = finished_line("x" * 150, 1, OK)
    for _ in range(5):
        progress.end("a", "a", True, long, Ahead(1, 30))
    for number in range(30):
        start(progress, "a", f"run={number}", key=str(number))
    lines = drawn(progress, 80, 24)
    # Four lines each: of five there would be too little room for those under way.
    assert (len(lines), sum(line.startswith("✓") for line in lines)) == (24, 4)
    assert len(shown(lines)) == 24 - 3 - 4 * 4
