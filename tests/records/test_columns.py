"""Tables straight from a journal's lines are those of its rows."""

import io
import json
import math
import subprocess
import sys

import pyarrow as pa
import pytest

from bench.errors import StoreError
from bench.records import columns
from bench.records.columns import journal_parts
from bench.records.entries import blocks, tables_of
from bench.records.journal import FILE_NAME, Journal
from bench.records.lines import Lines
from bench.records.seal import sealed
from bench.records.tables import TABLE_NAMES

OF_A_SEAL = ("crc32", "entry")
ODD = {
    "no numbers": {"train_loss": math.nan, "val_loss": math.inf, "test_loss": -math.inf},
    "numbers at their limits": {"train_loss": 5e-324, "val_loss": 1.7976931348623157e308, "test_loss": -0.0},
    "all digits": {"train_loss": 0.1 + 0.2, "val_loss": 2 / 3, "peak_host_bytes": 2**63 - 1},
    "whole numbers": {"learning_rate": 1, "step_seconds": 3, "train_loss": 2**53},
    "several languages": {"error": "sin memoria: añadir más\n内存不足 \U0001f600\u2028\x00"},
    "halves of characters": {"error": "caf\udce9"},
    "nothing known": {"started_at": None, "label": None, "affinity": None, "nodes": None},
    "nothing in it": {"affinity": (), "error": "", "nodes": ("a", "")},
}


def by_rows(text, latest):
    lines = Lines(io.BytesIO(text), "x")
    return whole([tables_of(block, "x") for block in blocks(lines, lines.damage, latest)])


def at_once(text, latest):
    return whole(part.tables for part in journal_parts(Lines(io.BytesIO(text), "x"), latest))


def whole(parts):
    parts = list(parts)
    return {name: pa.concat_tables(part[name] for part in parts) for name in TABLE_NAMES}


def same(text, latest=None):
    """Whether both ways give the same tables, numbers that are none included."""
    found, wanted = at_once(text, latest or {}), by_rows(text, latest or {})
    assert {name: table.schema for name, table in found.items()} == {n: t.schema for n, t in wanted.items()}
    return repr([t.to_pylist() for t in found.values()]) == repr([t.to_pylist() for t in wanted.values()])


@pytest.fixture
def unusual(monkeypatch):
    """How often lines were looked at one by one."""
    seen = []

    def counted(*arguments):
        seen.append(arguments)
        return blocks(*arguments)

    monkeypatch.setattr(columns, "blocks", counted)
    return seen


@pytest.fixture
def journal(tmp_path, content, run):
    """The text of a journal: a machine, three runs, and one with these columns."""

    def make(**odd):
        session = content(3)
        with Journal(tmp_path) as file:
            file.append("session", **session.header)
            file.append("machine", row=session.machines[0])
            for row, epoch in zip(session.runs, session.epochs, strict=True):
                file.append("run", row=row, epochs=[epoch, {**epoch, "epoch": 2}])
            row, _ = run(number=4, **odd)
            file.append("run", row=row, epochs=[])
            file.append("closed", runs=4)
        return (tmp_path / FILE_NAME).read_bytes()

    return make


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_whatever_a_row_holds(journal, odd):
    assert same(journal(**odd))


def test_mostly_no_line_is_looked_at_by_itself(journal, unusual):
    tables = at_once(journal(), {})
    assert [table.num_rows for table in tables.values()] == [4, 6, 1]
    assert not unusual


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_part_after_the_other(journal, monkeypatch, size):
    monkeypatch.setattr(columns, "RUNS_OF_A_BLOCK", size)
    text = journal()
    assert same(text)
    assert same(text[:-5])


def test_of_a_run_that_was_tried_again_the_entry_that_counts(journal, unusual):
    text = journal()
    entries = [json.loads(line) for line in text.splitlines()]
    entries = [*entries[:4], entries[2], *entries[4:]]
    again = b"".join(resealed(entries))
    run_id = at_once(text, {})["runs"].column("run_id")[0].as_py()
    latest = {run_id: 5}
    assert at_once(again, {})["runs"].num_rows == 5
    assert at_once(again, latest)["runs"].num_rows == 4
    assert same(again, latest)
    assert unusual


def resealed(entries):
    for number, entry in enumerate(entries, start=1):
        content = {key: value for key, value in entry.items() if key not in OF_A_SEAL}
        yield sealed(json.dumps({"entry": number, **content}))


def old(text):
    """A journal as a bench wrote it that sealed no lines."""
    for line in text.splitlines():
        yield {key: value for key, value in json.loads(line).items() if key not in OF_A_SEAL}


def test_lines_without_seals_are_read_at_once(journal, unusual):
    text = journal()
    plain = b"".join(json.dumps(entry).encode() + b"\n" for entry in old(text))
    assert repr(at_once(plain, {})) == repr(at_once(text, {}))
    assert not unusual


def test_lines_that_somebody_has_written_anew_are_none_the_worse(journal):
    lines = old(journal())
    text = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    assert at_once(text, {})["runs"].num_rows == 4
    assert same(text)


def test_no_line_is_no_table():
    assert list(journal_parts(Lines(io.BytesIO(), "x"), {})) == []


@pytest.mark.parametrize("size", [2, 100])
@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"kind": "run", "row": null, "epochs": []}',
        b'{"kind": "run", "row": {"run_id": "a", "started_at": null}}',
        b'{"kind": "run", "row": {"run_id": "a", "started_at": null}, "epochs": [null]}',
        b'{"kind": "run", "row": {"label": "x"}, "epochs": []}',
        b'{"kjnd": "run", "row": {"run_id": "a"}, "epochs": []}',
        b'{"kind": "run", "row": {"run_id": "a", "error": "\xe6"}, "epochs": []}',
        b"5",
    ],
)
def test_a_line_that_is_none_is_told_and_the_others_are_read(journal, monkeypatch, line, size):
    monkeypatch.setattr(columns, "RUNS_OF_A_BLOCK", size)
    plain = [json.dumps(entry).encode() for entry in old(journal())]
    lines = Lines(io.BytesIO(b"\n".join([*plain[:3], line, *plain[3:], b""])), "x")
    assert whole(part.tables for part in journal_parts(lines, {}))["runs"].num_rows == 4
    assert lines.damage.lines == [4]


@pytest.mark.parametrize("row", [{"node": 1}, {"a": 1}])
def test_rows_of_another_bench_are_refused(tmp_path, row):
    with Journal(tmp_path) as file:
        file.append("machine", row=row)
    with pytest.raises(StoreError, match="x: rows of another bench"):
        at_once((tmp_path / FILE_NAME).read_bytes(), {})


def test_pandas_is_not_imported_for_it(tmp_path, journal):
    journal()
    program = (
        "import pathlib, sys; from bench.records.rebuild import rebuild_tables\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "rebuild_tables(folder)\n"
        "assert (folder / 'runs.parquet').exists()\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
