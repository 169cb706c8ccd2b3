import datetime
import fcntl
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records.folders import Local
from bench.records.going_on import is_going_on, nobody_else
from bench.records.journal import FILE_NAME, Journal
from bench.records.listing import list_sessions, state_of
from bench.records.manifest import write_manifest
from bench.records.pieces import read_manifest
from bench.records.rebuild import rebuild_tables
from bench.records.store import read_sessions
from bench.records.writing import write_tables
from bench.views import sessions as view
from tests.records.conftest import STARTED


@pytest.fixture
def listed(tmp_path):
    """The one session in `tmp_path`, as it is listed."""

    def find():
        (session,) = list_sessions([str(tmp_path)]).sessions
        return session

    return find


@pytest.mark.parametrize(
    ("named", "journal", "runs", "state"),
    [
        (True, "", False, "ended"),
        (True, None, True, "ended"),
        (False, "closed", True, "ended"),
        (False, "closed", False, "ended"),
        (False, "", True, "ended"),
        (False, None, True, "ended"),
        (False, None, False, "interrupted"),
        (False, "", False, "interrupted"),
        (False, "open", True, "interrupted"),
    ],
)
def test_the_state_of_one_with_a_manifest(
    named, journal, runs, state, recorded_session, session_at, tmp_path
):
    """Where its manifest tells no tables, the end of its journal does, or that there are some."""
    folder = recorded_session(tmp_path / "s1")
    manifest = read_manifest(Local(str(folder)))
    write_manifest(folder, manifest if named else replace(manifest, tables={}))
    if journal is None:
        (folder / FILE_NAME).unlink()
    elif journal != "closed":
        lines = (folder / FILE_NAME).read_bytes().splitlines(keepends=True)
        (folder / FILE_NAME).write_bytes(b"".join(lines[:-1]) if journal == "open" else b"")
    if not runs:
        (folder / "runs.parquet").unlink()
    session = session_at(folder)
    assert state_of(session, read_manifest(session.folder)) == state


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


def in_place(table, name, values):
    return table.set_column(table.schema.get_field_index(name), name, values)


ODD = {
    "no machine": lambda runs: runs.drop_columns(["machine"]),
    "no time": lambda runs: runs.drop_columns(["started_at"]),
    "numbers for machines": lambda runs: in_place(runs, "machine", pa.array([3] * len(runs))),
    "bytes for machines": lambda runs: in_place(runs, "machine", runs["machine"].cast(pa.binary())),
    "lists for machines": lambda runs: in_place(runs, "machine", pa.array([["A machine"]] * len(runs))),
    "dictionaries": lambda runs: in_place(runs, "status", runs["status"].dictionary_encode()),
    "nanoseconds": lambda runs: in_place(runs, "started_at", runs["started_at"].cast(pa.timestamp("ns"))),
    **{
        f"{unit} {place}": lambda runs, unit=unit, place=place: in_place(
            runs, "started_at", pa.array([place] * len(runs), pa.timestamp(unit, "UTC"))
        )
        for unit in ("ms", "us", "ns")
        for place in (-(2**61), 2**61)
    },
    "numbers for suites": lambda runs: in_place(runs, "suite", pa.array([3] * len(runs))),
    "truth values for states": lambda runs: in_place(runs, "status", pa.array([True] * len(runs))),
    "no suite": lambda runs: runs.drop_columns(["suite"]),
    "no times known": lambda runs: in_place(
        runs, "started_at", pa.array([None] * len(runs), pa.timestamp("us", "UTC"))
    ),
    "machines twice": lambda runs: runs.append_column("machine", runs["machine"]),
}


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_table_that_can_be_read_is_listed_and_any_other_is_a_line(
    content, listed, tmp_path, change, statistics
):
    write_tables(tmp_path, [content()])
    path = tmp_path / "runs.parquet"
    runs = change(pq.ParquetFile(path).read())
    with pq.ParquetWriter(path, runs.schema, write_statistics=statistics) as file:
        file.write_table(runs.slice(0, 0))
        file.write_table(runs)
    session = listed()
    text = "".join(view.sessions_csv([session])), "".join(view.sessions_json([session]))
    assert all(text)
    read, problem = what_is_read(tmp_path)
    assert (session.state, session.problem) == ("damaged" if problem else "ended", problem)
    if problem is None:
        assert [session.session_id, session.suite] == [
            read[name][0].as_py() for name in ("session_id", "suite")
        ]
        assert (session.runs, session.ok) == (2, read["status"].to_pylist().count("ok"))
        assert set(session.machines) == set(filter(None, read["machine"].to_pylist()))
        assert session.began == min(filter(None, read["started_at"].to_pylist()), default=None)


def what_is_read(folder):
    """Its runs, or why there are none."""
    try:
        return read_sessions([str(folder)]).runs, None
    except StoreError as error:
        return None, str(error)


def test_a_time_that_cannot_be_in_a_journal(recorded_session, run, listed, tmp_path):
    folder = recorded_session(tmp_path / "s1", 0, interrupted=True)
    with Journal(folder) as journal:
        row, epochs = run("s1", 1, started_at="0001-01-01T00:00:00+00:00")
        journal.append("run", row=row, epochs=epochs)
    assert (listed().runs, listed().began) == (1, None)


def test_a_folder_without_sessions(tmp_path):
    with pytest.raises(StoreError, match="holds no session"):
        list_sessions([str(tmp_path)])
