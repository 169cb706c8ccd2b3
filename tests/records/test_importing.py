import os
import re
import shutil

import pyarrow.parquet as pq
import pytest

from bench.errors import DamagedError, StoreError
from bench.records import copying, put_in_place
from bench.records.checking import check_session
from bench.records.comparing import compare_copies
from bench.records.importing import Importer
from bench.records.journal import FILE_NAME, Journal
from bench.records.put_in_place import LocalDestination
from bench.records.recorder import Recorder
from bench.records.writing import write_tables
from tests.records.test_checking import SEGMENT, flip


@pytest.fixture
def imported(tmp_path):
    """Call with paths; imports what lies there into `tmp_path`/here, and gives what became of each."""
    return lambda *paths, **options: list(
        Importer([*map(str, paths)], LocalDestination(tmp_path / "here"), **options)
    )


@pytest.fixture
def there(recorded_session, tmp_path):
    return recorded_session(tmp_path / "there" / "a folder")


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def go_on(folder, run, numbers):
    with Recorder.resume(folder, {}) as recorder:
        for number in numbers:
            recorder.add_run(*run("s1", number, machine="A machine"))


def test_a_session_is_copied_byte_by_byte_under_its_name(there, imported, tmp_path):
    (done,) = imported(there)
    assert (done.outcome, done.target, done.runs) == ("imported", str(tmp_path / "here" / "s1"), 10)
    assert files(tmp_path / "here" / "s1") == files(there)
    assert names(tmp_path / "here") == ["s1"]
    assert done.bytes == sum(map(len, files(there).values()))


def test_what_does_not_belong_to_it_stays_where_it_is(there, imported, tmp_path):
    for name in ("notes.txt", ".0123456789abcdef.part", "segments/000099.runs.parquet"):
        (there / name).write_text("something")
    imported(there)
    assert files(tmp_path / "here" / "s1").keys() < files(there).keys()
    assert not any(b"something" in content for content in files(tmp_path / "here" / "s1").values())


@pytest.mark.usefixtures("there")
def test_several_below_one_folder_old_and_interrupted_ones(recorded_session, content, imported, tmp_path):
    (tmp_path / "there" / "old").mkdir()
    write_tables(tmp_path / "there" / "old", [content(session_id="s2")])
    assert [it.outcome for it in imported(tmp_path / "there")] == ["imported", "imported"]
    interrupted = recorded_session(tmp_path / "cut", 6, interrupted=True)
    with (interrupted / FILE_NAME).open("ab") as journal:
        journal.write(b'{"crc32": "01234567", "ent')
    (done,) = Importer([str(interrupted)], LocalDestination(tmp_path / "other"))
    assert (done.outcome, done.runs) == ("imported", 6)
    assert files(tmp_path / "other" / "s1") == files(interrupted)


@pytest.mark.parametrize("column", ["machine", "started_at", "attempt"])
def test_old_tables_may_lack_what_may_be_missing(content, imported, tmp_path, column):
    (tmp_path / "old").mkdir()
    write_tables(tmp_path / "old", [content()])
    path = tmp_path / "old" / "runs.parquet"
    pq.write_table(pq.ParquetFile(path).read().drop_columns([column]), path)
    assert [imported(tmp_path / "old")[0].outcome for _ in range(2)] == ["imported", "already there"]


def test_each_once(there, imported, tmp_path):
    imported(there)
    before = files(tmp_path / "here")
    assert [it.outcome for it in imported(there, tmp_path / "here")] == ["already there", "already there"]
    assert files(tmp_path / "here") == before


def test_a_longer_copy_takes_the_place_of_the_shorter_and_keeps_what_lay_there(
    recorded_session, imported, run, tmp_path
):
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    imported(folder)
    shorter = tmp_path / "shorter"
    shutil.copytree(folder, shorter)
    (tmp_path / "here" / "s1" / "notes.txt").write_text("mine")
    (tmp_path / "here" / "s1" / "segments" / "000001.runs.parquet.damaged").write_text("kept")
    go_on(folder, run, range(7, 12))
    (done,) = imported(folder, dry_run=True)
    assert (done.outcome, done.had, done.runs) == ("replaced", 6, 11)
    (done,) = imported(folder)
    assert (done.outcome, done.had, done.runs) == ("replaced", 6, 11)
    more = {"notes.txt": b"mine", "segments/000001.runs.parquet.damaged": b"kept"}
    assert files(tmp_path / "here" / "s1") == files(folder) | more
    assert names(tmp_path / "here") == ["s1"]
    (done,) = imported(shorter)
    assert (done.outcome, done.had, done.runs) == ("already there", 11, 6)
    assert files(tmp_path / "here" / "s1") == files(folder) | more


class NoLinux:
    """Which has no call that exchanges two folders."""


@pytest.mark.parametrize("left", ["the old copy alone", "both"])
def test_an_exchange_that_a_kill_cut_short_is_ended(left, recorded_session, imported, run, tmp_path):
    folder, here = recorded_session(tmp_path / "s1", 6, interrupted=True), tmp_path / "here"
    imported(folder)
    old = (here / "s1").rename(here / "s1.replaced-0123abcd")
    go_on(folder, run, range(7, 12))
    if left == "both":
        shutil.copytree(folder, here / "s1")
    assert imported(folder)[0].outcome == ("already there" if left == "both" else "replaced")
    assert not old.exists()
    assert names(here) == ["s1"]
    assert files(here / "s1") == files(folder)


def test_an_old_copy_that_has_runs_of_its_own_is_never_removed(recorded_session, imported, run, tmp_path):
    folder, here = recorded_session(tmp_path / "s1", 6, interrupted=True), tmp_path / "here"
    imported(folder)
    old = tmp_path / "here" / "s1.replaced-0123abcd"
    shutil.copytree(folder, old)
    go_on(old, run, [7])
    imported(folder)
    assert names(here) == ["s1", old.name]


def test_the_same_where_two_folders_cannot_be_exchanged(
    recorded_session, imported, run, tmp_path, monkeypatch
):
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    imported(folder)
    go_on(folder, run, range(7, 12))
    monkeypatch.setattr(put_in_place.ctypes, "CDLL", lambda *_, **__: NoLinux())
    assert imported(folder)[0].outcome == "replaced"
    assert files(tmp_path / "here" / "s1") == files(folder)
    assert names(tmp_path / "here") == ["s1"]


def test_a_run_that_was_tried_again_is_held_by_the_longer_copy(recorded_session, imported, run, tmp_path):
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    with Recorder.resume(folder, {}) as recorder:
        recorder.add_run(*run("s1", 7, status="lost"))
    imported(folder)
    go_on(folder, lambda *given, **columns: run(*given, attempt=2, **columns), [7])
    assert imported(folder)[0].outcome == "replaced"


def test_copies_that_both_went_on_are_left_as_they_are(recorded_session, imported, run, tmp_path):
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    imported(folder)
    go_on(folder, run, [7])
    go_on(tmp_path / "here" / "s1", run, [8])
    before = files(tmp_path / "here")
    (done,) = imported(folder)
    assert done.outcome == "refused"
    assert "each has runs that the other lacks" in done.why
    assert files(tmp_path / "here") == before


@pytest.mark.parametrize("file", ["runs.parquet", SEGMENT, FILE_NAME, "manifest.json"])
def test_a_damaged_one_is_not_imported(there, imported, tmp_path, file):
    flip(there / file, 0.5)
    (done,) = imported(there)
    assert done.outcome == "refused"
    assert str(there / file) in done.why
    assert "bench check" in done.why
    assert names(tmp_path / "here") == []


def test_a_damaged_one_that_is_there_is_not_replaced(recorded_session, imported, run, tmp_path):
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    imported(folder)
    go_on(folder, run, [7])
    flip(tmp_path / "here" / "s1" / SEGMENT, 0.5)
    (done,) = imported(folder)
    assert done.outcome == "refused"
    assert "bench check --repair" in done.why


@pytest.mark.parametrize("file", ["runs.parquet", "epochs.parquet", SEGMENT, FILE_NAME])
def test_nor_is_it_called_already_there(there, imported, tmp_path, file):
    imported(there)
    here = tmp_path / "here" / "s1"
    flip(here / file, 0.5)
    before = files(here)
    (done,) = imported(there)
    assert done.outcome == "refused"
    assert str(here / file) in done.why
    assert f"bench check --repair {here}" in done.why
    assert files(here) == before


def test_one_that_nothing_repairs_is_to_be_moved_away(content, imported, tmp_path):
    (tmp_path / "old").mkdir()
    write_tables(tmp_path / "old", [content()])
    imported(tmp_path / "old")
    (tmp_path / "here" / "s1" / "epochs.parquet").write_bytes(b"damaged")
    assert "move it away" in imported(tmp_path / "old")[0].why


def test_a_whole_copy_among_those_that_are_there_is_enough(there, imported, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(there, tmp_path / "here" / name)
    flip(tmp_path / "here" / "a" / "runs.parquet", 0.5)
    (done,) = imported(there)
    assert (done.outcome, done.target) == ("already there", str(tmp_path / "here" / "b"))


def test_runs_are_compared_by_bytes_that_are_those_that_were_written(there, session_at):
    flip(there / "runs.parquet", 0.5)
    with pytest.raises(DamagedError, match=re.escape(str(there / "runs.parquet"))):
        compare_copies(session_at(there), session_at(there))


def test_one_that_lies_outside_is_not_replaced(recorded_session, imported, run, tmp_path):
    """A link leads there; what is behind it may be anybody's."""
    outside = recorded_session(tmp_path / "outside" / "s1", 6, interrupted=True)
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    go_on(folder, run, [7])
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(outside)
    before = files(outside)
    (done,) = imported(folder)
    assert done.outcome == "refused"
    assert done.why.startswith(f"{outside} lies outside {tmp_path / 'here'}")
    assert done.why.endswith(f"--results {outside.parent}")
    assert files(outside) == before
    shutil.copytree(outside, tmp_path / "here" / "s1")
    (done,) = imported(folder)
    assert (done.outcome, done.target) == ("replaced", str(tmp_path / "here" / "s1"))
    assert files(outside) == before


def test_one_that_is_going_on_is_refused_here_and_there(recorded_session, imported, run, tmp_path):
    folder = recorded_session(tmp_path / "s1", 6, interrupted=True)
    with Journal(folder):
        (done,) = imported(folder)
        assert (done.outcome, done.why) == ("refused", "it is still going on; import it once it has ended")
    imported(folder)
    go_on(folder, run, [7])
    with Journal(tmp_path / "here" / "s1"):
        (done,) = imported(folder)
        assert "still going on" in done.why


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("call", [1, 2, 8])
def test_one_that_changes_while_it_is_copied_is_copied_again(
    there, imported, run, monkeypatch, tmp_path, call, ended
):
    """It is resumed then; it may have ended again, with other tables, or have none at that moment."""
    copy, calls = copying._copy, []

    def and_go_on(source, name, folder, stored):
        calls.append(name)
        if len(calls) == call:
            if ended:
                go_on(there, run, [11])
            else:
                recorder = Recorder.resume(there, {})
                recorder.add_run(*run("s1", 11, machine="A machine"))
                recorder._held.close()
                recorder._journal.__exit__()
                for table in there.glob("*.parquet"):
                    table.unlink()
        return copy(source, name, folder, stored)

    monkeypatch.setattr(copying, "_copy", and_go_on)
    (done,) = imported(there)
    assert done.outcome == "imported"
    assert files(tmp_path / "here" / "s1") == files(there)


def test_a_dry_run_copies_nothing(there, imported, tmp_path):
    assert [it.outcome for it in imported(there, dry_run=True)] == ["imported"]
    assert not (tmp_path / "here").exists()


def test_a_full_disk_leaves_nothing_half(there, tmp_path, monkeypatch):
    importer = Importer([str(there)], LocalDestination(tmp_path / "here"))

    def fsync(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    (done,) = importer
    assert "No space left" in done.why
    assert names(tmp_path / "here") == []


def test_another_thing_of_that_name_is_left_alone(there, imported, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "s1").write_text("a note")
    assert "something else" in imported(there)[0].why


@pytest.mark.parametrize("name", ["../s1", "/etc/s1", ".s1", "s\n1"])
def test_a_name_that_leads_elsewhere_is_not_followed(content, imported, tmp_path, name):
    (tmp_path / "there" / "own").mkdir(parents=True)
    write_tables(tmp_path / "there" / "own", [content(session_id=name)])
    (done,) = imported(tmp_path / "there")
    assert (done.outcome, done.target) == ("imported", str(tmp_path / "here" / "own"))


def test_results_that_cannot_be_written(there, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        Importer([str(there)], LocalDestination(tmp_path / "file" / "here"))


def test_a_copy_is_whole(there, imported, session_at, tmp_path):
    imported(there)
    assert check_session(session_at(tmp_path / "here")).verdict == "whole"
