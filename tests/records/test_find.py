import os

import pytest

from bench.records.find import find_sessions
from bench.records.folders import Local


@pytest.fixture
def found(tmp_path):
    """What is found in `tmp_path` or a folder below: sessions by their paths, and what was left out."""

    def find(below=""):
        result = find_sessions(Local(os.path.realpath(tmp_path / below)))
        paths = [os.path.relpath(session.folder.path, tmp_path) for session in result.sessions]
        return paths, [str(error) for error in result.left_out]

    return find


@pytest.fixture
def session(tmp_path):
    """Makes an empty file of a session in a folder."""

    def make(path, file="journal.jsonl"):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / path / file).touch()

    return make


def test_sessions_at_mixed_depths_are_all_found(found, session):
    paths = ["a", "b/c", "b/d/e/f/g/h", "z"]
    for path in paths:
        session(path, "runs.parquet" if path == "z" else "journal.jsonl")
    assert found() == (paths, [])


def test_no_deeper_than_it_is_asked_for(session, tmp_path):
    for path in ("a", "b/c", "d/e/f"):
        session(path)
    for levels, number in ((0, 0), (1, 1), (2, 2), (3, 3)):
        assert len(find_sessions(Local(os.path.realpath(tmp_path)), levels).sessions) == number


def test_a_session_hides_none_of_those_below_it(found, session):
    session("a")
    session("a/b/c")
    assert found() == (["a", "a/b/c"], [])
    assert found("a") == (["a", "a/b/c"], [])
    assert found("a/b/c") == (["a/b/c"], [])


def test_links_are_followed_and_circles_end(found, session, tmp_path):
    session("a/b")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert found() == (["a/b"], [])


def test_nothing_is_found_in_nothing(found):
    assert found() == ([], [])


def test_a_folder_that_cannot_be_looked_into_is_left_out(found, session, tmp_path, monkeypatch):
    session("a/b")
    session("lost+found")
    closed = os.path.realpath(tmp_path / "lost+found")
    scanned = os.scandir

    def scandir(path):
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return scanned(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert found() == (
        ["a/b"],
        [f"{closed}: may not be read; ask its owner to allow it, or read as another user"],
    )


def test_a_folder_that_is_not_whole_yet_is_no_place_for_sessions(found, session):
    session("a")
    session(".0123456789abcdef.part")
    session(".hidden/b")
    assert found() == ([".hidden/b", "a"], [])
