"""Lines of a journal as rows, and what is left of one that was cut or changed."""

import io
import json
import math
from types import MappingProxyType

import pytest

from bench.records import entries
from bench.records.entries import blocks
from bench.records.journal import FILE_NAME, Journal
from bench.records.lines import Lines
from tests.sessions import journal_of, parsed


def as_json_has_it(row):
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}


def test_what_was_written_is_read_back(written, content):
    session, read = content(runs=2), parsed(written)
    assert read.header == session.header
    assert read.machines == [as_json_has_it(row) for row in session.machines]
    assert read.runs == [as_json_has_it(row) for row in session.runs]
    assert read.epochs == [as_json_has_it(row) for row in session.epochs]


@pytest.fixture
def old(written):
    """The same journal as a bench wrote it that sealed no lines."""
    lines = [json.loads(line) for line in written.splitlines()]
    plain = [{key: line[key] for key in line if key not in ("crc32", "entry")} for line in lines]
    return b"".join(json.dumps(line).encode() + b"\n" for line in plain)


def test_a_journal_of_a_bench_that_sealed_none_is_read(written, old):
    assert parsed(old) == parsed(written)


def test_a_last_line_cut_anywhere_costs_that_line_alone(written):
    start = written.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(start, len(written) - 1):  # without its end alone, it is whole
        read = parsed(written[:end])
        assert len(read.runs) == len(read.epochs) == 1, end
    assert len(parsed(written).runs) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"1",
        b"null",
        b"\xff\xfe",
        b"{}",
        b'{"kind": "run"}',
        b"",
        b"[" * 20_000,
        b'{"kind": "machine", "row": 1}',
        b'{"kind": "machine", "row": null}',
        b'{"kind": "run", "row": 1, "epochs": []}',
        b'{"kind": "run", "row": {"run_id": "a", "started_at": 1}, "epochs": []}',
        b'{"kind": "run", "row": {"run_id": [], "started_at": null}, "epochs": []}',
        b'{"kind": "run", "row": {"run_id": "a", "started_at": null}, "epochs": [1]}',
        b'{"kind": "run", "row": {"run_id": "a", "started_at": null}, "epochs": 1}',
        b'{"kind": "session", "schema_version": 1' + b"0" * 5000 + b"}",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_broken_line_is_told_and_the_others_are_read(old, line):
    rows = old.split(b"\n")
    lines = Lines(io.BytesIO(b"\n".join([*rows[:2], line, *rows[2:]])), "x")
    read = list(blocks(lines, lines.damage))
    assert sum(len(block.runs) for block in read) == 2
    assert lines.damage.lines == [3]


def test_an_entry_of_a_kind_to_come_is_passed_over(tmp_path, written):
    with Journal(tmp_path) as journal:
        journal.append("probe", x=1)
    assert (tmp_path / FILE_NAME).read_bytes().startswith(written)
    lines = Lines(io.BytesIO((tmp_path / FILE_NAME).read_bytes()), "x")
    assert sum(len(block.runs) for block in blocks(lines, lines.damage)) == 2
    assert not lines.damage.lines


def test_numbers_that_are_not_finite_come_back(tmp_path, run):
    row, epochs = run(train_loss=math.nan, val_loss=math.inf, test_loss=-math.inf)
    with Journal(tmp_path) as journal:
        journal.append("run", row=row, epochs=epochs)
    (read,) = journal_of(tmp_path).runs
    assert math.isnan(read["train_loss"])
    assert (read["val_loss"], read["test_loss"]) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    "text", ["sin memoria: añadir más", "内存不足", "two\nlines\r\n\x85\u2028", "caf\udce9"]
)
def test_any_text_comes_back(tmp_path, run, text):
    row, epochs = run(error=text)
    with Journal(tmp_path) as journal:
        journal.append("run", row=row, epochs=epochs)
    assert journal_of(tmp_path).runs[0]["error"] == text


@pytest.fixture
def of_two(monkeypatch):
    """Blocks of two runs."""
    monkeypatch.setattr(entries, "RUNS_OF_A_BLOCK", 2)


@pytest.fixture
def resumed(tmp_path, run):
    """The folder of a journal of five runs, of which the second and the last were tried again."""
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
        for number, status in (
            (1, "ok"),
            (2, "lost"),
            (3, "ok"),
            (4, "ok"),
            (5, "lost"),
            (2, "ok"),
            (5, "ok"),
        ):
            row, epochs = run(number=number, status=status)
            journal.append("run", row=row, epochs=epochs)
    return tmp_path


def read_again(folder, latest=MappingProxyType({})):
    with (folder / FILE_NAME).open("rb") as file:
        lines = Lines(file, "x")
        return list(blocks(lines, lines.damage, latest))


@pytest.mark.usefixtures("of_two")
def test_a_journal_is_read_so_many_runs_at_a_time(resumed):
    read = [([row["round"] for row in block.runs], len(block.epochs)) for block in read_again(resumed)]
    assert read == [([1, 2], 2), ([3, 4], 2), ([5, 2], 2), ([5], 1)]


@pytest.mark.usefixtures("of_two")
def test_a_part_without_entries_ends_where_the_one_before_did(resumed):
    lines = Lines(io.BytesIO(b"".join((resumed / FILE_NAME).read_bytes().splitlines(True)[:3])), "x")
    *_, before, last = blocks(lines, lines.damage)
    assert (last.runs, last.last) == ([], before.last)


def test_of_a_run_that_was_tried_again_the_entry_that_counts_is_left(resumed):
    whole = journal_of(resumed)
    latest = dict(zip((row["run_id"] for row in whole.runs), whole.entries, strict=True))
    left = [(row["round"], row["status"]) for block in read_again(resumed, latest) for row in block.runs]
    assert left == [(1, "ok"), (3, "ok"), (4, "ok"), (2, "ok"), (5, "ok")]


def test_a_run_that_nobody_knows_is_left(resumed):
    """As of one that was on its way to the disk when its session was interrupted."""
    assert sum(len(block.runs) for block in read_again(resumed, {"another": 0})) == 7


def test_of_each_run_its_entry_is_known(resumed):
    whole = journal_of(resumed)
    by_entry = {
        line["entry"]: line for line in map(json.loads, (resumed / FILE_NAME).read_bytes().splitlines())
    }
    assert [by_entry[entry]["row"]["run_id"] for entry in whole.entries] == [r["run_id"] for r in whole.runs]


def test_no_line_is_no_row():
    lines = Lines(io.BytesIO(), "x")
    (block,) = blocks(lines, lines.damage)
    assert (block.header, block.runs, block.epochs, block.machines) == ({}, [], [], [])
