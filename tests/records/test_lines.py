"""Journals of which bytes are others, are missing, or were put in: read as written, or not at all."""

import io
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records.columns import journal_parts
from bench.records.lines import Line, Lines
from bench.records.seal import is_whole, sealed, unsealed

COUNT = 12
ENTRIES = [
    {"entry": 1, "kind": "session", "session_id": "s1", "schema_version": 2},
    *({"entry": n, "kind": "run", "row": {"run_id": f"r{n}", "error": 'a "b"\n' * 9}} for n in range(2, 12)),
    {"entry": 12, "kind": "closed", "runs": 10},
]
WHOLE = [sealed(json.dumps(entry)) for entry in ENTRIES]
TEXT = b"".join(WHOLE)


def read(text, since=1):
    lines = Lines(io.BytesIO(text), "x", since)
    return list(lines), lines


def test_whole_lines_are_read_as_they_are():
    found, lines = read(TEXT)
    assert [line.data for line in found] == WHOLE
    assert [(line.entry, line.number) for line in found] == [(n, n) for n in range(1, COUNT + 1)]
    assert (lines.first, lines.next_entry, lines.damage.notes()) == (1, COUNT + 1, [])


def test_entries_that_a_segment_has_are_passed_over():
    found, lines = read(TEXT, since=8)
    assert [line.entry for line in found] == [8, 9, 10, 11, 12]
    assert (lines.first, lines.damage.notes()) == (1, [])


def test_numbers_that_segments_have_are_not_missing_between_lines():
    """As where a kill left a journal behind its manifest, and it was gone on with behind that."""
    found, lines = read(b"".join(WHOLE[:5] + WHOLE[8:]), since=9)
    assert [line.entry for line in found] == [9, 10, 11, 12]
    assert lines.damage.notes() == []


def test_what_is_missing_between_segments_and_journal_is_told():
    _, lines = read(b"".join(WHOLE[7:]), since=5)
    assert lines.damage.missing == [(1, 3)]


@pytest.mark.parametrize("seed", range(3))
def test_a_bit_that_flips_costs_its_line_alone_and_is_told(seed):
    rng = random.Random(seed)
    ends = {end for number in range(COUNT) if (end := len(b"".join(WHOLE[: number + 1])) - 1)}
    for _ in range(700):
        place, bit = rng.randrange(len(TEXT)), 1 << rng.randrange(8)
        damaged = bytearray(TEXT)
        damaged[place] ^= bit
        found, lines = read(bytes(damaged))
        kept = {line.data for line in found}
        assert kept <= set(WHOLE)
        if place in ends:  # between two lines, nothing is lost
            assert len(found) == COUNT
        else:
            assert len(found) == COUNT - 1
            hit = TEXT[:place].count(b"\n") + 1
            assert lines.damage.lines[0] == hit
            assert f"x:{hit}: damaged, left out; " in lines.damage.notes()[0]
            assert lines.damage.missing == []


def test_the_last_two_lines_cut_at_any_byte():
    for end in range(len(TEXT) - len(WHOLE[-1]) - len(WHOLE[-2]), len(TEXT) + 1):
        found, lines = read(TEXT[:end])
        assert [line.data for line in found] == [line for line in WHOLE if line in TEXT[:end] + b"\n"]
        assert lines.damage.notes() == []


def test_a_line_that_is_gone_is_told():
    found, lines = read(b"".join([*WHOLE[:3], *WHOLE[5:]]))
    assert len(found) == COUNT - 2
    again = "`bench run --resume` runs again what was in them"
    assert lines.damage.notes() == [f"x:4: 2 entries before it missing; {again}"]


def test_lines_in_another_order_are_not_read_twice():
    found, lines = read(b"".join([*WHOLE[:5], WHOLE[3], *WHOLE[5:]]))
    assert [line.data for line in found] == WHOLE
    assert lines.damage.lines == [6]


def test_many_damaged_lines_are_summed_up():
    _, lines = read(WHOLE[0] + b"nonsense\n" * 20 + WHOLE[-1])
    notes = lines.damage.notes()
    assert len(notes) == 9
    assert notes[-1] == "x: and 12 more damaged lines, the last of them 21"


def old(entry):
    return json.dumps({key: value for key, value in entry.items() if key != "entry"}).encode() + b"\n"


def test_lines_without_a_seal_come_before_those_with_one():
    """As where a session that an older bench began is gone on with."""
    found, lines = read(b"".join([*map(old, ENTRIES[:4]), *WHOLE[4:]]))
    assert [(line.entry, line.sealed) for line in found] == [(n, n > 4) for n in range(1, COUNT + 1)]
    assert lines.damage.notes() == []
    found, lines = read(b"".join([*WHOLE[:4], old(ENTRIES[4]), *WHOLE[5:]]))
    assert len(found) == COUNT - 1
    assert lines.damage.lines == [5]


def test_a_seal_whose_name_is_damaged_is_no_line_of_an_older_bench():
    _, lines = read(TEXT.replace(b'"crc32"', b'"crc30"', 1))
    assert lines.damage.lines == [1]


@given(st.lists(st.one_of(st.sampled_from(WHOLE), st.binary(max_size=40), st.just(b"\n"))))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bytes_sealed_lines_are_read_as_they_were_written_or_not(parts):
    lines = Lines(io.BytesIO(b"".join(parts)), "x")
    found: list[Line] = list(lines)
    assert {line.data for line in found if line.sealed} <= set(WHOLE)
    entries = [line.entry for line in found]
    assert entries == sorted(set(entries))
    for part in journal_parts(Lines(io.BytesIO(b"".join(parts)), "x"), {}):
        assert set(part.tables["runs"].column("run_id").to_pylist()) <= {f"r{n}" for n in range(2, 12)}


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False))))
@settings(max_examples=30, deadline=None)
def test_what_is_sealed_comes_back(content):
    line = sealed(json.dumps({"entry": 1, **content}))
    assert line.count(b"\n") == 1
    assert is_whole(line)
    assert unsealed(line) == {"entry": 1, **{k: v for k, v in content.items() if k != "crc32"}} | (
        {"entry": content["entry"]} if "entry" in content else {}
    )
