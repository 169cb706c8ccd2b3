import datetime
import errno
import json
import os
import re
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records import journal as journal_module
from bench.records import recorder as recorder_module
from bench.records.journal import FILE_NAME, Journal, closed_runs, parse_journal
from bench.records.recorder import Recorder, new_session_id
from bench.records.store import read_sessions
from bench.records.tables import SCHEMA_VERSION, machine_row

HEADER = {"suite": "a suite", "scenarios": ["abc"]}


def rows(folder):
    return [pq.read_metadata(folder / f"{name}.parquet").num_rows for name in ("runs", "epochs", "machines")]


def journal_of(folder):
    return parse_journal((folder / FILE_NAME).read_bytes(), "journal.jsonl")


@pytest.fixture
def begun(tmp_path):
    return Recorder.begin(tmp_path / "s1", "s1", HEADER)


def test_the_tables_are_written_when_the_session_ends(begun, run, fingerprint):
    with begun as recorder:
        recorder.add_machine(machine_row("s1", fingerprint))
        for number in (1, 2, 3):
            recorder.add_run(*run(number=number))
        assert not (recorder.folder / "runs.parquet").exists()
    assert rows(begun.folder) == [3, 3, 1]


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError])
def test_the_tables_are_written_when_the_session_is_cut_short(begun, run, problem):
    row, epochs = run()

    def session():
        with begun:
            begun.add_run(row, epochs)
            raise problem

    with pytest.raises(problem):
        session()
    assert rows(begun.folder) == [1, 1, 0]
    assert closed_runs((begun.folder / FILE_NAME).read_bytes()) == 1


def test_a_session_without_runs_is_a_session(begun):
    with begun:
        pass
    assert read_sessions([str(begun.folder)]).runs.num_rows == 0


def test_a_run_is_on_the_disk_before_add_run_returns(begun, run):
    row, epochs = run()
    with begun as recorder:
        recorder.add_run(row, epochs)
        assert [r["run_id"] for r in journal_of(recorder.folder).runs] == [row["run_id"]]
        assert read_sessions([str(recorder.folder)]).runs.column("run_id").to_pylist() == [row["run_id"]]


def test_the_runs_so_far_can_be_asked_for(begun, run):
    row, epochs = run()
    with begun as recorder:
        assert recorder.runs == []
        recorder.add_run(row, epochs)
        assert recorder.runs == [row]


def test_the_tables_are_written_at_intervals(begun, run, monkeypatch):
    monkeypatch.setattr(recorder_module, "TABLES_EVERY_SECONDS", -1.0)
    with begun as recorder:
        recorder.add_run(*run(number=1))
        assert rows(recorder.folder) == [1, 1, 0]
        recorder.add_run(*run(number=2))
        assert rows(recorder.folder) == [2, 2, 0]


def test_the_journal_begins_with_the_session(begun):
    with begun:
        pass
    assert journal_of(begun.folder).header == {"session_id": "s1", "schema_version": SCHEMA_VERSION, **HEADER}


def test_the_journal_ends_with_the_number_of_runs(begun, run):
    with begun as recorder:
        recorder.add_run(*run())
        assert closed_runs((recorder.folder / FILE_NAME).read_bytes()) is None
    assert closed_runs((begun.folder / FILE_NAME).read_bytes()) == 1


def test_a_journal_whose_tables_could_not_be_written_is_not_closed(begun, run):
    def session():
        with begun as recorder:
            recorder.add_run(*run())
            (recorder.folder / "runs.parquet").mkdir()

    with pytest.raises(StoreError, match="cannot be written: is a folder; make room there, the journal"):
        session()
    assert closed_runs((begun.folder / FILE_NAME).read_bytes()) is None
    assert len(journal_of(begun.folder).runs) == 1


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory; pass --results"):
        Recorder.begin(tmp_path / "results" / "s1", "s1", HEADER)


def test_a_journal_and_tables_are_written_where_the_disk_knows_no_fsync(begun, run, monkeypatch):
    def fsync(_file):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", fsync)
    with begun as recorder:
        recorder.add_run(*run())
    assert rows(begun.folder) == [1, 1, 0]


@pytest.mark.parametrize("taken", ["deleted", "moved"])
def test_a_folder_that_is_taken_away_meanwhile_costs_no_run(begun, run, fingerprint, tmp_path, taken):
    with begun as recorder:
        recorder.add_machine(machine_row("s1", fingerprint))
        recorder.add_run(*run(number=1))
        recorder.add_run(*run(number=2))
        if taken == "deleted":
            shutil.rmtree(recorder.folder)
        else:
            recorder.folder.rename(tmp_path / "elsewhere")
        recorder.add_run(*run(number=3))
        read = journal_of(recorder.folder)
        assert read.header == {"session_id": "s1", "schema_version": SCHEMA_VERSION, **HEADER}
        assert [row["round"] for row in read.runs] == [1, 2, 3]
        assert [epoch["run_id"] for epoch in read.epochs] == [row["run_id"] for row in read.runs]
        shutil.rmtree(recorder.folder)
    assert rows(begun.folder) == [3, 3, 1]
    assert closed_runs((begun.folder / FILE_NAME).read_bytes()) == 3
    with Recorder.resume(begun.folder, {}) as recorder:
        assert len(recorder.runs) == 3


class TestResumed:
    """A session that goes on where it was left."""

    @pytest.fixture
    def left(self, begun, run):
        """A folder with an ok, a cancelled and a lost run."""
        with begun as recorder:
            for number, status in enumerate(("ok", "cancelled", "lost"), start=1):
                recorder.add_run(*run(number=number, status=status))
        return recorder.folder

    def test_it_keeps_its_name_and_its_rows_and_adds_others(self, left, run):
        with Recorder.resume(left, {"command": ["run"]}) as recorder:
            assert (recorder.session_id, recorder.folder) == ("s1", left)
            assert [row["status"] for row in recorder.runs] == ["ok", "cancelled", "lost"]
            recorder.add_run(*run(number=4))
        assert rows(left) == [4, 4, 0]
        assert read_sessions([str(left)]).runs["round"].to_pylist() == [1, 2, 3, 4]

    def test_a_run_takes_the_place_of_the_cancelled_one(self, left, run):
        with Recorder.resume(left, {}) as recorder:
            recorder.add_run(*run(number=2))
        found = read_sessions([str(left)])
        assert dict(zip(*(found.runs[name].to_pylist() for name in ("round", "status")), strict=True)) == {
            1: "ok",
            2: "ok",
            3: "lost",
        }
        assert found.epochs.num_rows == 3
        assert closed_runs((left / FILE_NAME).read_bytes()) == 3

    def test_while_it_goes_on_and_after_a_kill_its_journal_is_read(self, left, run):
        recorder = Recorder.resume(left, {})
        recorder.add_run(*run(number=3))
        assert read_sessions([str(left)]).runs["status"].to_pylist() == ["ok", "cancelled", "ok"]
        recorder.__exit__()

    def test_the_journal_keeps_both_and_says_when_it_was_resumed(self, left, run):
        with Recorder.resume(left, {"command": ["run", "--resume"]}) as recorder:
            recorder.add_run(*run(number=2))
        kinds = [json.loads(line) for line in (left / FILE_NAME).read_text().splitlines()]
        assert [entry["kind"] for entry in kinds] == [
            *("session", "run", "run", "run", "closed"),
            *("resumed", "run", "closed"),
        ]
        assert kinds[5]["command"] == ["run", "--resume"]
        assert journal_of(left).header["suite"] == "a suite"

    def test_a_line_cut_by_a_kill_is_that_run_s_end(self, left, run):
        path = left / FILE_NAME
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:3]) + lines[3][:40])
        with Recorder.resume(left, {}) as recorder:
            assert [row["round"] for row in recorder.runs] == [1, 2]
            recorder.add_run(*run(number=3))
        assert rows(left) == [3, 3, 0]

    def test_no_two_write_one_session(self, left):
        with Recorder.resume(left, {}), pytest.raises(StoreError) as caught:
            Recorder.resume(left, {})
        assert str(caught.value) == (
            f"{left}: this session is still going on; wait for it, or run without --resume"
        )
        with Recorder.resume(left, {}):
            pass

    def test_the_killed_one_s_lock_is_gone_with_it(self, tmp_path):
        program = (
            "import sys, time; from pathlib import Path; from bench.records.recorder import Recorder\n"
            "recorder = Recorder.begin(Path(sys.argv[1]), 's1', {})\n"
            "print(flush=True); time.sleep(600)"
        )
        line = [sys.executable, "-c", program, str(tmp_path / "s1")]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"\n"
            with pytest.raises(StoreError, match="still going on"):
                Recorder.resume(tmp_path / "s1", {})
            writer.kill()
        with Recorder.resume(tmp_path / "s1", {}) as recorder:
            assert recorder.runs == []

    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
    def test_where_a_file_system_knows_no_locks_it_goes_on_without(self, left, monkeypatch, number):
        def unknown(*_arguments):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(journal_module.fcntl, "flock", unknown)
        with Recorder.resume(left, {}) as recorder:
            assert len(recorder.runs) == 3

    @pytest.mark.parametrize(
        ("columns", "reason"),
        [
            ({"step_seconds": float("nan")}, "values that cannot be count as missing: step_seconds in 1 row"),
            ({"label": None}, "a row without label; give a table that bench wrote"),
            ({"column_to_come": 1}, "rows of another bench: 'runs has no column column_to_come'"),
            ({"round": "one"}, "rows of another bench: "),
            ({"round": 10**400}, "rows of another bench: "),
        ],
    )
    def test_rows_that_could_not_be_written_again_are_not_gone_on_with(self, left, run, columns, reason):
        row, epochs = run(number=9, **columns)
        with Journal(left) as journal:
            journal.append("run", row=row, epochs=epochs)
        with pytest.raises(StoreError) as caught:
            Recorder.resume(left, {})
        assert str(caught.value).startswith(f"{left / FILE_NAME}: {reason}")

    def test_rows_of_an_older_bench_get_the_columns_that_they_lack(self, left, run):
        row, epochs = run(number=9)
        del row["servers"], row["started_at"]
        with Journal(left) as journal:
            journal.append("run", row={**row, "started_at": None}, epochs=epochs)
        with Recorder.resume(left, {}) as recorder:
            assert (recorder.runs[-1]["servers"], recorder.runs[-1]["started_at"]) == (None, None)

    def test_a_folder_whose_journal_does_not_begin_with_its_session(self, left):
        (left / FILE_NAME).write_text("")
        with pytest.raises(StoreError, match="does not begin with its session; it cannot be gone on with"):
            Recorder.resume(left, {})


def test_session_ids_sort_by_time_and_differ():
    now = datetime.datetime(2026, 1, 31, 14, 25, 30)
    ids = {new_session_id(now) for _ in range(5)}
    assert len(ids) > 1
    assert all(re.fullmatch(r"20260131-142530-[0-9a-f]{4}", session_id) for session_id in ids)
