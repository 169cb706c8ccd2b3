"""What is read of a session whose segments, manifest or journal are damaged, gone, or just being replaced."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import DamagedError, StoreError
from bench.records import rescue, segments
from bench.records.checking import check_session
from bench.records.folders import Local
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest, read_pieces
from bench.records.rebuild import bands, rebuild_tables
from bench.records.recorder import Recorder
from bench.records.repairing import repaired
from bench.records.rescue import restore_pieces
from bench.records.stored import table_in, verified
from bench.records.tables import TABLE_NAMES, machine_row, to_table

AGAIN = "left out; `bench run --resume` runs again what was in it"


@pytest.fixture(autouse=True)
def of_three(monkeypatch):
    """Segments of three runs."""
    monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 3)


@pytest.fixture
def left(tmp_path, run, fingerprint):
    """A session of eight runs that was killed: two segments, and a journal of two runs."""
    recorder = Recorder.begin(tmp_path / "s1", "s1", {"suite": "a suite"})
    recorder.add_machines([machine_row("s1", fingerprint)])
    for number in range(1, 9):
        recorder.add_run(*run(number=number))
    shutil.copytree(tmp_path / "s1", tmp_path / "left")
    recorder.__exit__()
    return tmp_path / "left"


@pytest.fixture
def ended(tmp_path, left):
    """The same session, having ended."""
    assert left.exists()
    return tmp_path / "s1"


def flip(path, place=-200):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def read(folder, columns=None):
    content = read_pieces(Local(str(folder)), columns)
    return [row["round"] for table in content.tables["runs"] for row in table.to_pylist()], content


def rows(content):
    return [sum(table.num_rows for table in content.tables[name]) for name in TABLE_NAMES]


def test_all_of_it_is_read(left):
    found, content = read(left)
    assert found == list(range(1, 9))
    assert (rows(content), content.notes, content.header["session_id"]) == ([8, 8, 1], (), "s1")


def test_columns_that_are_not_asked_for_are_not_read(left):
    found, content = read(left, {"runs": ["status", "round"], "machines": ["node", "none"]})
    assert found == list(range(1, 9))
    assert {tuple(table.schema.names) for table in content.tables["runs"]} == {("status", "round")}
    assert {tuple(table.schema.names) for table in content.tables["machines"]} == {("node",)}
    assert rows(content) == [8, 0, 1]


def test_a_damaged_segment_is_named_and_left_out(left):
    path = left / "segments" / "000001.runs.parquet"
    flip(path)
    found, content = read(left)
    assert found == [4, 5, 6, 7, 8]
    assert rows(content) == [5, 5, 1]
    assert content.notes == (f"{path}: damaged: not the bytes that were written; {AGAIN}",)
    with Recorder.resume(left, {}) as recorder:
        assert recorder.runs == 5


def test_a_segment_that_is_gone_is_named(left):
    path = left / "segments" / "000002.runs.parquet"
    path.unlink()
    found, content = read(left)
    assert found == [1, 2, 3, 7, 8]
    assert content.notes == (f"{path}: missing; copy the session's folder whole; {AGAIN}",)


def test_of_a_segment_without_its_epochs_the_runs_are_read(left):
    flip(left / "segments" / "000001.epochs.parquet")
    found, content = read(left)
    assert found == list(range(1, 9))
    assert rows(content) == [8, 5, 1]
    assert content.notes[0].endswith(
        "000001.epochs.parquet: damaged: not the bytes that were written; left out"
    )


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink()])
def test_without_its_manifest_the_segments_tell_what_they_are(left, damage):
    damage(left / MANIFEST_FILE)
    found, content = read(left)
    assert found == list(range(1, 9))
    assert content.notes[0].startswith(f"{left / MANIFEST_FILE}: ")
    assert content.notes[0].endswith(
        "`bench check --repair` makes it anew; its segments were read without it"
    )
    with Recorder.resume(left, {}) as recorder:
        assert recorder.runs == 8
    assert read(left)[1].notes == ()


def test_without_its_journal_the_segments_are_read(left):
    (left / FILE_NAME).unlink()
    assert read(left)[0] == [1, 2, 3, 4, 5, 6]
    with Recorder.resume(left, {}) as recorder:
        assert recorder.runs == 6
    assert read(left)[0] == [1, 2, 3, 4, 5, 6]


def test_without_anything_it_is_no_session(tmp_path):
    with pytest.raises(StoreError, match=r"journal.jsonl: missing; copy the session's folder whole"):
        read_pieces(Local(str(tmp_path)))


@pytest.fixture
def behind(tmp_path, run, fingerprint):
    """A session of eight runs that was killed, with the manifest that it had after three."""
    recorder = Recorder.begin(tmp_path / "behind", "s1", {"suite": "a suite"})
    recorder.add_machines([machine_row("s1", fingerprint)])
    recorder.add_runs([run(number=number) for number in (1, 2, 3)])
    older = (recorder.folder / MANIFEST_FILE).read_bytes()
    for number in range(4, 9):
        recorder.add_run(*run(number=number))
    recorder._held.close()
    recorder._journal.__exit__()
    (recorder.folder / MANIFEST_FILE).write_bytes(older)
    return recorder.folder


def test_behind_an_older_manifest_the_segments_tell_themselves(behind, session_at):
    found, content = read(behind)
    assert (sorted(found), rows(content)) == (list(range(1, 9)), [8, 8, 1])
    told = f"{behind / MANIFEST_FILE}: older than its journal"
    assert content.notes == (f"{told}; `bench check --repair` makes it anew",)
    checked = check_session(session_at(behind))
    assert (checked.damage, checked.lost, checked.strays) == ((told,), (), ())
    assert repaired(session_at(behind), checked).verdict == "whole"
    assert read(behind)[1].notes == ()


def test_a_session_goes_on_behind_an_older_manifest_and_replaces_no_segment(behind, run):
    before = {path: path.read_bytes() for path in (behind / "segments").iterdir()}
    with Recorder.resume(behind, {}) as recorder:
        assert recorder.runs == 8
        for number in range(9, 13):
            recorder.add_run(*run(number=number))
    assert {path: path.read_bytes() for path in before} == before
    found, content = read(behind)
    assert (sorted(found), content.notes) == (list(range(1, 13)), ())


def test_what_is_lacking_behind_an_older_manifest_is_told(behind):
    """As where only manifest and journal were copied again."""
    for path in (behind / "segments").glob("000002.*"):
        path.unlink()
    found, content = read(behind)
    assert sorted(found) == [1, 2, 3, 7, 8]
    assert any("4 entries before it missing" in note for note in content.notes)


class Meanwhile(Local):
    """A folder in which a segment is closed after the manifest was read."""

    before: bytes | None = None

    def open(self, name):
        if name == MANIFEST_FILE and self.before is not None:
            content, Meanwhile.before = self.before, None
            path = self.path + "/older"
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(content)
            return super().open("older")
        return super().open(name)


def test_a_manifest_that_was_replaced_meanwhile_is_read_again(left, run, monkeypatch):
    monkeypatch.setattr(Meanwhile, "before", (left / MANIFEST_FILE).read_bytes())
    recorder = Recorder.resume(left, {})
    recorder.add_run(*run(number=9))
    content = read_pieces(Meanwhile(str(left)))
    recorder.__exit__()
    assert (rows(content)[0], content.notes, Meanwhile.before) == (9, (), None)


def test_bytes_are_compared_before_they_are_believed(ended):
    folder, stored = Local(str(ended)), read_manifest(Local(str(ended))).tables["runs"]
    assert table_in(verified(folder, stored), "x", ["round", "to come"])["round"].to_pylist() == [
        *range(1, 9)
    ]
    whole = (ended / "runs.parquet").read_bytes()
    for damaged in (whole[:-1], whole + b"\0", bytes([whole[0] ^ 1]) + whole[1:]):
        (ended / "runs.parquet").write_bytes(damaged)
        with pytest.raises(DamagedError, match=r"runs.parquet: damaged: not the bytes that were written$"):
            verified(folder, stored)


def test_tables_are_made_anew_from_segments_and_journal(ended):
    whole = {name: pq.read_table(ended / f"{name}.parquet") for name in TABLE_NAMES}
    flip(ended / "runs.parquet")
    (ended / "epochs.parquet").unlink()
    flip(ended / MANIFEST_FILE)
    (told,) = rebuild_tables(ended)
    assert told.startswith(f"{ended / MANIFEST_FILE}: damaged")
    assert {name: pq.read_table(ended / f"{name}.parquet") for name in TABLE_NAMES} == whole
    assert set(read_manifest(Local(str(ended))).tables) == set(TABLE_NAMES)
    assert rebuild_tables(ended) == ()


def test_tables_of_a_session_that_goes_on_are_left_to_it(left):
    with Recorder.resume(left, {}), pytest.raises(StoreError, match="still going on"):
        rebuild_tables(left)


def test_what_only_the_tables_hold_is_put_back(ended):
    whole = {name: pq.read_table(ended / f"{name}.parquet") for name in TABLE_NAMES}
    for number in (1, 2):
        flip(ended / "segments" / f"{number:06}.runs.parquet")
    flip(ended / FILE_NAME)
    assert restore_pieces(ended)
    assert not restore_pieces(ended)
    found, content = read(ended)
    assert (sorted(found), rows(content), content.notes) == (list(range(1, 9)), [8, 8, 1], ())
    rebuild_tables(ended)
    assert {name: pq.read_table(ended / f"{name}.parquet") for name in TABLE_NAMES} == whole


@pytest.mark.parametrize("gone", [None, MANIFEST_FILE])
def test_tables_of_which_nothing_is_lost_are_not_read_whole(ended, monkeypatch, gone):
    """However many epochs a session has, it goes on at once."""
    if gone:
        (ended / gone).unlink()
    read_of = []
    monkeypatch.setattr(rescue, "table_in", lambda *given: read_of.append(given[1:]) or table_in(*given))
    assert not restore_pieces(ended)
    (_, runs), (machines, _) = read_of
    assert (set(runs), machines) == ({"run_id", "status", "attempt"}, str(ended / "machines.parquet"))


def test_going_on_keeps_what_only_the_tables_hold(ended, run):
    """As where the journal of a session that has ended was cut."""
    (ended / FILE_NAME).write_bytes((ended / FILE_NAME).read_bytes()[:300])
    flip(ended / "segments" / "000001.runs.parquet")
    with Recorder.resume(ended, {}) as recorder:
        assert recorder.runs == 8
        recorder.add_runs([run(number=number) for number in (9, 10, 11)])
    assert pq.read_table(ended / "runs.parquet")["round"].to_pylist() == list(range(1, 12))
    found, content = read(ended)
    assert (sorted(found), content.notes) == (list(range(1, 12)), ())


def test_tables_that_others_wrote_are_not_taken_for_what_was_recorded(ended):
    """Without a manifest nobody knows their bytes."""
    (ended / MANIFEST_FILE).unlink()
    shutil.rmtree(ended / "segments")
    table = pq.read_table(ended / "runs.parquet")
    place = table.schema.get_field_index("step_seconds")
    pq.write_table(table.set_column(place, "step_seconds", pa.array([-1.0] * 8)), ended / "runs.parquet")
    assert not restore_pieces(ended)
    pq.write_table(table.append_column("note", table["label"]), ended / "runs.parquet")
    assert restore_pieces(ended)
    assert sorted(read(ended)[0]) == list(range(1, 9))


def test_of_a_run_whose_last_entry_is_damaged_no_older_one_counts(ended, run):
    with Recorder.resume(ended, {}) as recorder:
        recorder.add_run(*run(number=1, step_seconds=2.0))
    flip(ended / "segments" / "000003.runs.parquet")
    with Recorder.resume(ended, {}):
        pass
    table = pq.read_table(ended / "runs.parquet")
    assert table["step_seconds"].to_pylist() == [2.0, *[0.001] * 7]


def test_tables_are_sorted_in_bands_epochs_as_their_runs(run, monkeypatch):
    monkeypatch.setattr("bench.records.rebuild.RUNS_OF_A_BAND", 4)
    made = [run(number=number) for number in (5, 3, 8, 1, 2, 7)]
    parts = [
        {
            "runs": to_table("runs", [row]),
            "epochs": to_table("epochs", [{**epochs[0], "epoch": n} for n in (1, 2)]),
            "machines": to_table("machines", []),
        }
        for row, epochs in made
    ]
    found = list(bands(parts))
    assert [band["runs"]["round"].to_pylist() for band in found] == [[1, 3, 5, 8], [2, 7]]
    for band in found:
        ids = band["runs"]["run_id"].to_pylist()
        assert band["epochs"]["run_id"].to_pylist() == [run_id for run_id in ids for _ in (1, 2)]
        assert band["epochs"]["epoch"].to_pylist() == [1, 2] * len(ids)
