import contextlib
import itertools
import json
import os
import random
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.records.checking import check_session
from bench.records.journal import FILE_NAME, Journal
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest, read_pieces
from bench.records.recorder import Recorder
from bench.records.repairing import repaired
from bench.records.seal import unsealed
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, machine_row
from bench.records.writing import write_tables
from tests.records.test_checking import SEGMENT, TABLES, flip

FILES = (*TABLES, SEGMENT, "segments/000001.machines.parquet", "segments/000002.epochs.parquet")


@pytest.fixture
def ended(recorded_session, tmp_path):
    return recorded_session(tmp_path / "s1")


@pytest.fixture
def repair(session_at):
    """Call with a folder; repairs the session there, and gives what was told of it."""

    def make(folder):
        session = session_at(folder)
        return repaired(session, check_session(session))

    return make


def tables(folder):
    found = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in TABLE_NAMES}
    return {name: sorted(rows, key=lambda row: str(row.get("run_id"))) for name, rows in found.items()}


def kept(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.damaged*"))


@pytest.mark.parametrize("how", ["flip", "empty", "unlink"])
@pytest.mark.parametrize("file", [*FILES, FILE_NAME, MANIFEST_FILE])
def test_any_one_file_is_made_anew_and_nothing_is_lost(ended, repair, session_at, file, how):
    before = tables(ended)
    if how == "flip":
        flip(ended / file, 0.5)
    elif how == "empty":
        (ended / file).write_bytes(b"")
    else:
        (ended / file).unlink()
    done = repair(ended)
    assert (done.verdict, done.state, done.lost) == ("whole", "ended", ())
    assert done.repaired
    assert tables(ended) == before
    pieces = read_pieces(session_at(ended).folder)
    assert sum(part.num_rows for part in pieces.tables["runs"]) == 10
    assert not pieces.notes
    assert check_session(session_at(ended)).repair is None


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_is_found_and_what_is_whole_stays(ended, repair, session_at, seed):
    """Several places of several files: no run is shown but those recorded, each as it was recorded."""
    dice = random.Random(seed)
    before = {row["run_id"]: row for row in tables(ended)["runs"]}
    for _ in range(dice.randint(1, 4)):
        flip(ended / dice.choice([*FILES, FILE_NAME, MANIFEST_FILE]), dice.random())
    assert check_session(session_at(ended)).verdict == "damaged"
    done = repair(ended)
    if done.verdict == "whole":
        after = {row["run_id"]: row for row in tables(ended)["runs"]}
        assert after.items() <= before.items()
        assert done.lost or len(after) == len(before)
    else:
        assert done.remedy


def test_a_whole_one_is_left_as_it_is(ended, repair):
    before = {path: path.read_bytes() for path in ended.rglob("*") if path.is_file()}
    assert repair(ended).repaired == ()
    assert {path: path.read_bytes() for path in ended.rglob("*") if path.is_file()} == before


def test_what_a_damaged_journal_or_segment_may_hold_is_kept(ended, repair):
    flip(ended / FILE_NAME, 0.5)
    flip(ended / SEGMENT, 0.5)
    damaged = {file: (ended / file).read_bytes() for file in (FILE_NAME, SEGMENT)}
    repair(ended)
    assert {f"{file}.damaged" for file in damaged} <= set(kept(ended))
    for file, content in damaged.items():
        assert (ended / f"{file}.damaged").read_bytes() == content


def test_tables_whose_rows_are_all_elsewhere_are_not(ended, repair):
    flip(ended / "runs.parquet", 0.5)
    repair(ended)
    assert kept(ended) == []


def test_what_is_kept_is_never_overwritten(ended, repair):
    for _ in range(3):
        flip(ended / FILE_NAME, 0.5)
        repair(ended)
    names = ["journal.jsonl.damaged", "journal.jsonl.damaged-2", "journal.jsonl.damaged-3"]
    assert kept(ended) == names


class CutOff(BaseException):
    """As a kill is, nobody handles it."""


@pytest.mark.parametrize(
    "at",
    [
        "repairing.restore_pieces",
        "repairing.check_pieces",
        "repairing.put_in_segments",
        "rescue.write_manifest",
        "journal.Journal.renew",
        "repairing._remove_left_out",
        "repairing.rebuild_tables",
        "rebuild.write_session_tables",
        "repairing._remove_left",
    ],
)
@pytest.mark.parametrize("damage", ["segment and journal", "segment and runs"])
def test_cut_off_anywhere_the_next_one_does_the_rest(damage, at, ended, repair, monkeypatch):
    def cut_off(*_, **__):
        raise CutOff

    before = tables(ended)
    for what, file in (("segment", SEGMENT), ("journal", FILE_NAME), ("runs", "runs.parquet")):
        if what in damage:
            (ended / file).unlink()
    with monkeypatch.context() as patch, contextlib.suppress(CutOff):
        patch.setattr(f"bench.records.{at}", cut_off)
        repair(ended)
    done = repair(ended)
    assert (done.verdict, done.state) == ("whole", "ended")
    if damage != "segment and runs":
        assert tables(ended) == before
    assert len(kept(ended)) == len(set(kept(ended)))
    assert not [path for path in ended.rglob("*.part")]


def test_what_a_kill_left_half_written_is_removed(ended, repair):
    for name in (".0123456789abcdef.part", "segments/.0123456789abcdef.part"):
        (ended / name).write_text("some")
    claim = ended / ".writer-0123456789abcdef.part"
    claim.write_text("{}")
    os.utime(claim, (0, 0))
    assert repair(ended).strays == ()
    assert not list(ended.rglob("*.part"))


@pytest.mark.parametrize("how", ["empty", "missing"])
def test_an_interrupted_one_that_lost_its_journal_can_be_gone_on_with(
    how, recorded_session, repair, session_at, run, tmp_path
):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    (folder / FILE_NAME).unlink()
    if how == "empty":
        (folder / FILE_NAME).touch()
    done = repair(folder)
    assert (done.verdict, done.state, done.lost) == ("whole", "interrupted", ("what stood in the journal",))
    assert f"was damaged: {folder / FILE_NAME}: {how}" in done.repaired
    assert check_session(session_at(folder)).damage == ()
    with Recorder.resume(folder, {}) as recorder:
        assert recorder.runs == 8
        recorder.add_run(*run("s1", 11))
    assert check_session(session_at(folder)).state == "ended"


@pytest.mark.parametrize("table", ["machines.parquet", "epochs.parquet"])
@pytest.mark.parametrize("journal", ["empty", "missing"])
def test_runs_that_a_table_alone_has_are_kept_though_another_table_is_lost(ended, repair, journal, table):
    before = tables(ended)["runs"]
    (ended / table).unlink()
    if journal == "empty":
        (ended / FILE_NAME).write_bytes(b"")
    else:
        (ended / FILE_NAME).unlink()
    done = repair(ended)
    assert (done.verdict, done.state) == ("whole", "ended")
    assert tables(ended)["runs"] == before


def test_what_is_kept_already_is_not_kept_twice(ended, repair):
    flip(ended / SEGMENT, 0.5)
    damaged = (ended / SEGMENT).read_bytes()
    (ended / f"{SEGMENT}.damaged").write_bytes(damaged)
    repair(ended)
    assert not [name for name in kept(ended) if name.startswith(SEGMENT) and name.endswith("-2")]


def test_an_interrupted_one_stays_so_and_tells_what_is_lost(recorded_session, repair, tmp_path, run):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    flip(folder / SEGMENT, 0.5)
    done = repair(folder)
    assert (done.state, done.verdict) == ("interrupted", "whole")
    assert done.lost == ("what stood in the damaged segment of 4 runs",)
    assert not (folder / "runs.parquet").exists()
    with Recorder.resume(folder, {}) as recorder:
        assert recorder.runs == 6
        for number in range(1, 11):
            recorder.add_run(*run("s1", number))
    assert len(tables(folder)["runs"]) == 10


def test_a_session_goes_on_behind_a_segment_that_is_gone(recorded_session, repair, session_at, tmp_path, run):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    flip(folder / SEGMENT, 0.5)
    repair(folder)
    with Recorder.resume(folder, {}) as recorder:
        for number in range(11, 25):
            recorder.add_run(*run("s1", number))
    assert check_session(session_at(folder)).verdict == "whole"
    assert len(tables(folder)["runs"]) == 20


def test_one_that_is_going_on_is_not_touched(recorded_session, repair, session_at, tmp_path):
    folder = recorded_session(tmp_path / "s1", interrupted=True)
    flip(folder / SEGMENT, 0.5)
    with Journal(folder):
        done = repair(folder)
        assert (done.verdict, done.repaired) == ("damaged", ())
        assert "wait until" in done.remedy
    checked = check_session(session_at(folder))
    with Journal(folder):  # since it was looked at
        assert "still going on" in repaired(session_at(folder), checked).remedy


def test_a_full_disk_makes_nothing_worse(ended, repair, monkeypatch, session_at):
    flip(ended / FILE_NAME, 0.5)
    before = check_session(session_at(ended))

    def fsync(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fsync)
        assert "No space left" in repair(ended).remedy
    assert check_session(session_at(ended)).damage == before.damage
    assert repair(ended).verdict == "whole"


@pytest.fixture
def old(content, tmp_path):
    """A session of three runs that an older bench recorded, without seals, and the lines of its journal."""
    session = content(runs=3)
    write_tables(tmp_path, [session])
    entries = [{"kind": "session", **session.header, "schema_version": 1}]
    entries += [{"kind": "machine", "row": row} for row in session.machines]
    entries += [
        {"kind": "run", "row": {**row, "started_at": row["started_at"].isoformat()}, "epochs": [epoch]}
        for row, epoch in zip(session.runs, session.epochs, strict=True)
    ]
    entries += [{"kind": "closed", "runs": 3}]
    return tmp_path, [json.dumps(entry).encode() + b"\n" for entry in entries]


def test_an_old_session_with_a_damaged_line_gets_its_runs_back_from_its_tables(old, repair):
    folder, lines = old
    lines[3] = b"\xff" + lines[3]
    (folder / FILE_NAME).write_bytes(b"".join(lines))
    before = tables(folder)
    done = repair(folder)
    assert (done.verdict, done.lost) == ("whole", ())
    assert tables(folder) == before


@pytest.mark.parametrize("again", [{"attempt": 2}, {"status": "ok"}])
def test_of_a_run_whose_newer_entry_the_table_has_no_older_one_counts(old, repair, again):
    """As where it was tried again, and that line of the journal is damaged."""
    folder, lines = old
    entry = json.loads(lines[2])
    entry["row"] |= {"status": "cancelled"} if "status" in again else {"status": "failed"}
    lines.insert(2, json.dumps(entry).encode() + b"\n")
    if "attempt" in again:
        runs = pq.read_table(folder / "runs.parquet")
        column = pa.array([2, 1, 1], runs.schema.field("attempt").type)
        runs = runs.set_column(runs.schema.get_field_index("attempt"), runs.schema.field("attempt"), column)
        pq.write_table(runs, folder / "runs.parquet")
    lines[3] = b"\xff" + lines[3]
    (folder / FILE_NAME).write_bytes(b"".join(lines))
    before = tables(folder)
    assert repair(folder).verdict == "whole"
    assert tables(folder) == before


def test_an_old_session_that_goes_on_is_no_longer_one_that_an_older_bench_takes_up(old, run):
    folder, lines = old
    (folder / FILE_NAME).write_bytes(b"".join(lines[:-1]))
    recorder = Recorder.resume(folder, {})
    kinds = [unsealed(line) for line in (folder / FILE_NAME).read_bytes().splitlines()]
    assert [(it["kind"], it.get("schema_version")) for it in kinds] == [
        ("session", JOURNAL_VERSION),
        ("resumed", None),
    ]
    recorder.add_run(*run(number=4))
    recorder.__exit__()
    assert [row["round"] for row in tables(folder)["runs"]] == [1, 2, 3, 4]


def test_a_session_that_goes_on_has_its_runs_back_from_its_tables_and_keeps_damaged_lines(old):
    folder, lines = old
    entry = json.loads(lines[2])
    entry["row"] |= {"status": "cancelled"}
    lines.insert(2, json.dumps(entry).encode() + b"\n")
    lines[3] = b"\xff" + lines[3]
    (folder / FILE_NAME).write_bytes(b"".join(lines))
    before = tables(folder)
    with Recorder.resume(folder, {}) as recorder:
        assert (recorder.runs, recorder.not_ok, recorder.notes) == (3, 0, ())
    assert tables(folder) == before
    (copy,) = kept(folder)
    assert (folder / copy).read_bytes() == b"".join(lines)


def test_a_copy_that_has_no_room_is_not_left_half(ended, repair, monkeypatch):
    flip(ended / FILE_NAME, 0.5)

    def fsync(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    assert "No space left" in repair(ended).remedy
    assert kept(ended) == []


@pytest.mark.parametrize("file", ["epochs.parquet", "machines.parquet"])
def test_of_a_newer_session_neither(tmp_path, repair, run, fingerprint, file):
    """Nor where another table is damaged, so that the tables are not all that there is."""
    folder = tmp_path / "s1"
    with Recorder.begin(folder, "s1", {"suite": "a suite"}) as recorder:
        recorder.add_machines([machine_row("s1", fingerprint)])
        recorder.add_runs([run(number=1, status="cancelled"), run(number=2)])
    with Recorder.resume(folder, {}) as recorder:
        recorder.add_run(*run(number=1, attempt=2))
    before = tables(folder)["runs"]
    lines = (folder / FILE_NAME).read_bytes().splitlines(keepends=True)
    lines[6] = lines[6].replace(b"baseline", b"basdline", 1)
    (folder / FILE_NAME).write_bytes(b"".join(lines))
    flip(folder / file, 0.5)
    assert repair(folder).verdict == "whole"
    assert tables(folder)["runs"] == before


def test_of_several_damaged_segments_all_that_is_whole_stays(recorded_session, repair, session_at, tmp_path):
    """Also where their epochs are lost for good."""
    folder = recorded_session(tmp_path / "s1", 12, interrupted=True)
    for number in (1, 2):
        flip(folder / f"segments/{number:06}.epochs.parquet", 0.5)
    assert repair(folder).verdict == "whole"
    segments = read_manifest(session_at(folder).folder).segments
    assert all(segment.first <= segment.last for segment in segments)
    assert all(one.last < other.first for one, other in itertools.pairwise(segments))
    with Recorder.resume(folder, {}) as recorder:
        assert recorder.runs == 12
    assert len(tables(folder)["runs"]) == 12


@pytest.mark.parametrize("left", [slice(3, None), slice(5, None), slice(0)])
def test_tables_are_left_where_nothing_else_tells_the_session(old, repair, left):
    """A journal that lacks its beginning would make tables of fewer runs."""
    folder, lines = old
    (folder / FILE_NAME).write_bytes(b"".join(lines[left]))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = repair(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert done.verdict == "damaged"
    assert done.remedy.startswith("not repaired: ")
    assert done.remedy.endswith("nothing that is whole tells which session it is; look for another copy")


def test_one_elsewhere_is_to_be_copied_first(ended, session_at):
    flip(ended / FILE_NAME, 0.5)
    session = session_at(ended)
    checked = check_session(session)
    assert "copy" in repaired(replace(session, folder=None), checked).remedy


def test_what_tells_nothing_of_its_session_is_left_alone(ended, repair):
    for path in ended.rglob("*"):
        if path.is_file():
            path.write_bytes(b"nothing\n" * 9)
    shutil.rmtree(ended / "segments")
    done = repair(ended)
    assert done.verdict == "damaged"
    assert done.remedy
