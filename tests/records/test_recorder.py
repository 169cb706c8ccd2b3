import datetime
import errno
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import weakref

import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records import journal as journal_module
from bench.records.claims import is_claim
from bench.records.earlier import Earlier
from bench.records.journal import FILE_NAME, Journal, closed_runs
from bench.records.manifest import MANIFEST_FILE
from bench.records.recorder import Recorder, new_session_id
from bench.records.store import read_sessions
from bench.records.tables import JOURNAL_VERSION, machine_row
from tests.sessions import journal_of, recorded

HEADER = {"suite": "a suite", "scenarios": ["abc"]}


def rows(folder):
    return [pq.read_metadata(folder / f"{name}.parquet").num_rows for name in ("runs", "epochs", "machines")]


@pytest.fixture
def begun(tmp_path):
    return Recorder.begin(tmp_path / "s1", "s1", HEADER)


def test_the_tables_are_written_when_the_session_ends(begun, run, fingerprint):
    with begun as recorder:
        recorder.add_machines([machine_row("s1", fingerprint)])
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


def test_runs_are_counted(begun, run):
    with begun as recorder:
        assert (recorder.runs, recorder.not_ok, recorder.earlier) == (0, 0, {})
        for number, status in enumerate(("ok", "failed", "diverged"), start=1):
            recorder.add_run(*run(number=number, status=status))
        assert (recorder.runs, recorder.not_ok) == (3, 2)


def test_runs_that_ended_together_wait_for_the_disk_once(begun, run, monkeypatch):
    synced, flush = [], os.fsync
    with begun as recorder:
        monkeypatch.setattr(os, "fsync", lambda number: synced.append(flush(number)))
        recorder.add_runs([run(number=number) for number in range(1, 6)])
        assert len(synced) == 1
        assert [row["round"] for row in journal_of(recorder.folder).runs] == [1, 2, 3, 4, 5]
        recorder.add_runs([])
    assert rows(begun.folder) == [5, 5, 0]


def test_machines_that_are_told_together_wait_for_the_disk_once(begun, fingerprint, monkeypatch):
    synced, flush = [], os.fsync
    with begun as recorder:
        monkeypatch.setattr(os, "fsync", lambda number: synced.append(flush(number)))
        recorder.add_machines(machine_row("s1", fingerprint) for _ in range(5))
        assert len(synced) == 1
        assert len(journal_of(recorder.folder).machines) == 5


class Weak(dict):
    """A row that one can be told the end of."""


def test_no_row_stays_in_memory(begun, run, fingerprint):
    with begun as recorder:
        row, epochs = run()
        row, epochs, machine = Weak(row), [Weak(epochs[0])], Weak(machine_row("s1", fingerprint))
        left = [weakref.ref(row), weakref.ref(epochs[0]), weakref.ref(machine)]
        recorder.add_run(row, epochs)
        recorder.add_machines([machine])
        del row, epochs, machine
        gc.collect()
        assert [of() for of in left] == [None, None, None]


def test_the_journal_begins_with_the_session(begun):
    with begun:
        pass
    expected = {"session_id": "s1", "schema_version": JOURNAL_VERSION, **HEADER}
    assert journal_of(begun.folder).header == expected


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


def delete(folder):
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)


def move(folder):
    folder.rename(folder.with_name("elsewhere"))


def copy(folder):
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


def move_behind_a_link(folder):
    move(folder)
    shutil.copytree(folder.with_name("elsewhere"), folder.with_name("copy"))
    folder.symlink_to(folder.with_name("copy"))


def put_another_file(folder):
    (folder / "another").write_text("[]")
    (folder / "another").replace(folder / FILE_NAME)


def put_a_pipe(folder):
    (folder / FILE_NAME).unlink()
    os.mkfifo(folder / FILE_NAME)


@pytest.mark.parametrize(
    "take",
    [delete, move, copy, move_behind_a_link, put_another_file, put_a_pipe],
    ids=lambda take: take.__name__,
)
def test_a_folder_or_a_file_that_is_taken_away_meanwhile_costs_no_run(begun, run, fingerprint, take):
    with begun as recorder:
        recorder.add_machines([machine_row("s1", fingerprint)])
        recorder.add_run(*run(number=1))
        recorder.add_run(*run(number=2))
        take(recorder.folder)
        recorder.add_run(*run(number=3))
        assert [path.name for path in recorder.folder.iterdir() if not is_claim(path.name)] == [FILE_NAME]
        with pytest.raises(StoreError, match="still going on"):
            Recorder.resume(recorder.folder, {})
        read = journal_of(recorder.folder)
        assert read.header == {"session_id": "s1", "schema_version": JOURNAL_VERSION, **HEADER}
        assert [row["round"] for row in read.runs] == [1, 2, 3]
        assert [epoch["run_id"] for epoch in read.epochs] == [row["run_id"] for row in read.runs]
        delete(recorder.folder)
    assert rows(begun.folder) == [3, 3, 1]
    assert closed_runs((begun.folder / FILE_NAME).read_bytes()) == 3
    with Recorder.resume(begun.folder, {}) as recorder:
        assert recorder.runs == 3


def test_a_folder_that_is_taken_away_for_good_costs_no_run_that_was_recorded(begun, run):
    """While nothing can be written in its place, it is tried again, and then all is there."""
    with begun as recorder:
        recorder.add_run(*run(number=1))
        shutil.rmtree(recorder.folder)
        recorder.folder.write_text("a file in its place")
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot be written"):
                recorder.add_run(*run(number=2))
        recorder.folder.unlink()
        recorder.add_run(*run(number=3))
    assert [row["round"] for row in recorded(begun.folder)] == [1, 3]


def test_a_copy_that_another_process_goes_on_with_is_left_to_it(begun, run):
    with begun as recorder:
        recorder.add_run(*run(number=1))
        copy(recorder.folder)
        held = (recorder.folder / FILE_NAME).read_bytes()
        with Journal(recorder.folder):
            with pytest.raises(StoreError) as caught:
                recorder.add_run(*run(number=2))
            assert (recorder.folder / FILE_NAME).read_bytes() == held
        recorder.add_run(*run(number=2))
    assert str(caught.value) == (
        f"{begun.folder}: another process goes on with a copy that took its place; end one of the two"
    )
    assert [row["round"] for row in recorded(begun.folder)] == [1, 2]


def test_a_folder_made_anew_without_room_is_no_session(begun, run, monkeypatch):
    def fail(_file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with begun as recorder:
        recorder.add_run(*run(number=1))
        shutil.rmtree(recorder.folder)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(StoreError, match="No space left on device"):
                recorder.add_run(*run(number=2))
        assert list(recorder.folder.iterdir()) == []
        recorder.add_run(*run(number=2))
    assert [row["round"] for row in recorded(begun.folder)] == [1, 2]


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
            assert [run.status for run in recorder.earlier.values()] == ["ok", "cancelled", "lost"]
            assert (recorder.runs, recorder.not_ok) == (3, 2)
            recorder.add_run(*run(number=4))
        assert rows(left) == [4, 4, 0]
        assert read_sessions([str(left)]).runs["round"].to_pylist() == [1, 2, 3, 4]

    def test_a_run_takes_the_place_of_the_cancelled_one(self, left, run):
        with Recorder.resume(left, {}) as recorder:
            recorder.add_run(*run(number=2))
            assert (recorder.runs, recorder.not_ok) == (3, 1)
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
        (left / "runs.parquet").unlink()
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:3]) + lines[3][:40])
        with Recorder.resume(left, {}) as recorder:
            assert recorder.runs == 2
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
            assert recorder.runs == 0

    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
    def test_where_a_file_system_knows_no_locks_it_goes_on_without(self, left, monkeypatch, number):
        def unknown(*_arguments):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(journal_module.fcntl, "flock", unknown)
        with Recorder.resume(left, {}) as recorder:
            assert recorder.runs == 3

    def test_of_what_ended_before_it_knows_what_matters_to_it(self, left, run):
        row, epochs = run(number=2, attempt=3, machine="A CPU", node="n1", occupied_seconds=2.5)
        with Recorder.resume(left, {}) as recorder:
            recorder.add_run(row, epochs)
        with Recorder.resume(left, {}) as recorder:
            assert recorder.earlier[row["run_id"]] == Earlier("ok", 3, 0.001, "A CPU", "n1", 2.5)

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
            assert recorder.earlier[row["run_id"]].attempt == 1
        assert pq.read_table(left / "runs.parquet")["servers"].to_pylist()[-1] is None

    def test_a_folder_whose_journal_does_not_begin_with_its_session(self, left):
        (left / FILE_NAME).write_text("")
        (left / MANIFEST_FILE).unlink()
        with pytest.raises(StoreError, match="does not begin with its session; it cannot be gone on with"):
            Recorder.resume(left, {})


def test_session_ids_sort_by_time_and_differ():
    now = datetime.datetime(2026, 1, 31, 14, 25, 30)
    ids = {new_session_id(now) for _ in range(5)}
    assert len(ids) > 1
    assert all(re.fullmatch(r"20260131-142530-[0-9a-f]{4}", session_id) for session_id in ids)
