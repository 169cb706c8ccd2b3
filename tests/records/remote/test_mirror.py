"""A session's copy elsewhere, while it is written and when its upload fails."""

import shutil

import pyarrow as pa
import pyarrow.fs
import pytest

from bench.errors import StoreError
from bench.records import segments
from bench.records.folders import Local
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_pieces
from bench.records.recorder import Recorder
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.store import read_sessions
from tests.records.remote.s3 import failing, half


class Counting:
    """A place on this machine; counts and orders what is put, and fails at one of them."""

    def __init__(self, root, fail_at=None):
        self._place = Place(pa.fs.LocalFileSystem(), str(root), str(root))
        self.put_names, self._fail_at = [], fail_at
        self.path = str(root)
        self.read, self.infos = self._place.read, self._place.infos

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
    names = place.put_names
    assert names[-2:] == ["manifest.json", "journal.jsonl"]
    assert all(name.endswith(".parquet") for name in names[:-2])
    again = Counting(tmp_path / "there")
    Mirror(here, again).copy()
    assert again.put_names == ["manifest.json", "journal.jsonl"]  # of the others it is known


def test_wherever_it_fails_what_is_there_is_a_session(recorded_session, run, tmp_path):
    """One that ended and is there, was gone on with, and ended again, uploaded up to each of its files."""
    here = recorded_session(tmp_path / "here")
    shutil.copytree(here, tmp_path / "before")
    with Recorder.resume(here, {}) as recorder:
        for number in range(11, 17):
            recorder.add_run(*run("s1", number, machine="A machine"))
    for fail_at in range(20):
        there = tmp_path / f"there{fail_at}"
        shutil.copytree(tmp_path / "before", there)
        mirror = Mirror(here, Counting(there, fail_at))
        try:
            mirror.copy()
        except OSError:
            assert set(rounds(there)) >= set(range(1, 11))
            assert read_sessions([str(there)]).notes == ()
            assert read_pieces(Local(str(there))).notes == ()
        else:
            break
    assert fail_at > 5
    assert files(there).keys() >= files(here).keys()
    assert rounds(there) == list(range(1, 17))


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


def test_what_arrives_by_half_is_uploaded_again(server, place, recorded_session, tmp_path):
    here, there = recorded_session(tmp_path / "here"), place.below("s1")
    mirror = Mirror(here, there)
    with failing(server, half("runs.parquet")), pytest.raises((StoreError, OSError)):
        mirror.copy()
    assert MANIFEST_FILE not in [it.base_name for it in there.infos()]
    mirror.copy()
    assert bytes(there.read(MANIFEST_FILE)) == (here / MANIFEST_FILE).read_bytes()
    assert bytes(there.read("runs.parquet")) == (here / "runs.parquet").read_bytes()


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
