"""Whether somebody writes a session, also where locks tell nothing."""

import errno
import fcntl
import json
import os
import time

import pytest

from bench.errors import StoreError
from bench.records import claims
from bench.records.folders import Local
from bench.records.going_on import is_going_on, nobody_else
from bench.records.journal import Journal


def leave_claim(folder, seconds_ago=0.0, **about):
    """As if a process of another machine had put it there, so long ago."""
    path = folder / ".writer-0123456789abcdef.part"
    path.write_text(json.dumps({"host": "there", "process": 7, "boot": "another", **about}))
    at = time.time() - seconds_ago
    os.utime(path, (at, at))
    return path


@pytest.fixture
def no_locks(monkeypatch):
    def flock(_file, _how):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_what_another_machine_writes_goes_on_until_it_has_been_silent_for_long(recorded_session, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    leave_claim(folder)
    assert is_going_on(Local(str(folder))) is True
    leave_claim(folder, claims.STALE_SECONDS + 1)
    assert is_going_on(Local(str(folder))) is False


@pytest.mark.usefixtures("no_locks")
def test_without_locks_claims_tell_and_where_there_is_none_nobody_knows(recorded_session, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    assert is_going_on(Local(str(folder))) is None
    with Journal(folder):
        assert is_going_on(Local(str(folder))) is True
    leave_claim(folder, claims.STALE_SECONDS + 1)
    assert is_going_on(Local(str(folder))) is False


@pytest.mark.usefixtures("no_locks")
def test_nobody_else_goes_on_with_it_where_locks_do_nothing(recorded_session, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    with nobody_else(folder), pytest.raises(StoreError, match="still going on"):
        Journal(folder)
    with Journal(folder), pytest.raises(StoreError, match="still going on"), nobody_else(folder):
        pass
    with Journal(folder):
        pass
