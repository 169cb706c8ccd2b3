"""Sessions that are recorded here and kept elsewhere: uploaded, left, gone on with on another machine."""

import contextlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from bench.errors import StoreError
from bench.records import part_folders, segments
from bench.records.claims import is_claim
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE
from bench.records.part_folders import part_folder
from bench.records.recorder import Recorder
from bench.records.remote import upload
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.remote.results import RemoteResults
from bench.records.remote.spool import spool_of
from bench.records.store import read_sessions
from bench.records.suite import Measure, Point, Suite
from tests.records.remote.s3 import ENVIRONMENT, Stuck, busy, failing

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Nothing is waited for."""
    monkeypatch.setattr(upload, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(upload, "JOURNAL_SECONDS", 0.0)
    monkeypatch.setattr(upload, "LONGEST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def suite(scenario):
    return Suite("sizes", "Sizes", Measure(), (Point("sweep", "one", scenario()),), "")


@pytest.fixture
def header(suite):
    return {"suite": "sizes", "scenarios": [suite.points[0].scenario.scenario_id]}


@pytest.fixture
def machine(place, tmp_path):
    """Call with a name; gives the results as a machine of that name has them, and the lines it was told."""

    def machine(name):
        told = []
        results = RemoteResults(place, told.append, {"BENCH_SPOOL": str(tmp_path / name)})
        results.told = told
        return results

    return machine


@pytest.fixture
def recorded(header, run):
    """Call with a machine's results and numbers; records these runs, or goes on with a session."""

    def record(results, numbers, begun=None):
        folder = begun or results.folder / "s1"
        with Recorder.resume(begun, header) if begun else Recorder.begin(folder, "s1", header) as recorder:
            results.begin(folder)
            for number in numbers:
                recorder.add_run(*run("s1", number))
        return folder

    return record


def rounds(uri):
    uri = uri.replace("/results?", "/results/s1?")
    return sorted(read_sessions([uri]).runs["round"].to_pylist())


def test_what_is_there_is_no_longer_here(machine, recorded, place, uri):
    here = machine("a")
    folder = recorded(here, [1, 2])
    assert here.finish() is None
    assert not folder.exists()
    assert rounds(uri) == [1, 2]
    names = [it.base_name for it in place.infos("s1")]
    assert sorted(names) == [
        "epochs.parquet",
        "journal.jsonl",
        "machines.parquet",
        "manifest.json",
        "runs.parquet",
    ]
    assert here.told == []


def test_an_interrupt_that_comes_once_all_is_there_is_raised(machine, recorded, uri, monkeypatch):
    """Whoever goes on with something else afterwards has to hear of it."""
    here, finish = machine("a"), upload.Upload.finish

    def interrupted(ending, *more):
        finish(ending, *more)
        raise KeyboardInterrupt

    monkeypatch.setattr(upload.Upload, "finish", interrupted)
    folder = recorded(here, [1])
    with pytest.raises(KeyboardInterrupt):
        here.finish()
    assert rounds(uri) == [1]
    assert not folder.exists()


def test_what_could_not_be_uploaded_is_left_and_the_next_command_does_it(
    machine, recorded, server, place, uri, monkeypatch
):
    here = machine("a")
    monkeypatch.setattr(upload, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(upload, "AT_ONCE_SECONDS", 0.3)
    with failing(server, busy):
        folder = recorded(here, [1, 2])
        left = here.finish()
    assert left.startswith(f"{place.path}/s1: not all of it is there yet: ")
    assert left.endswith(f"all of it is in {folder}: the next bench run with this --results uploads it first")
    assert len(here.told) <= 1
    monkeypatch.setattr(upload, "PATIENCE_SECONDS", 60.0)
    again = machine("a")
    again.upload_left()
    assert again.told == [f"Uploading s1, which was left, to {place.path}"]
    assert not folder.exists()
    assert rounds(uri) == [1, 2]


def test_copies_that_a_kill_cut_short_are_removed(machine, monkeypatch):
    monkeypatch.setattr(part_folders, "LEFT_SECONDS", -1.0)
    here = machine("a")
    left = here.folder / ".0123456789abcdef.part"
    left.mkdir()
    (left / "journal.jsonl").write_text("some")
    with part_folder(here.folder) as needed:
        machine("a")
        assert list(here.folder.glob(".*.part")) == [needed]


@pytest.mark.parametrize("name", [MANIFEST_FILE, FILE_NAME])
def test_no_other_session_is_begun_or_gone_on_with_where_one_does_not_answer(
    name, machine, recorded, server, suite
):
    here = machine("a")
    recorded(here, [1])
    assert here.finish() is None
    other = machine("b")

    def silent(request):
        return busy(request) if request.path.endswith(name) else None

    with failing(server, silent), pytest.raises(StoreError, match=f"{name}: cannot be read: .*; check the"):
        other.session_to_resume(suite, False)


def test_another_machine_goes_on_with_what_is_there_alone(machine, recorded, uri, suite):
    assert machine("a").session_to_resume(suite, False) is None
    first = machine("a")
    recorded(first, [1, 2])
    assert first.finish() is None
    other = machine("b")
    begun = other.session_to_resume(suite, False)
    assert begun == other.folder / "s1"
    with Recorder.resume(begun, {}) as recorder:
        assert recorder.runs == 2
    with pytest.raises(StoreError, match="still going on"):
        machine("c").session_to_resume(suite, False)
    recorded(other, [3], begun)
    assert other.finish() is None
    assert rounds(uri) == [1, 2, 3]
    assert list(other.folder.glob("s*")) == []


@pytest.mark.parametrize("name", ["runs.parquet", "segments/000001.runs.parquet"])
def test_what_is_damaged_there_is_gone_on_with_as_it_would_be_here(
    machine, recorded, place, suite, header, name, monkeypatch
):
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 2)
    first = machine("a")
    recorded(first, [1, 2, 3])
    assert first.finish() is None
    below = place.below("s1")
    place.remove("s1/runs.parquet")
    if name != "runs.parquet":
        content = bytearray(below.read(name))
        content[len(content) // 2] ^= 1
        below.put(name, pa.py_buffer(bytes(content)))
    other = machine("b")
    begun = other.session_to_resume(suite, False)
    with Recorder.resume(begun, header) as recorder:
        assert recorder.runs == (3 if name == "runs.parquet" else 1)
    recorded(other, [4], begun)
    assert other.finish() is None


def test_what_each_has_and_the_other_lacks_is_touched_by_nobody(
    machine, recorded, server, place, uri, suite, monkeypatch
):
    first = machine("a")
    recorded(first, [1])
    first.finish()
    begun = (slow := machine("a")).session_to_resume(suite, False)
    monkeypatch.setattr(upload, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(upload, "AT_ONCE_SECONDS", 0.0)
    with failing(server, busy):
        recorded(slow, [2], begun)
        uploading = slow._upload
        assert slow.finish()
        assert uploading._done.wait(60)
    for it in place.infos("s1"):  # its claim could not be taken down: that of a process that is alive
        if is_claim(it.base_name):
            place.remove(f"s1/{it.base_name}")
    monkeypatch.setattr(upload, "PATIENCE_SECONDS", 60.0)
    other = machine("b")
    recorded(other, [3], other.session_to_resume(suite, False))
    assert other.finish() is None
    back = machine("a")
    back.upload_left()
    assert "each holds runs that the other lacks" in back.told[-1]
    assert back.told[-1].endswith("which stays as it is: bench import it into another --results")
    with pytest.raises(StoreError, match="each has runs that the other lacks; move that folder away"):
        back.session_to_resume(suite, False)
    assert rounds(uri) == [1, 3]
    assert sorted(read_sessions([str(begun)]).runs["round"].to_pylist()) == [1, 2]


KILLED = """
import pickle, sys
from bench.records import segments
from bench.records.claims import is_claim
from bench.records.recorder import Recorder
from bench.records.remote import upload
from bench.records.remote.place import Place
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.remote.results import RemoteResults
from bench.records.remote.spool import spool_of
segments.RUNS_OF_A_SEGMENT = 2
upload.LOOK_SECONDS, upload.JOURNAL_SECONDS = 0.01, 0.0
results = RemoteResults(Place.of(sys.argv[1]), print, {"BENCH_SPOOL": sys.argv[2]})
recorder = Recorder.begin(results.folder / "s1", "s1", {"suite": "sizes", "scenarios": sys.argv[3:]})
results.begin(recorder.folder)
while True:
    recorder.add_run(*pickle.load(sys.stdin.buffer))
"""


@pytest.mark.parametrize("stuck", ["000001.runs", "000002.epochs", "manifest.json", "journal.jsonl"])
def test_killed_in_the_middle_of_an_upload_and_gone_on_with_elsewhere(
    stuck, machine, recorded, server, uri, suite, header, run, tmp_path
):
    """What had got there by then is a session; where it is none, another one begins."""
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    line = [sys.executable, "-c", KILLED, uri, str(tmp_path / "a"), *header["scenarios"]]
    with failing(server, Stuck(stuck)) as fault:
        with subprocess.Popen(line, stdin=subprocess.PIPE, env=environment) as killed:
            for number in range(1, 5):
                pickle.dump(run("s1", number), killed.stdin)
                killed.stdin.flush()
            assert fault.reached.wait(60)
            killed.kill()
        fault.go.set()
    other = machine("b")
    begun = other.session_to_resume(suite, False)
    found = rounds(uri) if begun else []
    with Recorder.resume(begun, header) if begun else contextlib.nullcontext() as recorder:
        assert recorder is None or recorder.runs == len(found)
    recorded(other, [number for number in range(1, 7) if number not in found], begun)
    assert other.finish() is None
    assert rounds(uri) == [1, 2, 3, 4, 5, 6]


def test_each_server_has_a_spool_of_its_own(tmp_path):
    uris = [f"s3://lab/results?scheme=http&endpoint_override=127.0.0.1:{port}" for port in (1, 2)]
    spools = [spool_of(Place.of(uri), {"BENCH_SPOOL": str(tmp_path)}) for uri in uris]
    assert spools[0] != spools[1]


@pytest.fixture
def left(machine, recorded, place, server):
    """The folder of a session of machine "a" that is there, too, which that machine does not know."""
    here = machine("a")
    with failing(server, busy):
        folder = recorded(here, [1, 2])
        assert here.leave()
    Mirror(folder, place.below("s1")).copy()
    return folder


def test_what_is_damaged_there_leaves_what_is_here(machine, place, left):
    place.below("s1").put("runs.parquet", pa.py_buffer(b"PAR1"))
    again = machine("a")
    again.upload_left()
    assert again.told[-1].endswith("which stays as it is: bench import it into another --results")
    assert left.exists()


def test_a_copy_that_may_have_held_more_is_kept(machine, left):
    for name in ("manifest.json", "runs.parquet", "epochs.parquet", "machines.parquet"):
        (left / name).unlink()
    lines = (left / FILE_NAME).read_bytes().splitlines(keepends=True)
    (left / FILE_NAME).write_bytes(b"".join([*lines[:-2], lines[-2].replace(b"1", b"2")]))
    again = machine("a")
    again.upload_left()
    assert again.told[-1].endswith("which stays as it is: bench import it into another --results")
    assert left.exists()


def test_of_one_that_was_killed_as_it_began_nothing_stays(machine, place):
    here = machine("a")
    (here.folder / "s1").mkdir()
    (here.folder / "s1" / FILE_NAME).touch()
    here.upload_left()
    assert here.told == []
    assert not (here.folder / "s1").exists()
    assert list(place.infos("s1")) == []
