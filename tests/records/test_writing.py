"""The tables of a session, written while others read them, on full disks, and by a process that is killed."""

import pickle
import signal
import subprocess
import sys
import time
import weakref

import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records import writing
from bench.records.entries import JournalContent
from bench.records.store import read_sessions
from bench.records.writing import write_tables

DEADLINE_SECONDS = 30.0


@pytest.fixture
def session(tmp_path, content):
    """A finished session's folder."""

    def make(runs=2):
        (tmp_path / "s1").mkdir()
        write_tables(tmp_path / "s1", [content(runs)])
        return tmp_path / "s1"

    return make


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rows(tables):
    return tables.runs.num_rows, tables.epochs.num_rows, tables.machines.num_rows


def test_parts_are_one_table(tmp_path, run, monkeypatch):
    monkeypatch.setattr(writing, "ROWS_OF_A_GROUP", 3)
    made = [run(number=number) for number in range(1, 9)]
    write_tables(tmp_path, [JournalContent(runs=[row], epochs=epochs) for row, epochs in made])
    assert pq.read_table(tmp_path / "runs.parquet")["round"].to_pylist() == list(range(1, 9))
    metadata = pq.read_metadata(tmp_path / "runs.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [3, 3, 2]
    assert rows(read_sessions([str(tmp_path)])) == (8, 8, 0)


def test_no_parts_are_tables_without_rows(tmp_path):
    write_tables(tmp_path, [])
    assert rows(read_sessions([str(tmp_path)])) == (0, 0, 0)


def test_one_part_at_a_time_is_in_memory(tmp_path, run):
    made = []

    def parts():
        for number in range(1, 9):
            row, epochs = run(number=number)
            part = JournalContent(runs=[row], epochs=epochs)
            made.append(weakref.ref(part))
            yield part
            del part
            assert sum(known() is not None for known in made) <= 1

    write_tables(tmp_path, parts())


def test_parts_that_cannot_be_read_leave_the_old_tables(session, content):
    folder = session(runs=2)

    def parts():
        yield content(5)
        raise StoreError("cannot be read")

    with pytest.raises(StoreError, match="cannot be read"):
        write_tables(folder, parts())
    assert rows(read_sessions([str(folder)])) == (2, 2, 1)
    assert names(folder) == ["epochs.parquet", "machines.parquet", "runs.parquet"]


def test_what_zstd_makes_smaller_is_compressed_with_it(session):
    """Numbers and repeated texts are not: they would hardly be smaller, and take twice as long to read."""
    metadata = pq.read_metadata(session() / "runs.parquet")
    columns = [metadata.row_group(0).column(place) for place in range(metadata.num_columns)]
    codecs = {column.path_in_schema: column.compression for column in columns}
    compressed = {name for name, codec in codecs.items() if codec == "ZSTD"}
    assert compressed == {"run_id", "error", *(name for name in codecs if name.endswith(".list.element"))}
    assert {codecs[name] for name in codecs.keys() - compressed} == {"UNCOMPRESSED"}


def test_nothing_but_the_tables_is_left(session):
    folder = session()
    assert names(folder) == ["epochs.parquet", "machines.parquet", "runs.parquet"]


def test_whoever_reads_meanwhile_reads_the_old_table(session, content):
    folder = session(runs=2)
    with (folder / "runs.parquet").open("rb") as old:
        write_tables(folder, [content(5)])
        assert pq.read_table(old).num_rows == 2
    assert rows(read_sessions([str(folder)])) == (5, 5, 1)


@pytest.mark.parametrize("step", ["write_table", "close"])
def test_a_write_that_fails_leaves_the_old_tables(session, content, monkeypatch, step):
    folder = session()

    def fail(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.pq.ParquetWriter, step, fail)
    with pytest.raises(StoreError) as caught:
        write_tables(folder, [content(5)])
    assert str(caught.value) == (
        f"{folder}: cannot be written: No space left on device; "
        "make room there, the journal and the segments of its session are complete"
    )
    assert rows(read_sessions([str(folder)])) == (2, 2, 1)
    assert names(folder) == ["epochs.parquet", "machines.parquet", "runs.parquet"]


def test_a_file_in_the_folder_s_place(tmp_path, content):
    (tmp_path / "s1").write_text("a file")
    with pytest.raises(StoreError, match="s1: cannot be written: Not a directory; make room"):
        write_tables(tmp_path / "s1", [content()])


def test_a_writer_killed_at_any_moment_leaves_whole_tables(tmp_path, content):
    folder = tmp_path / "s1"
    folder.mkdir()
    whole = tmp_path / "content.pickle"
    whole.write_bytes(pickle.dumps(content(50)))
    program = (
        "import pathlib, pickle, sys; from bench.records.writing import write_tables\n"
        "folder, whole = map(pathlib.Path, sys.argv[1:]); content = pickle.loads(whole.read_bytes())\n"
        "while True:\n    write_tables(folder, [content])\n    print(flush=True)\n"
    )
    killed = set[str]()  # a writer that is killed leaves its part behind
    for writes in (1, 2, 3):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(folder), str(whole)], stdout=subprocess.PIPE
        ) as writer:
            for _ in range(writes):
                assert writer.stdout.readline() == b"\n"
            _await_another_part(folder, killed)
            writer.send_signal(signal.SIGKILL)
        assert rows(read_sessions([str(folder)])) == (50, 50, 1)


def _await_another_part(folder, killed):
    """Until a file is half written, so that the kill falls in the middle of a write."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := {name for name in names(folder) if name.endswith(".part")} - killed):
        assert time.monotonic() < deadline
    killed |= found
