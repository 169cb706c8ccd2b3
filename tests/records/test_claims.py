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
from bench.records import claims
from bench.records.claims import Claim, LocalBoard, is_claim
from bench.records.folders import Local
from bench.records.going_on import is_going_on
from bench.records.journal import Journal

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
    assert str(caught.value).endswith(("try again in 40 s", "try again in 41 s"))
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
