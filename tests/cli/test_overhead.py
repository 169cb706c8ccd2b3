"""`bench show --overhead`, of sessions that were recorded run by run."""

import csv
import datetime
import io
import json

import pytest

from bench.records.journal import FILE_NAME
from bench.records.recorder import Recorder
from bench.records.suite import parse_suite
from tests.cli.conftest import CPU, STARTED, ok, run_of
from tests.commands import bench

CLOCKS = {
    "start_seconds": 1.0,
    "import_seconds": 0.0,
    "build_seconds": 0.25,
    "compile_seconds": 2.0,
    "compile_cached": False,
    "warmup_seconds": 0.25,
    "stage_seconds": 0.125,
    "train_seconds": 4.0,
    "eval_seconds": 1.0,
    "test_seconds": 0.125,
    "metered_seconds": 8.0,
    "occupied_seconds": 10.0,
    "queue_seconds": 5.0,
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A session of six runs, ten seconds each, one every twelve; a probe of five seconds came before."""
    folder = tmp_path_factory.mktemp("overhead") / "s1"
    sweep = {"name": "sizes", "hidden": [50, 50], "matrix": {"batch_size": [10, 100]}}
    points = parse_suite({"sweep": [sweep]}, "a.toml", "a", "", {}, {}).points
    with Recorder.begin(folder, "s1", {"suite": "a"}) as recorder:
        recorder.add_machines([{"session_id": "s1", **CPU}])
        for moment in ("start", "end"):
            probed = {"probe_moment": moment, "probe_seconds": 5.0, "probe_workers": 1}
            recorder.add_machines([{"session_id": "s1", **CPU, **probed}])
        for number in range(6):
            point, began = points[number % 2], STARTED + datetime.timedelta(seconds=12 * number)
            row = run_of("s1", CPU, point, number // 2 + 1, ok(point.scenario, number, 1.0))
            recorder.add_run({**row, **CLOCKS, "started_at": began, "nodes": ("cpu-box",)}, [])
    return folder


def shown(*arguments):
    said = bench("show", *arguments, "--overhead")
    assert (said.status, said.error) == (0, "")
    return said.output


def test_the_parts_of_a_recorded_session_are_those_worked_out_by_hand(recorded):
    """Five seconds of waiting, six runs of ten and five gaps of two between them."""
    (session,) = json.loads(shown(recorded, "--format", "json"))
    assert (session["wall_seconds"], session["slots"], session["runs"]) == (75, 1, 6)
    assert {part["part"]: part["seconds"] for part in session["parts"]} == {
        **{"train": 24, "compile": 12, "idle": 10, "evaluate": 6.75, "start": 6, "around": 6, "probe": 5},
        **{"build": 1.5, "warmup": 1.5, "inside": 1.5, "stage": 0.75},
    }
    assert session["overhead_seconds_per_run"] == pytest.approx((75 - 24 - 6.75) / 6)
    assert session["end_probe_seconds"] == 5


def test_people_are_shown_a_table_in_place_of_the_summary(recorded):
    said = shown(recorded)
    assert max(map(len, said.splitlines())) <= 80
    assert said.startswith("s1: s1, 6 runs in 75.0 s, one at a time")
    assert "training 24.0 s 32.0 % 4.00 s" in " ".join(said.split())
    assert "7.38 s of slots' time a run" in said
    assert "step time" not in said
    assert "| training | 24.0 s | 32.0 % | 4.00 s |" in shown(recorded, "--format", "md")


def test_each_part_is_a_line_of_csv(recorded):
    rows = list(csv.DictReader(io.StringIO(shown(recorded, "--format", "csv"))))
    assert {row["part"]: float(row["seconds"]) for row in rows}["idle"] == 10
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


def test_the_journal_alone_tells_the_same(recorded, tmp_path):
    """As of a session that was killed, or that is going on."""
    (tmp_path / FILE_NAME).write_bytes((recorded / FILE_NAME).read_bytes())
    assert shown(tmp_path) == shown(recorded)


def test_of_some_runs_nothing_is_said_of_waiting(recorded):
    (session,) = json.loads(shown(recorded, "--where", "batch_size == 10", "--format", "json"))
    assert (session["runs"], session["wall_seconds"]) == (3, None)
    assert not {"idle", "probe"} & {part["part"] for part in session["parts"]}
    assert "is not known from these runs alone" in shown(recorded, "--where", "batch_size == 10")


def test_older_sessions_say_in_a_line_what_they_lack(recorded, thousand, published):
    said = " ".join(shown(recorded, thousand, published, "--all").split())
    assert said.count("recorded by an older bench") == 2
    assert "notebook-published, 0 runs Its runs say nothing of where their time went." in said


def test_sorting_is_refused_in_one_line(recorded):
    said = bench("show", recorded, "--overhead", "--sort", "label")
    assert (said.status, said.output, said.error.count("\n")) == (2, "", 1)
    assert "--sort" in said.error
