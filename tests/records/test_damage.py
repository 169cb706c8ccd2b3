"""Whatever becomes of a session's bytes: what is shown of it is what was measured, or it is said what is not.

`python -m tests.store --cases flipped` flips thousands of bits; `tests.fuzz` has other damage.
"""

import contextlib
import json
import random
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE, Manifest
from bench.records.recorder import Recorder
from bench.records.seal import sealed
from bench.records.store import read_sessions
from tests.fuzz.mutate import damaged
from tests.store.in_tree import Truth, flipped, kind_of, outcome, plain, record, small_segments
from tests.store.repairs import repairs
from tests.store.rows import rows_of

RUNS = 40
FLIPS = 6
HARMLESS = {"whole", "whole, named", "rest, named", "refused"}
KINDS = ("journal.jsonl", "manifest.json", "segment runs", "segment epochs", "segment machines")
TABLES = ("runs.parquet", "epochs.parquet", "machines.parquet")
ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def content():
    return rows_of(RUNS)


@pytest.fixture(scope="module")
def sessions(content, tmp_path_factory):
    """A folder with the session as it goes on, `unfinished`, and as it `ended`; not to be written to."""
    folder = tmp_path_factory.mktemp("sessions")
    with pytest.MonkeyPatch.context() as patch:
        small_segments(patch.setattr)
        for name in ("unfinished", "ended"):
            record(folder / name, content, ended=name == "ended")
    return folder


@pytest.fixture(scope="module")
def truth(sessions):
    return Truth(sessions / "ended")


@pytest.fixture
def copy(sessions, tmp_path):
    """Call with the name of one, for a copy of it."""
    return lambda name: shutil.copytree(sessions / name, tmp_path / name)


def file_of(folder, kind):
    return next(
        path for path in sorted(folder.rglob("*")) if path.is_file() and kind_of(path, folder) == kind
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_of_a_session_that_goes_on_is_told(kind, copy, truth):
    folder = copy("unfinished")
    found = set(flipped(file_of(folder, kind), folder, truth, FLIPS, kind))
    assert found <= {"whole, named", "rest, named"}


@pytest.mark.parametrize("kind", [*KINDS, *TABLES])
def test_nor_is_anything_else_shown_or_missing_of_one_that_ended(kind, copy, truth):
    """Where a table is damaged, segments and journal have the same."""
    folder = copy("ended")
    found = set(flipped(file_of(folder, kind), folder, truth, FLIPS, kind))
    assert found <= ({"whole, named"} if kind in TABLES else {"whole", "whole, named"})


def test_a_journal_cut_anywhere_in_its_last_two_lines_lacks_these_alone(copy, truth):
    folder = copy("unfinished")
    journal = folder / FILE_NAME
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    ends = [len(whole) - len(lines[-2]) - len(lines[-1]), len(whole) - len(lines[-1]), len(whole)]
    near = {end + by for end in ends for by in range(-4, 4)}
    for size in sorted(near | set(range(ends[0], ends[-1], 509))):
        if ends[0] <= size < ends[-1]:
            journal.write_bytes(whole[:size])
            tables = read_sessions([str(folder)])
            lost = sum(size < end - 1 for end in ends[1:])  # a line is whole without its end
            assert (tables.runs.num_rows, tables.notes) == (RUNS - lost, ())
    assert all(row == truth.rows["runs"][row["run_id"]] for row in plain(tables.runs))


@pytest.mark.parametrize("seed", range(12))
def test_a_journal_that_was_damaged_otherwise_shows_nothing_else(seed, copy, truth):
    folder = copy("unfinished")
    journal = folder / FILE_NAME
    journal.write_bytes(damaged(journal.read_bytes(), random.Random(seed)))
    assert outcome(folder, journal, truth) in HARMLESS | {"silent"}


@pytest.mark.parametrize("change", ["doubled", "swapped", "dropped"])
def test_whole_lines_that_are_not_where_they_were(change, copy, truth):
    folder = copy("unfinished")
    journal = folder / FILE_NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[1:3] = {
        "doubled": [lines[1], lines[1], lines[2]],
        "swapped": [lines[2], lines[1]],
        "dropped": [lines[2]],
    }[change]
    journal.write_bytes(b"".join(lines))
    assert outcome(folder, journal, truth) == ("whole, named" if change == "doubled" else "rest, named")


@ONE_FOLDER
@given(data=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_in_place_of_a_journal(data, sessions, tmp_path, truth):
    """All that is in segments is there none the less."""
    folder = fresh(sessions / "unfinished", tmp_path)
    (folder / FILE_NAME).write_bytes(data)
    in_segments = 2 * 16
    runs = runs_of(folder)
    assert runs is None or runs >= in_segments
    assert outcome(folder, folder / FILE_NAME, truth) in HARMLESS | {"silent"}


@ONE_FOLDER
@given(data=st.binary(max_size=300) | JSON.map(lambda it: sealed(json.dumps({"version": 1, "x": it}))))
def test_any_bytes_in_place_of_a_manifest(data, sessions, tmp_path, truth):
    folder = fresh(sessions / "unfinished", tmp_path)
    (folder / MANIFEST_FILE).write_bytes(data)
    assert outcome(folder, folder / MANIFEST_FILE, truth) in ("whole, named", "refused")


@ONE_FOLDER
@given(entries=st.lists(JSON, max_size=3), kind=st.sampled_from(["run", "machine", "session", "x"]))
def test_any_entries_whose_checksums_are_right(entries, kind, tmp_path):
    """Nobody but bench writes such; what it is none of is refused, or said."""
    folder = tmp_path / "made"
    folder.mkdir(exist_ok=True)
    lines = [{"session_id": "made", "kind": "session"}, *({"kind": kind, "row": entry} for entry in entries)]
    numbered = ({"entry": number, **line} for number, line in enumerate(lines, start=1))
    (folder / FILE_NAME).write_bytes(b"".join(sealed(json.dumps(line)) for line in numbered))
    assert not runs_of(folder)


@given(entry=st.dictionaries(st.sampled_from(["version", "session", "segments", "tables"]), JSON))
def test_any_manifest_whose_checksum_is_right(entry):
    with contextlib.suppress(StoreError):
        Manifest.parse(sealed(json.dumps({"x": 1, **entry})), "manifest.json")


def test_a_check_finds_each_flipped_bit_and_a_repair_mends_what_can_be(content, tmp_path):
    found = repairs(tmp_path, content, count=1)
    assert len(found) == len(KINDS) + len(KINDS) + len(TABLES)
    for kind, outcomes in found.items():
        assert set(outcomes) <= ({"whole again"} if kind.endswith("ended") else {"whole again", "rest, told"})


def test_a_session_goes_on_with_what_is_left_of_it(copy, content):
    """What was in a damaged line and in a damaged segment runs again, and then nothing is missing."""
    folder = copy("unfinished")
    for kind in ("segment runs", "journal.jsonl"):
        path = file_of(folder, kind)
        data = bytearray(path.read_bytes())
        data[len(data) * 3 // 4] ^= 1
        path.write_bytes(data)
    header, _, runs = content
    with Recorder.resume(folder, header) as recorder:
        again = [run for run in runs if run[0]["run_id"] not in recorder.earlier]
        assert 16 < len(again) <= 16 + 2
        recorder.add_runs(again)
    tables = read_sessions([str(folder)])
    assert sorted(tables.runs["run_id"].to_pylist()) == sorted(row["run_id"] for row, _ in runs)


def runs_of(folder):
    """How many are read; None where the session is refused in one line."""
    try:
        return read_sessions([str(folder)]).runs.num_rows
    except StoreError as error:
        refusal = str(error)
    assert "\n" not in refusal
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_had_ended_keeps_what_its_tables_alone_have_left(kind, copy, content, truth):
    folder = copy("ended")
    path = file_of(folder, kind)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with Recorder.resume(folder, content[0]) as recorder:
        assert len(recorder.earlier) == RUNS
    tables = read_sessions([str(folder)])
    assert truth.is_all_of(tables)
    assert not tables.notes


def fresh(session, place):
    folder = place / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(session, folder)
