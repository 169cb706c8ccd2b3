"""A session that goes from its journal into segments: killed, failing, and without its folder."""

import contextlib
import errno
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records import segments
from bench.records.claims import is_claim
from bench.records.folders import Local
from bench.records.journal import FILE_NAME, Journal, closed_runs
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest, read_pieces
from bench.records.recorder import Recorder
from bench.records.seal import unsealed
from bench.records.segments import Held, entries_of, segment_files
from bench.records.tables import machine_row

HEADER = {"suite": "a suite", "scenarios": ["abc"]}


@pytest.fixture(autouse=True)
def of_three(monkeypatch):
    """Segments of three runs."""
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 3)


@pytest.fixture
def begun(tmp_path):
    return Recorder.begin(tmp_path / "s1", "s1", HEADER)


def manifest_of(folder):
    return read_manifest(Local(str(folder)))


def kinds(folder):
    return [unsealed(line)["kind"] for line in (folder / FILE_NAME).read_bytes().splitlines()]


def rounds(folder):
    """The rounds of the runs that segments and journal hold, and of their epochs."""
    content = read_pieces(Local(str(folder)))
    runs = [row for table in content.tables["runs"] for row in table.to_pylist()]
    by_id = {row["run_id"]: row["round"] for row in runs}
    epochs = [row["run_id"] for table in content.tables["epochs"] for row in table.to_pylist()]
    assert sorted(by_id[run_id] for run_id in epochs) == sorted(row["round"] for row in runs)
    assert content.notes == ()
    return sorted(row["round"] for row in runs)


def table_rounds(folder):
    return pq.read_table(folder / "runs.parquet")["round"].to_pylist()


class Silent(Local):
    """A folder of a store that does not answer when it is asked what is in it."""

    def below(self, _name):
        return self

    def entries(self):
        raise OSError("SlowDown")


def test_segments_that_cannot_be_listed_do_not_count_as_none(tmp_path):
    with pytest.raises(StoreError, match="SlowDown"):
        segment_files(Silent(str(tmp_path)))
    assert segment_files(Local(str(tmp_path))) == []
    (tmp_path / "segments").write_text("no folder")
    assert segment_files(Local(str(tmp_path))) == []


def test_a_short_session_has_none(begun, run):
    with begun as recorder:
        recorder.add_run(*run(number=1))
        assert [path.name for path in begun.folder.iterdir() if not is_claim(path.name)] == [FILE_NAME]
    assert manifest_of(begun.folder).segments == ()
    assert not (begun.folder / "segments").exists()


def test_the_journal_holds_what_is_in_none_yet(begun, run, fingerprint):
    with begun as recorder:
        recorder.add_machines([machine_row("s1", fingerprint)])
        for number in range(1, 9):
            recorder.add_run(*run(number=number))
        assert kinds(begun.folder) == ["session", "run", "run"]
        assert [(it.first, it.last) for it in manifest_of(begun.folder).segments] == [(1, 5), (6, 9)]
        assert sorted(path.name for path in (begun.folder / "segments").iterdir()) == [
            *("000001.epochs.parquet", "000001.machines.parquet", "000001.runs.parquet"),
            *("000002.epochs.parquet", "000002.runs.parquet"),
        ]
        assert not (begun.folder / "runs.parquet").exists()
        assert rounds(begun.folder) == list(range(1, 9))
    assert table_rounds(begun.folder) == list(range(1, 9))
    assert pq.read_metadata(begun.folder / "machines.parquet").num_rows == 1
    assert rounds(begun.folder) == list(range(1, 9))


def test_a_segment_tells_its_entries_itself(begun, run):
    with begun as recorder:
        recorder.add_runs([run(number=number) for number in (1, 2, 3)])
    path = begun.folder / "segments" / "000001.runs.parquet"
    assert entries_of(pq.read_schema(path)) == (1, 4)
    assert entries_of(pq.read_schema(begun.folder / "runs.parquet")) is None


def test_many_bytes_are_a_segment_too(begun, run, monkeypatch):
    monkeypatch.setattr(segments, "BYTES_OF_A_SEGMENT", 1)
    with begun as recorder:
        recorder.add_run(*run(number=1))
        assert kinds(begun.folder) == ["session"]


def test_a_run_that_was_tried_again_counts_once_wherever_it_was(begun, run):
    with begun as recorder:
        for number in (1, 2, 3, 4):
            recorder.add_run(*run(number=number, status="lost"))
    with Recorder.resume(begun.folder, {}) as recorder:
        assert (recorder.runs, recorder.not_ok) == (4, 4)
        recorder.add_run(*run(number=2))
        recorder.add_run(*run(number=4))
        assert rounds(begun.folder) == [1, 2, 3, 4]
        recorder.add_run(*run(number=5))
        recorder.add_run(*run(number=5, step_seconds=2.0))
        recorder.add_run(*run(number=5, step_seconds=3.0))
        assert rounds(begun.folder) == [1, 2, 3, 4, 5]
    table = pq.read_table(begun.folder / "runs.parquet")
    assert table.select(["round", "status"]).to_pylist() == [
        {"round": number, "status": "lost" if number in (1, 3) else "ok"} for number in range(1, 6)
    ]
    assert table["step_seconds"].to_pylist()[-1] == 3.0
    assert pq.read_metadata(begun.folder / "epochs.parquet").num_rows == 5


def test_tables_that_are_behind_are_named_no_more_before_anything_follows(begun, run):
    with begun as recorder:
        recorder.add_run(*run(number=1))
    assert set(manifest_of(begun.folder).tables) == {"runs", "epochs", "machines"}
    with Recorder.resume(begun.folder, {}):
        assert manifest_of(begun.folder).tables == {}


def test_a_journal_begins_anew_with_the_session_and_how_it_was_resumed(begun, run):
    with begun:
        pass
    with Recorder.resume(begun.folder, {"command": ["again"]}) as recorder:
        recorder.add_runs([run(number=number) for number in (1, 2, 3)])
        entries = [unsealed(line) for line in (begun.folder / FILE_NAME).read_bytes().splitlines()]
        assert [(entry["entry"], entry["kind"]) for entry in entries] == [(7, "session"), (8, "resumed")]
        assert (entries[0]["suite"], entries[1]["command"]) == ("a suite", ["again"])


class Steps:
    """Calls of the system that a session is written with: before each of them, something happens."""

    def __init__(self, monkeypatch, happens):
        self.taken, self._happens = 0, happens
        replace = Path.replace
        monkeypatch.setattr(os, "fsync", lambda _number: self._before())
        monkeypatch.setattr(Path, "replace", lambda path, target: self._before() or replace(path, target))

    def _before(self):
        self.taken += 1
        self._happens(self.taken)


def test_killed_before_any_step_it_has_every_run_that_counts_as_done_once(begun, run, tmp_path, monkeypatch):
    left, done = [], []

    def copy(step):
        left.append((shutil.copytree(begun.folder, tmp_path / "left" / f"{step}"), len(done)))

    with monkeypatch.context() as patch, begun as recorder:
        Steps(patch, copy)
        for number in range(1, 5):
            recorder.add_run(*run(number=number))
            done.append(number)
    assert len(left) > 30
    for folder, counted in left:
        there = rounds(folder)
        assert set(range(1, counted + 1)) <= set(there) <= set(range(1, counted + 2))
        assert len(there) == len(set(there))
        with Recorder.resume(folder, {}) as recorder:
            assert recorder.runs == len(there)
            recorder.add_runs([run(number=number) for number in range(len(there) + 1, 5)])
        assert table_rounds(folder) == rounds(folder) == [1, 2, 3, 4]
        assert closed_runs((folder / FILE_NAME).read_bytes()) == 4


def add_until_it_ends(recorder, runs, done):
    """Each of `runs`; those that are refused do not count."""
    with contextlib.suppress(StoreError), recorder:
        for number, of in enumerate(runs, start=1):
            with contextlib.suppress(StoreError):
                recorder.add_run(*of)
                done.append(number)


def test_failing_at_any_step_it_loses_no_run_that_counts_as_done(tmp_path, run, monkeypatch):
    """A disk that is full for a moment: closing a segment waits, and a run that is refused does not count."""
    runs = [run(number=number) for number in range(1, 5)]

    def session(folder, fails_at):
        def fail(step):
            if step == fails_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        done = []
        recorder = Recorder.begin(folder, "s1", HEADER)
        with monkeypatch.context() as patch:
            steps = Steps(patch, fail)
            add_until_it_ends(recorder, runs, done)
        return steps.taken, done

    steps, done = session(tmp_path / "whole", None)
    assert done == [1, 2, 3, 4]
    for step in range(1, steps + 1):
        folder = tmp_path / str(step)
        _, done = session(folder, step)
        assert len(done) >= 3
        assert rounds(folder) == done, step
        if manifest_of(folder) and manifest_of(folder).tables:
            assert table_rounds(folder) == done, step
        assert not list(folder.rglob("*.part"))


def test_a_disk_that_stays_full_stops_no_session(begun, run, monkeypatch):
    tried, written = [], segments.write_files

    def fail(*_arguments):
        tried.append(begun.runs)
        raise StoreError("no room")

    with begun as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(segments, "write_files", fail)
            for number in range(1, 11):
                recorder.add_run(*run(number=number))
        assert tried == [3, 6, 9]  # not with each run
        assert segments.write_files is written
        recorder.add_runs([run(number=11), run(number=12)])
        assert kinds(begun.folder) == ["session"]
        assert [it.files["runs"].rows for it in manifest_of(begun.folder).segments] == [12]
    assert table_rounds(begun.folder) == list(range(1, 13))


@pytest.mark.parametrize("copied", [False, True])
def test_a_folder_that_is_taken_away_is_put_back_with_its_segments(begun, run, copied):
    with begun as recorder:
        for number in range(1, 9):
            recorder.add_run(*run(number=number))
        if copied:
            shutil.copytree(begun.folder, begun.folder.with_name("copy"))
        shutil.rmtree(begun.folder)
        if copied:
            begun.folder.with_name("copy").rename(begun.folder)
        recorder.add_run(*run(number=9))
        assert rounds(begun.folder) == list(range(1, 10))
        with pytest.raises(StoreError, match="still going on"):
            Journal(begun.folder)
        shutil.rmtree(begun.folder)
    assert table_rounds(begun.folder) == rounds(begun.folder) == list(range(1, 10))


@pytest.mark.parametrize("taken", ["segments", MANIFEST_FILE])
def test_what_is_taken_away_beside_the_journal_is_put_back(begun, run, taken):
    with begun as recorder:
        for number in range(1, 5):
            recorder.add_run(*run(number=number))
        path = begun.folder / taken
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert table_rounds(begun.folder) == rounds(begun.folder) == [1, 2, 3, 4]


def test_segments_that_nobody_could_keep_open_are_told_of(begun, run, monkeypatch):
    monkeypatch.setattr(Held, "keep", lambda *_arguments: None)

    def session():
        with begun as recorder:
            for number in range(1, 5):
                recorder.add_run(*run(number=number))
            shutil.rmtree(begun.folder)
            recorder.add_run(*run(number=5))

    with pytest.raises(StoreError) as caught:
        session()
    assert str(caught.value).startswith(
        f"{begun.folder}: was deleted or moved while its session went on, and "
    )
    assert table_rounds(begun.folder) == [4, 5]
    with Recorder.resume(begun.folder, {}) as recorder:
        assert recorder.runs == 2


def test_no_two_write_one_session_while_its_journal_is_replaced(begun, run, monkeypatch):
    """Whoever had opened the file before finds that the path leads to another, which is locked as well."""
    opened = []
    with begun as recorder:
        before = (begun.folder / FILE_NAME).open("a+b", buffering=0)
        recorder.add_runs([run(number=number) for number in (1, 2, 3)])

        def late(path):
            opened.append(path)
            return before if len(opened) == 1 else path.open("a+b", buffering=0)

        monkeypatch.setattr("bench.records.journal._opened", late)
        with pytest.raises(StoreError, match="still going on"):
            Journal(begun.folder)
    assert len(opened) == 2


def test_a_line_that_is_damaged_meanwhile_is_told_and_kept(begun, run):
    def session():
        with begun as recorder:
            recorder.add_run(*run(number=1))
            path = begun.folder / FILE_NAME
            with path.open("r+b") as file:
                file.seek(path.stat().st_size - 40)
                file.write(b"#")
            recorder.add_runs([run(number=number) for number in (2, 3)])
            damaged = (begun.folder / FILE_NAME).read_bytes().splitlines()
            assert b"#" in damaged[1]
            recorder.add_run(*run(number=4))

    with pytest.raises(StoreError) as caught:
        session()
    assert str(caught.value) == (
        f"{begun.folder / FILE_NAME}:2: damaged, left out; `bench run --resume` runs again what was in it; "
        "1 run that had ended is not in the tables"
    )
    assert table_rounds(begun.folder) == [2, 3, 4]
    with Recorder.resume(begun.folder, {}) as recorder:
        assert recorder.runs == 3
        recorder.add_run(*run(number=1))
    assert table_rounds(begun.folder) == [1, 2, 3, 4]


def test_while_segments_cannot_be_looked_at_runs_are_added_and_the_end_tells(begun, run, monkeypatch):
    def fail(*_arguments):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    begun.add_runs([run(number=number) for number in (1, 2, 3)])
    monkeypatch.setattr(Held, "put_back", fail)
    for number in (4, 5, 6, 7):
        begun.add_run(*run(number=number))
    with pytest.raises(StoreError, match=r"Stale file handle; its journal is complete, go on with --resume"):
        begun.__exit__()
    monkeypatch.setattr(Held, "put_back", lambda *_: [])
    assert rounds(begun.folder) == list(range(1, 8))
    with Recorder.resume(begun.folder, {}) as recorder:
        assert recorder.runs == 7
    assert table_rounds(begun.folder) == list(range(1, 8))


@pytest.mark.parametrize("file", ["epochs", "machines"])
def test_what_was_missing_before_is_not_told_as_taken_away(begun, run, fingerprint, file):
    begun.add_machines([machine_row("s1", fingerprint)])
    begun.add_runs([run(number=number) for number in (1, 2, 3)])
    begun._held.close()
    begun._journal.__exit__()
    (begun.folder / f"segments/000001.{file}.parquet").unlink()
    with Recorder.resume(begun.folder, {}) as recorder:
        (note,) = recorder.notes
        assert note.startswith(f"{begun.folder}/segments/000001.{file}.parquet: ")
        recorder.add_run(*run(number=4))
    assert table_rounds(begun.folder) == [1, 2, 3, 4]
