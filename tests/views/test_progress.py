import sys
import threading

import pytest
from rich.text import Text

from bench.records.measurement import Epoch
from bench.views.progress import Ahead, Progress, Running

LINE = Text("a run that has ended")


def start(progress, key):
    progress.start(key, Running(f"run {key}", key, "box (2 cores)", 5, progress.clock()))


def epoch(number, accuracy):
    return Epoch(number, 1, 1.0, 1.0, 1.0, 0.1, 0.1, 0.9, 0.1, accuracy, (), ())


def test_a_session_that_has_just_begun(progress, clock):
    clock.now += 4
    seen = progress.seen(9)
    assert (seen.title, seen.done, seen.total, seen.not_ok, seen.under_way) == ("A title", 0, 6, 0, 0)
    assert (seen.round, seen.rounds, seen.fixed, seen.gone, seen.left) == (1, 3, True, 4, None)


def test_what_ends_is_done_and_leaves_what_is_under_way(progress, clock):
    start(progress, "a")
    clock.now += 10
    progress.end("a", "a", False, LINE, Ahead(2, 6, "a note"))
    seen = progress.seen(9)
    assert (seen.done, seen.total, seen.not_ok, seen.under_way) == (1, 6, 1, 0)
    assert (seen.recent, seen.note) == ((LINE,), "a note")
    # Two runs of a and three of b, ten seconds each as far as is known.
    assert seen.left == pytest.approx(50)


def test_what_was_kept_counts_and_sets_no_pace(progress, clock):
    clock.now += 1
    progress.keep("a", True, Ahead(2, 6))
    seen = progress.seen(9)
    assert (seen.done, seen.total, seen.left, seen.recent) == (1, 6, None, ())


def test_a_run_that_never_started_counts_as_done_and_sets_no_pace(progress):
    progress.end("a", "a", False, LINE, Ahead(2, 6))
    assert (progress.seen(9).done, progress.seen(9).not_ok, progress.seen(9).left) == (1, 1, None)


def test_time_before_the_plan_is_gone_but_sets_no_pace(clock):
    progress = Progress("A title", clock=clock)
    clock.now += 60
    progress.begin({"a": 2}, 2)
    start(progress, "a")
    clock.now += 10
    progress.end("a", "a", True, LINE, Ahead(1, 2))
    assert (progress.seen(9).gone, progress.seen(9).left) == (70, pytest.approx(10))


def test_only_the_last_that_ended_are_kept(progress):
    for number in range(9):
        progress.end("a", "a", True, Text(f"run {number}"), Ahead(0, 9))
    assert [line.plain for line in progress.seen(9).recent] == [f"run {n}" for n in range(4, 9)]


def test_what_a_run_does_and_how_far_it_is(progress):
    start(progress, "a")
    progress.phase("a", "train")
    progress.epoch("a", epoch(2, 0.97))
    progress.phase("b", "train")  # of a run that is not there any more
    progress.epoch("b", epoch(2, 0.97))
    (run,) = progress.seen(9).running
    assert (run.phase, run.epoch, run.accuracy) == ("train", 2, 0.97)
    progress.epoch("a", epoch(3, 0.98))
    assert run.epoch == 2


def test_those_under_way_longest_come_first_and_no_more_than_asked_for(progress, clock):
    for key in "abcd":
        start(progress, key)
        clock.now += 1
    start(progress, "a")  # once more: its process was lost
    seen = progress.seen(3)
    assert ([run.scenario_id for run in seen.running], seen.under_way) == (["b", "c", "d"], 4)
    assert [run.scenario_id for run in progress.seen(9).running] == ["b", "c", "d", "a"]


def test_rounds_overlap_and_the_newest_is_told(progress):
    progress.round_began(3, "a note")
    progress.round_began(2)
    assert progress.seen(9).round == 3


def test_up_to_a_precision_the_most_rounds_are_told(clock):
    progress = Progress("A title", clock=clock)
    progress.begin({"a": 6, "b": 6}, 6, 20)
    assert (progress.seen(9).rounds, progress.seen(9).fixed, progress.seen(9).total) == (20, False, 12)
    progress.begin({"a": 6}, 6, 6)
    assert progress.seen(9).fixed


def test_one_thread_looks_while_another_starts_and_ends_a_thousand_runs(progress):
    """As often as they can: switched between after each step or so."""
    over, failed = threading.Event(), []

    def look():
        try:
            while not over.is_set():
                seen = progress.seen(50)
                assert len(seen.running) == min(seen.under_way, 50)
        except BaseException as error:
            failed.append(error)

    looking, usual = threading.Thread(target=look), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        looking.start()
        for _ in range(3):
            for number in range(1000):
                progress.start(str(number), Running("a run", "a", "box", 5, progress.clock()))
            for number in range(1000):
                progress.end(str(number), "a", True, LINE, Ahead(3, 6))
    finally:
        over.set()
        sys.setswitchinterval(usual)
        looking.join()
    assert failed == []
    assert progress.seen(9).done == 3000
