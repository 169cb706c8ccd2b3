"""Manifests: what was written comes back, and nothing else does."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import DamagedError, StoreError
from bench.records.manifest import MANIFEST_FILE, Manifest, Segment, StoredFile, write_manifest
from bench.records.seal import sealed

RUNS = StoredFile("segments/000001.runs.parquet", 3, 1234, "ab" * 32)
WHOLE = Manifest(
    {"session_id": "s1", "scenarios": ["a", "b"]},
    (
        Segment(1, 5, {"runs": RUNS}),
        Segment(6, 9, {"runs": replace(RUNS, name="segments/000002.runs.parquet")}),
    ),
    {"runs": StoredFile("runs.parquet", 6, 4321, "cd" * 32)},
)


def parse(content):
    return Manifest.parse(content, "x")


def test_what_was_written_comes_back(tmp_path):
    write_manifest(tmp_path, WHOLE)
    assert parse((tmp_path / MANIFEST_FILE).read_bytes()) == WHOLE
    assert WHOLE.next_entry == 10
    assert Manifest({}).next_entry == 1


def test_a_bit_that_flips_is_found():
    whole = WHOLE.as_bytes()
    for place in range(len(whole) - 1):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            with pytest.raises(DamagedError) as caught:
                parse(bytes(damaged))
            assert str(caught.value) == "x: damaged; `bench check --repair` makes it anew"


@pytest.mark.parametrize(
    "content",
    [
        {"version": 1},
        {"version": 1, "session": 5, "segments": [], "tables": {}},
        {"version": 1, "session": {}, "segments": [{"first": 1}], "tables": {}},
        {"version": 1, "session": {}, "segments": [], "tables": {"runs": {"name": "../x"}}},
        {
            "version": 1,
            "session": {},
            "segments": [],
            "tables": {"runs": {"name": "../../runs.parquet", "rows": 1, "bytes": 1, "sha256": ""}},
        },
    ],
)
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(DamagedError):
        parse(sealed(json.dumps(content)))


def test_a_newer_bench_s_is_left_to_it():
    with pytest.raises(StoreError, match="x: version 2, this bench reads up to 1; upgrade bench"):
        parse(sealed(json.dumps({"version": 2, "anything": 1})))


@given(st.one_of(st.binary(), st.text().map(lambda text: sealed(json.dumps({"version": 1, "x": text})))))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_one_clear_error(content):
    with pytest.raises(DamagedError):
        parse(content)


def test_one_that_finds_no_room_leaves_the_one_there(tmp_path, monkeypatch):
    write_manifest(tmp_path, WHOLE)

    def fail(_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StoreError, match="cannot be written: No space left on device; make room there"):
        write_manifest(tmp_path, Manifest({}))
    assert parse((tmp_path / MANIFEST_FILE).read_bytes()) == WHOLE
