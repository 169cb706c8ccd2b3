"""Two writers of one session, also where locks do nothing."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.records import claims, segments
from bench.records.checking import check_session
from bench.records.claims import Claim, LocalBoard, is_claim
from bench.records.folders import Local
from bench.records.going_on import is_going_on
from bench.records.journal import Journal
from bench.records.recorder import Recorder
from bench.records.store import read_sessions

ROOT = Path(__file__).parents[2]
WITHOUT_LOCKS = """
import fcntl, os, sys
from pathlib import Path
def flock(file, how):
    if sys.argv[2] != "0":
        raise OSError(int(sys.argv[2]), os.strerror(int(sys.argv[2])))
fcntl.flock = flock
from bench.records.folders import Local
from bench.records.going_on import is_going_on
from bench.records.journal import Journal
from bench.records.recorder import Recorder
from bench.records.store import read_sessions
with Journal(Path(sys.argv[1])) as journal:
    print("writes", flush=True)
    sys.stdin.readline()
"""


def claimed(folder):
    return [path for path in folder.iterdir() if is_claim(path.name)]


def of_another_host(path, seconds_ago):
    """As if a process of another machine had put it there."""
    about = json.loads(path.read_bytes())
    path.write_text(json.dumps({**about, "boot": "another", "host": "there", "process": 7}))
    at = time.time() - seconds_ago
    os.utime(path, (at, at))


@pytest.fixture
def left(tmp_path):
    """A claim that a writer left, which is gone."""
    claim = Claim(LocalBoard(tmp_path), "here")
    claim._ended.set()
    return tmp_path / claim.name


@pytest.fixture(params=[0, errno.ENOLCK, errno.ENOTSUP], ids=["no effect", "ENOLCK", "ENOTSUP"])
def no_locks(request, monkeypatch):
    """What flock gives on such a file system: nothing, or an error."""

    def flock(_file, _how):
        if request.param:
            raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)
    return request.param


def test_two_processes_never_write_one_session_where_locks_do_nothing(tmp_path, no_locks):
    line = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path / "s1"), str(no_locks)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout.readline() == b"writes\n"
        with pytest.raises(StoreError) as caught:
            Journal(tmp_path / "s1")
        assert f"still going on: process {other.pid} on " in str(caught.value)
        assert len(claimed(tmp_path / "s1")) == 1
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        with Journal(tmp_path / "s1"):  # of what was killed it is known that it is gone, its parent or not
            assert len(claimed(tmp_path / "s1")) == 1
    assert claimed(tmp_path / "s1") == []


def test_what_another_machine_writes_is_refused_until_it_has_been_silent_for_long(tmp_path, left):
    of_another_host(left, seconds_ago=20)
    with pytest.raises(StoreError) as caught:
        Claim(LocalBoard(tmp_path), "here")
    assert str(caught.value).startswith(
        "here: this session is still going on: process 7 on there writes it; wait"
    )
    assert 1 < int(str(caught.value).rpartition("try again in ")[2].removesuffix(" s")) <= 41
    of_another_host(left, seconds_ago=claims.STALE_SECONDS + 1)
    claim = Claim(LocalBoard(tmp_path), "here")
    assert [path.name for path in claimed(tmp_path)] == [claim.name]
    claim.withdraw()


def test_a_lock_that_works_tells_that_who_had_it_on_this_mount_is_gone(tmp_path):
    with Journal(tmp_path):
        (left,) = claimed(tmp_path)
        about = json.loads(left.read_bytes())
    about["processes"] = "those of another container"
    for mount, refused in ((about["mount"], False), (about["mount"] + 1, True), (None, True)):
        left.write_text(json.dumps({**about, "mount": mount}))
        with pytest.raises(StoreError, match="still going on") if refused else contextlib.nullcontext():
            Journal(tmp_path).__exit__()
        assert left.exists() == refused


def test_another_mount_of_the_same_files_has_locks_of_its_own(tmp_path):
    """Two file systems in user space that show one folder, as a network's file system does to two hosts."""
    if not shutil.which("bindfs"):
        pytest.skip("bindfs is not installed")
    for name in ("files", "one", "two"):
        (tmp_path / name).mkdir()
    with contextlib.ExitStack() as mounted:
        for name in ("one", "two"):
            if subprocess.run(["bindfs", tmp_path / "files", tmp_path / name]).returncode:
                pytest.skip("this user may not mount")
            mounted.callback(subprocess.run, ["umount", tmp_path / name], check=True)
        with Journal(tmp_path / "one" / "s1") as journal:
            journal.append("session", session_id="s1")
            with pytest.raises(StoreError, match="still going on"):
                Journal(tmp_path / "two" / "s1")
            assert is_going_on(Local(str(tmp_path / "two" / "s1")))


def test_who_was_taken_over_writes_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "CHECK_SECONDS", 0)
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
        (path,) = claimed(tmp_path)
        path.rename(tmp_path / ".writer-0123456789abcdef.part")
        of_another_host(tmp_path / ".writer-0123456789abcdef.part", 0)
        held = (tmp_path / "journal.jsonl").read_bytes()
        with pytest.raises(StoreError, match="process 7 on there has gone on with this session"):
            journal.append("run", row={}, epochs=[])
        assert (tmp_path / "journal.jsonl").read_bytes() == held
    assert len(claimed(tmp_path)) == 1


def test_a_claim_that_is_lost_with_nobody_in_its_place_is_put_there_again(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "CHECK_SECONDS", 0)
    with Journal(tmp_path) as journal:
        (path,) = claimed(tmp_path)
        path.unlink()
        journal.append("session", session_id="s1")
        assert claimed(tmp_path) == [path]


def test_what_is_no_claim_counts_by_its_age(tmp_path, left):
    left.write_bytes(b"")
    with pytest.raises(StoreError, match="another process writes it"):
        Claim(LocalBoard(tmp_path), "here")


def test_in_a_folder_that_takes_none_there_is_none_to_go_by(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(LocalBoard, "write", refuse)
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
    assert claimed(tmp_path) == []


@pytest.fixture
def suspended(monkeypatch):
    """Call with the folder of a claim and its holder: that holder slept for longer than others wait."""
    monkeypatch.setattr(claims, "REFRESH_SECONDS", 3600.0)

    def suspend(folder, claim):
        at = time.time() - claims.STALE_SECONDS - 1
        os.utime(folder / claim.name, (at, at))
        claim._written -= claims.STALE_SECONDS + 1

    return suspend


@pytest.mark.parametrize("ended", [False, True])
def test_who_slept_while_another_went_on_writes_no_more(tmp_path, suspended, ended):
    """Also where that other one has ended since, and left no claim."""
    slept = Claim(LocalBoard(tmp_path), "here")
    suspended(tmp_path, slept)
    other = Claim(LocalBoard(tmp_path), "here")
    if ended:
        other.withdraw()
    assert slept.doubt()
    with pytest.raises(StoreError, match="has gone on with this session"):
        slept.check()
    assert [path.name for path in claimed(tmp_path)] == ([] if ended else [other.name])
    slept.withdraw()
    other.check()


def test_who_slept_in_the_middle_of_a_refresh_writes_no_more(tmp_path, suspended, monkeypatch):
    """Its claim is there again after all, beside that of the one that took over."""
    slept = Claim(LocalBoard(tmp_path), "here")
    suspended(tmp_path, slept)
    other = Claim(LocalBoard(tmp_path), "here")
    slept._board.write(slept.name, slept._content)
    with pytest.raises(StoreError, match="has gone on with this session"):
        slept.check()
    monkeypatch.setattr(claims, "CHECK_SECONDS", 0.0)
    other.check()
    assert [path.name for path in claimed(tmp_path)] == [other.name]


def test_who_slept_and_was_missed_by_nobody_goes_on(tmp_path, suspended):
    slept = Claim(LocalBoard(tmp_path), "here")
    suspended(tmp_path, slept)
    slept.check()
    assert slept.doubt() is None


def test_a_claim_that_is_taken_down_while_others_look_is_none(tmp_path, monkeypatch):
    """As that of a driver that was refused at once; a pipe of such a name is none either."""
    os.mkfifo(tmp_path / ".writer-0123456789abcdef.part")
    (tmp_path / ".writer-00000000000000aa.part").write_text("{}")
    scandir = os.scandir

    @contextlib.contextmanager
    def then_gone(folder):
        with scandir(folder) as found:
            found = list(found)
        (tmp_path / ".writer-00000000000000aa.part").unlink(missing_ok=True)
        yield found

    monkeypatch.setattr(os, "scandir", then_gone)
    claim = Claim(LocalBoard(tmp_path), "here")
    assert list(LocalBoard(tmp_path).times()) == [claim.name]


def test_a_claim_that_could_not_be_made_leaves_nothing(tmp_path, monkeypatch):
    write = LocalBoard.write

    def fail_once_there(*arguments):
        write(*arguments)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(LocalBoard, "write", fail_once_there)
    with pytest.raises(OSError, match="Input/output"):
        Claim(LocalBoard(tmp_path), "here")
    assert claimed(tmp_path) == []


@pytest.mark.parametrize(
    "content", ['{"process": Infinity, "host": "there"}', "[" * 100_000, '{"process": "x"}']
)
def test_a_claim_that_says_nothing_is_anothers(tmp_path, left, content):
    left.write_text(content)
    with pytest.raises(StoreError, match="another process writes it"):
        Claim(LocalBoard(tmp_path), "here")


@pytest.mark.parametrize("segment", [4, 4096])
@pytest.mark.parametrize("ended", [False, True])
def test_a_session_that_another_driver_went_on_with_is_left_alone(
    tmp_path, run, session_at, suspended, monkeypatch, segment, ended
):
    """One that slept meanwhile, and has its own journal open still, on a file system without locks."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", segment)
    slept = Recorder.begin(tmp_path / "s1", "s1", {"suite": "a suite"})
    slept.add_runs([run("s1", 1), run("s1", 2)])
    suspended(tmp_path / "s1", slept._journal._claim)
    other = Recorder.resume(tmp_path / "s1", {"suite": "a suite"})
    for number in range(3, 12):
        other.add_run(*run("s1", number))
    if ended:
        other.__exit__()
    files = {path: path.read_bytes() for path in (tmp_path / "s1").rglob("*.*") if not is_claim(path.name)}
    for write in (lambda: slept.add_run(*run("s1", 12)), slept.__exit__):
        with pytest.raises(StoreError, match="has gone on with this session"):
            write()
    now = {path: path.read_bytes() for path in (tmp_path / "s1").rglob("*.*") if not is_claim(path.name)}
    assert now == files
    if not ended:
        other.__exit__()
    assert check_session(session_at(tmp_path / "s1")).verdict == "whole"
    assert read_sessions([str(tmp_path)]).runs.num_rows == 11
