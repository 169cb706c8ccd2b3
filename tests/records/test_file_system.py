import errno
import fcntl
import os
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.records.file_system import check_writable


def fails(number):
    def fail(*_arguments, **_named):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_folder_is_made_and_nothing_is_left_in_it(tmp_path):
    assert check_writable(tmp_path / "a" / "b") == ()
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("flock", [fails(errno.ENOLCK), fails(errno.ENOTSUP), lambda *_: None])
def test_locks_that_are_missing_or_without_effect_are_said(tmp_path, monkeypatch, flock):
    monkeypatch.setattr(fcntl, "flock", flock)
    assert check_writable(tmp_path) == (
        f"{tmp_path}: its file system has no locks (flock): "
        "two drivers are kept apart by files that each refreshes",
    )


def test_all_that_is_missing_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", fails(errno.ENOSYS))
    monkeypatch.setattr(os, "fsync", fails(errno.EINVAL))
    monkeypatch.setattr(Path, "touch", lambda *_, **__: None)
    (note,) = check_writable(tmp_path)
    for what in (
        "no locks (flock): ",
        "; no file that only one can make (O_EXCL): ",
        "; no wait for the disk",
    ):
        assert what in note
    assert list(tmp_path.iterdir()) == []


def test_without_files_that_take_anothers_place_there_is_no_session(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", fails(errno.EPERM))
    with pytest.raises(StoreError, match="cannot be written: Operation not permitted; pass --results"):
        check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_or_is_full_is_no_place(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "fsync", fails(number))
    with pytest.raises(StoreError, match=f"cannot be written: {os.strerror(number)}; pass --results"):
        check_writable(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written: "):
        check_writable(tmp_path / "results")
