"""Look-ups that answer instead of raising, and home folders that are not there."""

import os
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.paths import exists, expanded, is_file, is_folder, located, matching, why_not_there


@pytest.fixture
def places(tmp_path):
    """A folder with a file, a folder, links that lead to each other, and a pipe."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "No such file or directory"),
        ("file/below", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("loop/below", "Too many levels of symbolic links"),
        ("n" * 300, "File name too long"),
        ("folder/" + "n" * 300, "File name too long"),
        ("d/" * 3_000, "File name too long"),
        ("null\0byte", "a null byte is in its name"),
    ],
)
def test_where_nothing_can_be_found_there_is_nothing(places, name, reason):
    path = places / name
    assert why_not_there(path) == reason
    assert (exists(path), is_file(path), is_folder(path), matching(path, "*")) == (False, False, False, [])


def test_what_is_there_is_found(places):
    assert [path.name for path in places.iterdir() if not exists(path)] == ["loop"]
    assert (is_file(places / "file"), is_folder(places / "file")) == (True, False)
    assert (is_file(places / "folder"), is_folder(places / "folder")) == (False, True)
    assert (is_file(places / "pipe"), is_folder(places / "pipe")) == (False, False)
    assert [path.name for path in matching(places, "f*")] == ["file", "folder"]


def test_a_folder_that_may_not_be_entered_holds_nothing(monkeypatch, places):
    def forbidden(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", forbidden)
    assert why_not_there(places / "file") == "Permission denied"
    assert (is_file(places / "file"), is_folder(places), matching(places, "*")) == (False, False, [])


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded(Path("~/results")) == tmp_path / "results"
    assert expanded(Path("~")) == tmp_path
    assert expanded(Path("a/~/b")) == Path("a/~/b")
    assert expanded(Path()) == Path()


def test_a_file_whose_name_begins_with_a_tilde_is_itself(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("~root").touch()
    assert expanded(Path("~root")) == Path("~root")
    Path("~root").unlink()
    assert expanded(Path("~root")) == Path("~root").expanduser()


def test_a_home_that_is_not_known_is_told_with_the_remedy(monkeypatch):
    with pytest.raises(BenchError, match=r"^~nosuchuser/x: no home folder is known for ~nosuchuser; "):
        expanded(Path("~nosuchuser/x"))
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(BenchError, match=r"^~/x: no home folder is known for ~; set HOME, or give the whole"):
        expanded(Path("~/x"))


def test_a_path_from_the_root_needs_no_more_than_it_says(monkeypatch, places):
    assert located(places / "loop" / "x") == places / "loop" / "x"
    (places / "link").symlink_to("folder")
    assert located(places / "link") == places / "folder"
    monkeypatch.chdir(places / "folder")
    assert located(Path("x")) == places / "folder" / "x"
    (places / "folder").rmdir()
    with pytest.raises(BenchError, match=r"^x: cannot be looked up: No such file or directory; give another"):
        located(Path("x"))
