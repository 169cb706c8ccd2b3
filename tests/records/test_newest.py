"""Which session is the newest, told by the footers of tables and by journals."""

import datetime
import shutil

import pytest

from bench.errors import StoreError
from bench.records.began import EARLIEST, began
from bench.records.find import find_sessions
from bench.records.folders import folder_of
from bench.records.newest import newest_below, places_of
from tests.dated import NOON, session


@pytest.fixture
def four(tmp_path):
    session(tmp_path, "late", 9, ended=False)
    session(tmp_path, "z", 1)
    session(tmp_path / "below", "a", 2)
    session(tmp_path, "published", None)
    return tmp_path


def names(newest):
    return [at.folder.path.rpartition("/")[2] for at in newest.folders]


def test_it_is_the_one_whose_first_run_began_last(four):
    found = newest_below(places_of([str(four)]))
    assert (names(found), found.others) == (["late"], 3)
    shutil.rmtree(four / "late")
    found = newest_below(places_of([str(four)]))
    assert (names(found), found.others) == (["a"], 2)


def test_a_session_says_its_name_and_when_it_began(four):
    told = {
        at.folder.path.rpartition("/")[2]: began(at) for at in find_sessions(folder_of(str(four))).sessions
    }
    hours = {
        name: (NOON + datetime.timedelta(hours=n)).timestamp() * 1e6 for name, n in (("z", 1), ("late", 9))
    }
    assert told["z"] == ("z", hours["z"])
    assert told["late"] == ("late", hours["late"])
    assert told["published"] == ("published", EARLIEST)


def test_a_path_to_a_session_is_that_session(four):
    places = places_of([str(four / "z"), str(four / "below")])
    assert [path.rpartition("/")[2] for path in places.exact] == ["z"]
    assert names(newest_below(places)) == ["a"]


def test_one_that_a_path_leads_to_is_not_the_newest_of_the_others_too(four):
    found = newest_below(places_of([str(four), str(four / "late")]))
    assert (names(found), found.others) == (["a"], 2)


def test_each_copy_of_it_is_named(four):
    shutil.copytree(four / "late", four / "copy")
    found = newest_below(places_of([str(four)]))
    assert (names(found), found.others) == (["copy", "late"], 3)


def test_one_without_a_run_yet_is_not_the_newest(tmp_path):
    session(tmp_path, "a", 1)
    folder = session(tmp_path, "b", 2, ended=False)
    journal = folder / "journal.jsonl"
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    found = newest_below(places_of([str(tmp_path)]))
    assert (names(found), found.others) == (["a"], 0)


def test_a_damaged_one_leaves_it_open(four):
    (four / "z" / "runs.parquet").write_bytes(b"PAR1")
    assert newest_below(places_of([str(four)])) is None


def test_a_path_without_a_session_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="holds no session"):
        places_of([str(tmp_path)])
