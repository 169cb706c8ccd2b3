import json
from dataclasses import replace

import pyarrow as pa
import pytest

from bench.records.checking import check_session
from bench.records.claims import _me, is_claim
from bench.records.folders import Local
from bench.records.importing import Importer
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest
from bench.records.recorder import Recorder
from bench.records.remote import upload
from bench.records.remote.importing import RemoteDestination
from bench.records.remote.mirror import Mirror
from bench.records.remote.results import session_at
from bench.records.store import read_sessions


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(upload, "LOOK_SECONDS", 0.01)


def test_sessions_are_uploaded_once_and_the_longer_copy_takes_the_place(
    recorded_session, run, place, uri, tmp_path
):
    environ = {"BENCH_SPOOL": str(tmp_path / "spool")}

    def imported(**options):
        (done,) = Importer([str(here)], RemoteDestination(place, environ), **options)
        return done.outcome, done.target, done.runs, done.had, done.why

    here, target = recorded_session(tmp_path / "here", interrupted=True), f"{place.path}/s1"
    assert imported(dry_run=True) == ("imported", target, 10, None, "")
    assert list(place.infos("s1")) == []
    assert imported() == ("imported", target, 10, None, "")
    assert imported() == ("already there", target, 10, 10, "")
    with Recorder.resume(here, {}) as recorder:
        recorder.add_run(*run("s1", 11, machine="A machine"))
    assert imported() == ("replaced", target, 11, 10, "")
    assert sorted(read_sessions([uri]).runs["round"].to_pylist()) == list(range(1, 12))
    assert [path.name for path in (tmp_path / "spool").rglob("*") if path.is_file()] == ["address.txt"]


def test_what_is_damaged_there_is_told_with_what_can_be_done_there(recorded_session, place, tmp_path):
    here, there = recorded_session(tmp_path / "here"), place.below("s1")
    Mirror(here, there).copy()
    there.put("runs.parquet", pa.py_buffer(b"PAR1"))
    destination = RemoteDestination(place, {"BENCH_SPOOL": str(tmp_path / "spool")})
    (done,) = Importer([str(here)], destination)
    assert done.outcome == "refused"
    assert done.why.endswith("; move it away, then import it again")
    remedy = check_session(session_at(there)).remedy
    assert remedy.startswith("on a copy of its folder on this machine, bench check --repair makes its tables")


def test_an_upload_that_was_killed_at_its_end_is_ended(recorded_session, place, tmp_path):
    here, environ = recorded_session(tmp_path / "here"), {"BENCH_SPOOL": str(tmp_path / "spool")}

    def imported():
        (done,) = Importer([str(here)], RemoteDestination(place, environ))
        return done.outcome

    assert imported() == "imported"
    there, manifest = place.below("s1"), read_manifest(Local(str(here)))
    there.put(MANIFEST_FILE, pa.py_buffer(replace(manifest, tables={}).as_bytes()))
    assert imported() == "replaced"
    assert bytes(there.read(MANIFEST_FILE)) == (here / MANIFEST_FILE).read_bytes()
    claim = json.dumps({**_me(), "started": 1.0})  # of a process that is gone, whose number is another's now
    there.put(".writer-0123456789abcdef.part", pa.py_buffer(claim.encode()))
    assert imported() == "already there"
    assert not [it.base_name for it in there.infos() if is_claim(it.base_name)]


def test_what_another_machine_ends_meanwhile_is_not_replaced_by_less(recorded_session, place, tmp_path):
    """Between the comparison and the claim."""
    here, ended = recorded_session(tmp_path / "here", 3), recorded_session(tmp_path / "ended", 5)
    there = place.below("s1")
    Mirror(recorded_session(tmp_path / "before", 2), there).copy()
    destination = RemoteDestination(place, {"BENCH_SPOOL": str(tmp_path / "spool")})
    put = destination.put

    def put_late(*arguments):
        Mirror(ended, there).copy(ended=True)
        return put(*arguments)

    destination.put = put_late
    (done,) = Importer([str(here)], destination)
    assert (done.outcome, done.why) == ("refused", f"{there.path}: changed meanwhile; import it again")
    assert bytes(there.read(MANIFEST_FILE)) == (ended / MANIFEST_FILE).read_bytes()
