import datetime
import re

import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records import recorder as recorder_module
from bench.records.journal import FILE_NAME, closed_runs, parse_journal
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
    return Recorder(tmp_path / "s1", "s1", HEADER)


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

    with pytest.raises(StoreError, match="cannot be written: Is a directory; make room there, the journal"):
        session()
    assert closed_runs((begun.folder / FILE_NAME).read_bytes()) is None
    assert len(journal_of(begun.folder).runs) == 1


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory; pass --results"):
        Recorder(tmp_path / "results" / "s1", "s1", HEADER)


def test_session_ids_sort_by_time_and_differ():
    now = datetime.datetime(2026, 1, 31, 14, 25, 30)
    ids = {new_session_id(now) for _ in range(5)}
    assert len(ids) > 1
    assert all(re.fullmatch(r"20260131-142530-[0-9a-f]{4}", session_id) for session_id in ids)
