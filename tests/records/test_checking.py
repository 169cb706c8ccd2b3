import shutil

import pytest

from bench.records.checking import check_session
from bench.records.journal import FILE_NAME, Journal
from bench.records.writing import write_tables

TABLES = ("runs.parquet", "epochs.parquet", "machines.parquet")
SEGMENT = "segments/000001.runs.parquet"


def flip(path, place):
    """A bit of the byte at that place, a share of the file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 4
    path.write_bytes(data)


@pytest.fixture
def ended(recorded_session, tmp_path):
    return recorded_session(tmp_path / "s1")


@pytest.fixture
def check(session_at):
    return lambda folder: check_session(session_at(folder))


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("runs", [0, 2, 10])
def test_one_of_which_every_byte_is_as_it_was_written_is_whole(
    recorded_session, check, tmp_path, runs, interrupted
):
    checked = check(recorded_session(tmp_path / "s1", runs, interrupted))
    assert (checked.verdict, checked.damage, checked.lost, checked.repair) == ("whole", (), (), None)
    assert not checked.strays


def test_an_old_one_has_no_checksums(content, check, tmp_path):
    write_tables(tmp_path, [content()])
    checked = check(tmp_path)
    assert (checked.verdict, checked.damage, checked.state) == ("no checksums", (), "ended")


def test_values_that_cannot_be_are_told(content, check, tmp_path):
    session = content()
    session.runs[0]["train_seconds"] = -1.0
    write_tables(tmp_path, [session])
    assert "train_seconds in 1 row" in check(tmp_path).notes[0]


@pytest.mark.parametrize("file", [*TABLES, SEGMENT, FILE_NAME, "manifest.json"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_found_and_named(ended, check, file, place):
    flip(ended / file, place)
    checked = check(ended)
    assert checked.verdict == "damaged"
    assert str(ended / file) in checked.damage[0]
    assert (checked.lost, checked.repair is None) == ((), False)
    assert "bench check --repair" in checked.remedy


def test_a_row_group_and_a_line_are_told_by_their_numbers(ended, check):
    flip(ended / "runs.parquet", 0.1)
    flip(ended / FILE_NAME, 0.99)
    lines = (ended / FILE_NAME).read_bytes().count(b"\n")
    damage = check(ended).damage
    assert f"{ended / FILE_NAME}:{lines}: damaged" in damage
    assert f"{ended / 'runs.parquet'}: row group 1 of 1 is damaged" in damage


@pytest.mark.parametrize("file", [*TABLES, SEGMENT, FILE_NAME, "manifest.json"])
def test_a_missing_file_is_named(ended, check, file):
    (ended / file).unlink()
    checked = check(ended)
    assert checked.verdict == "damaged"
    assert any(str(ended / file) in line for line in checked.damage)
    assert checked.lost == ()


def test_a_journal_that_was_cut_lacks_runs_that_the_table_has(ended, check):
    journal = ended / FILE_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]))
    assert check(ended).damage == (f"{journal}: lacks 1 run that its table has",)


def test_what_nothing_holds_is_lost(recorded_session, check, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    lines = (folder / FILE_NAME).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"ok", b"no", 1)
    (folder / FILE_NAME).write_bytes(b"".join(lines))
    checked = check(folder)
    assert checked.damage == (f"{folder / FILE_NAME}:2: damaged",)
    assert checked.lost == ("what stood in 1 line of the journal",)
    assert "--resume" in checked.remedy


def test_of_an_ended_one_the_lost_runs_are_counted(ended, check):
    flip(ended / "runs.parquet", 0.5)
    flip(ended / SEGMENT, 0.5)
    assert check(ended).lost == ("4 runs",)


def test_tables_alone_that_are_damaged_have_nothing_to_be_made_from(content, check, tmp_path):
    write_tables(tmp_path, [content()])
    (tmp_path / "runs.parquet").write_bytes(b"PAR1")
    checked = check(tmp_path)
    assert (checked.verdict, checked.repair) == ("damaged", None)
    assert "another copy" in checked.remedy


def test_what_a_kill_left_there_is_told(ended, check):
    names = [".0123456789abcdef.part", ".runs.parquet.4711", "segments/000099.runs.parquet"]
    for name in names:
        (ended / name).touch()
    (ended / "notes.txt").touch()
    checked = check(ended)
    assert checked.verdict == "whole"
    assert checked.strays == tuple(str(ended / name) for name in names)


def test_one_that_is_going_on_is_read_and_left_alone(recorded_session, check, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    (folder / ".0123456789abcdef.part").touch()
    with Journal(folder):
        checked = check(folder)
        assert (checked.state, checked.verdict, checked.strays) == ("going on", "whole", ())
        flip(folder / SEGMENT, 0.5)
        assert check(folder).repair is None


def test_a_copy_is_as_whole_as_what_it_was_made_of(ended, check, tmp_path):
    shutil.copytree(ended, tmp_path / "copy")
    assert check(tmp_path / "copy").verdict == "whole"
