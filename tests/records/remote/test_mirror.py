"""A session's copy elsewhere, while it is written and when its upload fails."""

import contextlib
import json
import shutil

import pyarrow as pa
import pyarrow.fs
import pytest

from bench.errors import DamagedError, StoreError
from bench.records import segments
from bench.records.checking import check_session
from bench.records.find import find_sessions
from bench.records.folders import Local
from bench.records.journal import FILE_NAME
from bench.records.listing import list_sessions
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest
from bench.records.recorder import Recorder
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.store import read_sessions
from bench.records.writing import write_tables
from tests.records.remote.s3 import failing, half


class Counting:
    """A place on this machine; counts and orders what is put, and fails at one of them."""

    def __init__(self, root, fail_at=None):
        self._place = Place(pa.fs.LocalFileSystem(), str(root), str(root))
        self.put_names, self._fail_at = [], fail_at
        self.path = str(root)
        self.read, self.infos = self._place.read, self._place.infos
        self.remove_parts, self.remove = self._place.remove_parts, self._place.remove
        self.reading = Local(str(root))

    def put(self, name, content, told):
        if len(self.put_names) == self._fail_at:
            raise OSError("the network is gone")
        self._place.put(name, content, told)
        self.put_names.append(name)


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rounds(folder):
    return sorted(read_sessions([str(folder)]).runs["round"].to_pylist())


def test_a_session_that_has_ended_is_there_byte_by_byte(recorded_session, tmp_path):
    here = recorded_session(tmp_path / "here")
    place = Counting(tmp_path / "there")
    Mirror(here, place).copy()
    assert files(tmp_path / "there") == files(here)
    assert place.put_names[-2:] == ["journal.jsonl", "manifest.json"]
    again = Counting(tmp_path / "there")
    Mirror(here, again).copy()
    assert again.put_names == []  # of all it is known


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "ended"), ("interrupted", "ended"), ("ended", "interrupted"), ("ended", "ended")],
)
def test_wherever_it_fails_what_is_there_is_a_session(
    before, after, recorded_session, session_at, run, tmp_path
):
    """One that is there or is not, was gone on with, and perhaps ended, uploaded up to each of its files."""
    here = recorded_session(tmp_path / "here", interrupted=before != "ended")
    if before:
        shutil.copytree(here, tmp_path / "before")
    go_on(here, run, range(11, 17), ended=after == "ended")
    for fail_at in range(30):
        there = tmp_path / f"there{fail_at}"
        if before:
            shutil.copytree(tmp_path / "before", there)
        mirror = Mirror(here, Counting(there, fail_at))
        try:
            mirror.copy()
        except OSError:
            if before or any(find_sessions(Local(str(there))).sessions):
                assert set(rounds(there)) >= (set(range(1, 11)) if before else set())
                assert read_sessions([str(there)]).notes == ()
                assert check_session(session_at(there)).damage == ()
        else:
            break
    assert fail_at > 5
    assert files(there).items() >= files(here).items()
    assert rounds(there) == list(range(1, 17))


def go_on(folder, run, numbers, ended):
    recorder = Recorder.resume(folder, {})
    for number in numbers:
        recorder.add_run(*run("s1", number, machine="A machine"))
    if ended:
        recorder.__exit__()
    else:  # as a kill leaves it
        recorder._held.close()
        recorder._journal.__exit__()


@pytest.mark.parametrize("journal", [True, False])
def test_wherever_it_fails_one_of_an_older_bench_is_whole_or_not_there(
    journal, content, session_at, tmp_path
):
    here = tmp_path / "here"
    here.mkdir()
    write_tables(here, [content()])
    if journal:
        session = content()
        epochs = iter(session.epochs)
        runs = [{"kind": "run", "row": row, "epochs": [next(epochs)]} for row in session.runs]
        machines = [{"kind": "machine", "row": row} for row in session.machines]
        entries = [{"kind": "session", **session.header}, *machines, *runs, {"kind": "closed", "runs": 2}]
        lines = "".join(f"{json.dumps(entry, default=str)}\n" for entry in entries)
        (here / FILE_NAME).write_text(lines)
    for fail_at in range(9):
        there = tmp_path / f"there{fail_at}"
        with contextlib.suppress(OSError):
            Mirror(here, Counting(there, fail_at)).copy()
        if find_sessions(Local(str(there))).sessions:
            assert check_session(session_at(there)).damage == ()
            assert read_sessions([str(there)]).notes == ()
    assert files(there) == files(here)


def test_while_it_goes_on_what_is_there_follows(run, tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 3)
    place = Counting(tmp_path / "there")
    with Recorder.begin(tmp_path / "s1", "s1", {"suite": "a suite"}) as recorder:
        mirror = Mirror(tmp_path / "s1", place)
        for number in range(1, 9):
            recorder.add_run(*run("s1", number))
            assert mirror.has_new(journal=True)
            mirror.copy()
            assert not mirror.has_new(journal=True)
            assert rounds(tmp_path / "there") == list(range(1, number + 1))
        assert place.put_names.count("segments/000001.runs.parquet") == 1
        recorder.add_run(*run("s1", 9))
        assert mirror.has_new(journal=True)
    mirror.copy()
    assert files(tmp_path / "there") == files(tmp_path / "s1")


@pytest.mark.parametrize("name", ["s1/runs.parquet", "000002.epochs.parquet", FILE_NAME, MANIFEST_FILE])
def test_what_arrives_by_half_is_uploaded_again(name, server, place, recorded_session, tmp_path):
    here, there = recorded_session(tmp_path / "here"), place.below("s1")
    mirror = Mirror(here, there)
    with failing(server, half(name)), pytest.raises(DamagedError):
        mirror.copy()
    if name.endswith("runs.parquet"):
        assert not read_manifest(there.reading).tables
    mirror.copy()
    assert bytes(there.read(MANIFEST_FILE)) == (here / MANIFEST_FILE).read_bytes()
    assert bytes(there.read("runs.parquet")) == (here / "runs.parquet").read_bytes()


@pytest.mark.parametrize("name", [MANIFEST_FILE, FILE_NAME, "segments/000002.runs.parquet", "epochs.parquet"])
def test_what_arrives_late_from_a_process_that_was_killed_is_found(name, recorded_session, run, tmp_path):
    here, there = recorded_session(tmp_path / "here"), tmp_path / "there"
    late = (here / name).read_bytes()[:-9] if name.endswith("parquet") else (here / name).read_bytes()
    go_on(here, run, range(11, 17), ended=True)
    mirror = Mirror(here, Counting(there))
    mirror.copy()
    mirror.check()
    (there / name).write_bytes(late)
    with pytest.raises(DamagedError, match="uploaded again"):
        mirror.check()
    mirror.copy()
    mirror.check()
    assert files(there) == files(here)


def test_segments_that_came_to_nothing_are_deleted_in_the_end(recorded_session, tmp_path):
    here, there = recorded_session(tmp_path / "here"), tmp_path / "there"
    mirror = Mirror(here, Counting(there))
    mirror.copy()
    for name in ("segments/000007.runs.parquet", "segments/000001.runs.parquet.damaged", "notes.txt"):
        (there / name).write_text("some")
    mirror.check()
    kept = {"segments/000001.runs.parquet.damaged", "notes.txt"}
    assert files(there).keys() == files(here).keys() | kept


def test_tables_that_are_written_meanwhile_wait_for_their_manifest(run, tmp_path):
    recorder = Recorder.begin(tmp_path / "s1", "s1", {"suite": "a suite"})
    recorder.add_run(*run("s1", 1))
    place = Counting(tmp_path / "there")
    put = place.put

    def put_while_it_ends(*arguments):
        put(*arguments)
        if not (tmp_path / "s1" / "runs.parquet").exists():
            recorder.add_run(*run("s1", 2))
            recorder.__exit__()

    place.put = put_while_it_ends
    mirror = Mirror(tmp_path / "s1", place)
    mirror.copy()
    assert files(tmp_path / "there").keys() == {"journal.jsonl"}
    assert rounds(tmp_path / "there") == [1]
    mirror.copy()
    assert files(tmp_path / "there") == files(tmp_path / "s1")


def test_one_that_lost_its_manifest_is_not_uploaded_without_its_segments(recorded_session, tmp_path):
    here = recorded_session(tmp_path / "here", interrupted=True)
    (here / MANIFEST_FILE).unlink()
    with pytest.raises(DamagedError, match=r"manifest\.json: missing; bench check --repair"):
        Mirror(here, Counting(tmp_path / "there")).copy()
    (here / FILE_NAME).unlink()
    with pytest.raises(DamagedError, match=r"manifest\.json: missing; bench check --repair"):
        Mirror(here, Counting(tmp_path / "there")).copy()


def test_what_is_damaged_here_is_tried_again_while_the_session_goes_on_and_then_uploaded_as_it_is(
    recorded_session, tmp_path
):
    here, there = recorded_session(tmp_path / "here"), tmp_path / "there"
    (here / "runs.parquet").write_bytes(b"PAR1")
    (here / "segments" / "000001.epochs.parquet").unlink()
    mirror = Mirror(here, Counting(there))
    with pytest.raises(StoreError, match=r"000001\.epochs\.parquet: missing"):
        mirror.copy()
    assert not (there / MANIFEST_FILE).exists()
    mirror.copy(ended=True)
    assert files(there) == files(here)
    assert [note.partition(": ")[2] for note in mirror.notes] == [
        "missing; copy the session's folder whole",
        "damaged: not the bytes that were written",
    ]
    assert rounds(there) == rounds(here)


@pytest.mark.parametrize("resumed", [False, True])
def test_one_that_was_killed_before_its_tables_were_named_has_not_ended_there(
    resumed, run, tmp_path, monkeypatch
):
    """Its journal says by then that it has; tables of before do not hold all."""
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 3)
    here, there = tmp_path / "s1", tmp_path / "there" / "s1"
    recorder = Recorder.begin(here, "s1", {"suite": "a suite"})
    recorder.add_runs([run("s1", number) for number in range(1, 6)])
    if resumed:
        recorder.__exit__()
        Mirror(here, Counting(there)).copy(ended=True)
        recorder = Recorder.resume(here, {})
        recorder.add_runs([run("s1", 6), run("s1", 7)])
    monkeypatch.setattr(recorder, "_set", lambda _manifest: None)  # as if it were killed there
    recorder.__exit__()
    mirror = Mirror(here, Counting(there))
    mirror.copy(ended=True)
    mirror.check()
    (session,) = list_sessions([str(there)]).sessions
    assert (session.state, session.runs) == ("interrupted", 7 if resumed else 5)
    (session,) = find_sessions(Local(str(there))).sessions
    assert check_session(session).verdict == "whole"


def test_the_last_line_counts_also_without_its_end(recorded_session, tmp_path):
    here = recorded_session(tmp_path / "here", 3, interrupted=True)
    (here / FILE_NAME).write_bytes((here / FILE_NAME).read_bytes().removesuffix(b"\n"))
    Mirror(here, Counting(tmp_path / "there")).copy(ended=True)
    assert rounds(tmp_path / "there") == rounds(here) == [1, 2, 3]


def test_a_folder_that_is_gone_is_not_uploaded(recorded_session, tmp_path):
    here = recorded_session(tmp_path / "here")
    here.rename(tmp_path / "moved")
    with pytest.raises(DamagedError, match="holds no session any more"):
        Mirror(here, Counting(tmp_path / "there")).copy(ended=True)


def test_once_it_is_stopped_nothing_more_is_put(recorded_session, tmp_path):
    here, place = recorded_session(tmp_path / "here"), Counting(tmp_path / "there")
    mirror, put = Mirror(here, place), place.put

    def put_and_stop(*arguments):
        put(*arguments)
        mirror.stopped.set()

    place.put = put_and_stop
    with pytest.raises(StoreError, match="given up"):
        mirror.copy(ended=True)
    assert len(place.put_names) == 1
