import csv
import io
import json
from dataclasses import replace

import pytest

from bench.analysis.overhead import PARTS, Overhead
from bench.views.overhead import (
    WORDS,
    overhead_csv,
    overhead_grids,
    overhead_json,
    overhead_lines,
    overhead_markdown,
)

SECONDS = {"train": 60.0, "idle": 30.0, "compile": 8.5, "evaluate": 1.25, "stage": 0.25}
SESSION = Overhead("20260131-142530-9f3a", "quick", 20, 0, 50.0, 2, SECONDS, 6.0)
OLD = replace(
    SESSION, untold=20, wall_seconds=None, slots=None, seconds={"train": 8.0}, end_probe_seconds=None
)
NOTHING = replace(OLD, session_id="published", runs=0, untold=0, seconds={})
PER_RUN = (
    "Overhead: 1.94 s of slots' time a run, 438 ms of it while the run had its slot; "
    "3.06 s was training and evaluation."
)


def test_every_part_has_its_words():
    assert set(WORDS) == set(PARTS)
    assert len(set(WORDS.values())) == len(PARTS)


@pytest.mark.parametrize("width", [60, 80])
def test_a_session_is_a_table_of_its_parts_and_what_follows(rendered, width):
    lines = rendered(overhead_grids([SESSION]), width)
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("20260131-142530-9f3a: quick, 20 runs in 50.0 s, up to 2 at")
    cells = [line.split() for line in lines]
    assert ["training", "60.0", "s", "60.0", "%", "3.000", "s"] in cells
    assert ["slots", "idle", "or", "opening", "30.0", "s", "30.0", "%", "1.500", "s"] in cells
    assert ["data", "to", "the", "device", "0.2", "s", "0.2", "%", "0.013", "s"] in cells
    assert ["all", "100.0", "s", "100.0", "%", "5.000", "s"] in cells
    said = " ".join(" ".join(lines).split())
    assert PER_RUN in said
    assert "Probes after the last run took at least 6.00 s more." in said


def test_where_runs_were_tried_again_idle_time_is_named_for_what_it_may_be(rendered):
    retried = {"train": 60.0, "idle_or_lost": 40.0}
    said = "\n".join(rendered(overhead_grids([replace(SESSION, seconds=retried)]), 60))
    assert "idle, opening or lost attempts 40.0 s 40.0 %" in " ".join(said.split())
    assert "slots idle" not in said


def test_of_older_tables_one_line_says_what_is_missing(rendered):
    said = " ".join(" ".join(rendered(overhead_grids([OLD]), 80)).split())
    assert said.startswith("20260131-142530-9f3a: quick, 20 runs part")
    assert "They were recorded by an older bench, which did not say how long runs had their slots: " in said
    assert "Overhead:" not in said
    some = " ".join(" ".join(rendered(overhead_grids([replace(OLD, untold=3)]), 80)).split())
    assert "3 of them were recorded by an older bench" in some


def test_runs_that_are_not_all_of_the_session_s_leave_waiting_open(rendered):
    said = " ".join(" ".join(rendered(overhead_grids([replace(OLD, untold=0)]), 80)).split())
    assert "Overhead: 0 s of slots' time a run; 400 ms was training and evaluation." in said
    assert "How long the slots were idle or probed is not known from these runs alone." in said


def test_rows_without_any_time_are_a_sentence(rendered):
    lines = rendered(overhead_grids([NOTHING]), 80)
    assert lines[:2] == [
        "published: quick, 0 runs",
        "Its runs say nothing of where their time went.",
    ]
    assert overhead_lines(NOTHING, {}) == []
    assert "| part" not in overhead_markdown([NOTHING])


def test_markdown_has_the_same():
    said = overhead_markdown([SESSION, NOTHING])
    assert said.startswith("**20260131-142530-9f3a**: quick, 20 runs in 50.0 s, up to 2 at once\n\n| part |")
    assert "| compilation | 8.5 s | 8.5 % | 0.425 s |" in said
    assert PER_RUN in said
    assert "\n**published**: quick, 0 runs\n\nIts runs say nothing" in said
    assert said.count("Share: ") == 1


def test_csv_has_a_line_per_part_in_plain_numbers():
    rows = list(csv.DictReader(io.StringIO(overhead_csv([SESSION, NOTHING]))))
    assert [row["part"] for row in rows] == list(SECONDS)
    assert rows[2] == {
        "session_id": "20260131-142530-9f3a",
        "suite": "quick",
        "runs": "20",
        "runs_untold": "0",
        "wall_seconds": "50.0",
        "slots": "2",
        "part": "compile",
        "seconds": "8.5",
        "share": "0.085",
        "seconds_per_run": "0.425",
    }


def test_json_has_an_object_per_session():
    told, nothing = json.loads(overhead_json([SESSION, NOTHING]))
    assert (told["wall_seconds"], told["slots"], told["end_probe_seconds"]) == (50.0, 2, 6.0)
    assert told["overhead_seconds_per_run"] == pytest.approx((100 - 61.25) / 20)
    assert told["parts"][0] == {"part": "train", "seconds": 60.0, "share": 0.6, "seconds_per_run": 3.0}
    assert (nothing["parts"], nothing["overhead_seconds_per_run"]) == ([], None)


def test_of_a_session_that_has_just_ended_lines_tell_the_parts_that_matter_and_the_driver_s_own():
    spent = {"data": 0.3, "ray-start": 3.4, "session": 58.0, "ray-end": 1.4}
    assert overhead_lines(SESSION, spent) == [
        "Where 2 slots' 50.0 s each went: training 60.0 s (60 %), slots idle or opening 30.0 s (30 %), "
        "compilation 8.50 s (8 %), all else 1.50 s (2 %).",
        PER_RUN,
        "Besides: loading data 300 ms, Ray's start 3.40 s, Ray's end 1.40 s, probes at the end at least "
        "6.00 s; 63.1 s in all.",
    ]
    alone = replace(SESSION, slots=1, end_probe_seconds=None)
    assert overhead_lines(alone, {})[0].startswith("Where 50.0 s went: training")
    assert len(overhead_lines(alone, {})) == 2
