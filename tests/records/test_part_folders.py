"""Folders that are no session yet, and what is left of them by processes that were killed."""

import errno
import fcntl
import os
import time

import pytest

from bench.records import part_folders
from bench.records.part_folders import part_folder, remove_left


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(part_folders, "LEFT_SECONDS", -1.0)


def left_by_a_kill(folder):
    """As the lock of a process ends with it, one that nobody has locked."""
    (folder / ".0123456789abcdef.part" / "a").mkdir(parents=True)


def test_it_is_gone_afterwards_whatever_is_in_it(tmp_path):
    with part_folder(tmp_path) as part:
        (part / "a").mkdir()
        (part / "a" / "b").write_text("some")
    assert names(tmp_path) == []


def test_what_a_kill_left_is_removed_and_what_is_needed_stays(tmp_path):
    left_by_a_kill(tmp_path)
    (tmp_path / "s1").mkdir()
    (tmp_path / ".notes.part").mkdir()
    with part_folder(tmp_path) as part:
        assert len(names(tmp_path)) == 4
        remove_left(tmp_path)
        assert names(tmp_path) == sorted([".notes.part", part.name, "s1"])


def test_what_may_be_anothers_that_lives_stays_for_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(part_folders, "LEFT_SECONDS", 3600.0)
    left_by_a_kill(tmp_path)
    remove_left(tmp_path)
    assert names(tmp_path) == [".0123456789abcdef.part"]
    at = time.time() - 3601
    os.utime(tmp_path / ".0123456789abcdef.part", (at, at))
    remove_left(tmp_path)
    assert names(tmp_path) == []


def no_locks(*_):
    raise OSError(errno.ENOLCK, "no locks")


@pytest.mark.parametrize("flock", [no_locks, lambda *_: None])
def test_where_locks_tell_nothing_all_stays(flock, tmp_path, monkeypatch):
    left_by_a_kill(tmp_path)
    monkeypatch.setattr(fcntl, "flock", flock)
    with part_folder(tmp_path):
        remove_left(tmp_path)
        assert len(names(tmp_path)) == 2
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_one_that_is_taken_away_before_it_is_locked_is_made_again(moment, tmp_path, monkeypatch):
    opened, taken = part_folders._opened, []

    def meanwhile(part, stack):
        if not taken and moment == "before":
            taken.append(part.rmdir())
        descriptor = opened(part, stack)
        if not taken:
            taken.append(part.rmdir())
        return descriptor

    monkeypatch.setattr(part_folders, "_opened", meanwhile)
    with part_folder(tmp_path) as part:
        assert taken
        assert part.exists()


def test_a_folder_that_is_not_there_has_none(tmp_path):
    remove_left(tmp_path / "nowhere")
