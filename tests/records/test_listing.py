import datetime
import fcntl
import shutil

import pytest

from bench.errors import StoreError
from bench.records.going_on import is_going_on, nobody_else
from bench.records.journal import Journal
from bench.records.listing import list_sessions
from bench.records.rebuild import rebuild_tables
from tests.records.conftest import STARTED


@pytest.fixture
def listed(tmp_path):
    """The one session in `tmp_path`, as it is listed."""

    def find():
        (session,) = list_sessions([str(tmp_path)]).sessions
        return session

    return find


@pytest.mark.parametrize("runs", [0, 2, 10])
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_session_is_told_by_its_size_its_state_and_its_runs(
    recorded_session, listed, tmp_path, runs, interrupted
):
    folder = recorded_session(tmp_path / "s1", runs, interrupted)
    session = listed()
    assert session.path == str(folder)
    assert session.bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert session.state == ("interrupted" if interrupted else "ended")
    assert (session.session_id, session.suite) == ("s1", "a suite")
    assert (session.runs, session.ok) == (runs, runs)
    assert session.machines == (("A machine",) if runs else ())
    assert session.began == (STARTED.astimezone(datetime.UTC) if runs else None)
    assert session.problem is None


@pytest.mark.parametrize("ended", [False, True])
def test_runs_that_failed_are_no_ok_ones(recorded_session, run, listed, tmp_path, ended):
    folder = recorded_session(tmp_path / "s1", 3, interrupted=True)
    with Journal(folder) as journal:
        row, epochs = run("s1", 4, status="failed", started_at="2025-01-01T00:00:00+00:00")
        journal.append("run", row=row, epochs=epochs)
    if ended:
        rebuild_tables(folder)
    session = listed()
    assert (session.state, session.runs, session.ok) == ("ended" if ended else "interrupted", 4, 3)
    assert session.began == datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)


def test_one_that_a_process_writes_is_going_on(recorded_session, listed, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    with Journal(folder):
        assert listed().state == "going on"
    assert listed().state == "interrupted"


def test_looking_leaves_no_lock(recorded_session, session_at, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    for _ in range(2):
        assert is_going_on(session_at(folder).folder) is False
    Journal(folder).__exit__()


def test_nobody_knows_where_a_file_system_has_no_locks(recorded_session, listed, tmp_path, monkeypatch):
    def flock(_file, _how):
        raise OSError(95, "Operation not supported")

    recorded_session(tmp_path / "s1", interrupted=True)
    monkeypatch.setattr(fcntl, "flock", flock)
    assert listed().state == "not ended"


def test_nobody_else_goes_on_with_it_meanwhile(recorded_session, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    with nobody_else(folder), pytest.raises(StoreError, match="still going on"):
        Journal(folder)
    with Journal(folder), pytest.raises(StoreError, match="still going on"), nobody_else(folder):
        pass


def test_each_copy_is_listed_where_it_lies(recorded_session, tmp_path):
    folder = recorded_session(tmp_path / "a")
    shutil.copytree(folder, tmp_path / "b" / "c")
    found = list_sessions([str(tmp_path), str(tmp_path / "b")]).sessions
    assert [session.path for session in found] == [str(folder), str(tmp_path / "b" / "c")]


@pytest.mark.parametrize("file", ["runs.parquet", "manifest.json"])
def test_one_that_cannot_be_read_is_listed_with_its_size(recorded_session, listed, tmp_path, file):
    folder = recorded_session(tmp_path / "s1")
    (folder / file).write_bytes(b"nothing of the kind")
    session = listed()
    assert (session.state, session.runs) == ("damaged", None)
    assert session.problem.startswith(str(folder / file))
    assert session.bytes > 0


def test_a_folder_without_sessions(tmp_path):
    with pytest.raises(StoreError, match="holds no session"):
        list_sessions([str(tmp_path)])
