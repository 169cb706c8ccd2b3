"""Which sessions `bench show` shows: the newest, all, or all of them as one."""

import csv
import io
import json
import math

import pytest

from tests.commands import bench
from tests.dated import session

SPEEDS = (1.0, 0.5, 2.0, 1.0, 4.0)
"""Of the sessions s0 to s4, of which s4 began last; the two sides of `two` are machines of one name."""


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    folder = tmp_path_factory.mktemp("week")
    for number, speed in enumerate(SPEEDS):
        session(folder, f"s{number}", 24.0 * number, speed=speed, machine_id="3f9a01aaaaaa", software_id="v1")
    return folder


def show(*arguments, status=0):
    said = bench("show", *arguments)
    assert (said.status, said.error) == (status, "")
    return said.output


def rows(*arguments):
    return list(csv.DictReader(io.StringIO(show(*arguments, "--format", "csv"))))


def sessions(*arguments):
    return sorted({row["session_id"] for row in rows(*arguments)})


def test_it_is_the_newest_unless_told_otherwise(week):
    head, others, *_ = show(week).splitlines()
    assert head.startswith("Session s4 · ")
    assert head.endswith(" · A CPU, 2 cores · 9 scenarios × 3 rounds")
    assert others == "The newest of 5 sessions: --all shows each, --pool times over all of them."
    assert sessions(week) == ["s4"]
    assert {row["sessions"] for row in rows(week)} == {"1"}


def test_a_path_that_is_a_session_is_that_session(week):
    assert show(week / "s1").splitlines()[1] == ""
    assert sessions(week / "s1") == ["s1"]
    assert sessions(week / "s1", week / "s3") == ["s1", "s3"]
    assert sessions(week / "s1", week) == ["s1", "s4"]


def test_of_several_folders_it_is_the_newest_of_all(week, tmp_path):
    session(tmp_path, "elsewhere", 10.0)
    assert sessions(tmp_path, week) == ["s4"]
    session(tmp_path, "later", 1000.0, ended=False)
    assert sessions(tmp_path, week) == ["later"]


def test_it_is_the_newest_that_holds_a_run_for_which_the_condition_holds(week):
    chosen = ("--where", "session_id != 's4' and batch_size == 10")
    lines = show(week, *chosen).splitlines()
    assert lines[0].startswith("Session s3 · ")
    assert lines[1].startswith("The newest of 4 sessions: ")
    assert sessions(week, week / "s0", *chosen) == ["s0", "s3"]
    assert sessions(week / "s1", *chosen) == ["s1"]


def test_all_has_rows_of_each_and_says_which_they_are(week):
    lines = show(week, "--all").splitlines()
    assert lines[0] == "5 sessions on A CPU, 2 cores"
    assert [line.split(" · ")[0] for line in lines[1:6]] == [f"on {n + 1}  s{n}" for n in range(5)]
    assert sessions(week, "--all") == [f"s{number}" for number in range(5)]
    alone = rows(week / "s2")
    assert [row for row in rows(week, "--all") if row["session_id"] == "s2"] == alone


def test_pool_makes_one_row_of_all_with_intervals_over_sessions(week):
    found = json.loads(show(week, "--pool", "--format", "json"))
    alone = rows(week / "s0")
    assert [row["label"] for row in found] == [row["label"] for row in alone]
    first, reference = found[0], float(alone[0]["step_seconds"])
    assert (first["session_id"], first["machine_id"], first["software_id"]) == (None, "3f9a01aaaaaa", "v1")
    assert (first["sessions"], first["runs"]) == (5, 5 * int(alone[0]["runs"]))
    assert first["step_seconds"] == pytest.approx(reference / math.prod(SPEEDS) ** 0.2)
    assert (
        first["step_seconds_low"] < reference / 2 < first["step_seconds_high"]
    )  # moods of 0.5 to 4 leave it so
    lines = show(week, "--pool").splitlines()
    assert lines[0].startswith("5 sessions on A CPU, 2 cores, ")
    assert "over sessions" in " ".join(lines[:4])


def test_both_are_too_many(week):
    said = bench("show", week, "--all", "--pool")
    assert (said.status, said.output) == (2, "")
    assert (
        said.error
        == "bench: --all and --pool: rows by session, or one of all of them; leave one of the two out\n"
    )


def test_machines_of_one_name_are_never_pooled(week, tmp_path):
    session(tmp_path, "other", 1.0, speed=0.7, machine_id="77aa02bbbbbb", software_id="v1")
    found = {(row["machine"], row["sessions"]) for row in rows(week, tmp_path, "--pool")}
    assert found == {("A CPU, 2 cores (3f9a)", "5"), ("A CPU, 2 cores (77aa)", "1")}
    said = " ".join(show(week, tmp_path, "--pool").split())
    assert "on 1 A CPU, 2 cores (3f9a) on 2 A CPU, 2 cores (77aa)" in said


def test_the_parts_of_the_overhead_are_of_the_newest_too(week):
    assert show(week, "--overhead").split()[0] == "s4:"
    assert show(week, "--overhead", "--all").count("54 runs") == 5


def test_a_damaged_session_that_may_be_the_newest_is_named_and_the_newest_of_the_rest_shown(week, tmp_path):
    folder = session(tmp_path, "damaged", 1000.0)
    for name in ("runs.parquet", "journal.jsonl"):
        (folder / name).write_bytes(b"no")
    said = bench("show", week, tmp_path, "--format", "csv")
    assert said.status == 0
    assert said.error.startswith("bench: ")
    assert {row["session_id"] for row in csv.DictReader(io.StringIO(said.output))} == {"s4"}
