import os
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.records import journal as journal_module
from bench.records.journal import FILE_NAME, TAIL_BYTES, Journal, closed_runs
from bench.records.seal import unsealed
from tests.sessions import journal_of, parsed


def test_an_entry_is_in_the_file_before_append_returns(tmp_path, run):
    row, epochs = run()
    with Journal(tmp_path) as journal:
        journal.append("run", row=row, epochs=epochs)
        read = journal_of(tmp_path)
    assert [r["run_id"] for r in read.runs] == [row["run_id"]]


def test_an_entry_is_flushed_to_the_disk_before_append_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
    assert synced == [(tmp_path / FILE_NAME).stat().st_size]


def test_writing_goes_on_behind_a_line_cut_anywhere(tmp_path, written, run):
    row, epochs = run(number=9)
    start = written.rstrip(b"\n").rfind(b"\n") + 1
    for end in (*range(start, len(written), 97), len(written) - 2):
        (tmp_path / FILE_NAME).write_bytes(written[:end])
        with Journal(tmp_path) as journal:
            journal.append("run", row=row, epochs=epochs)
        read = journal_of(tmp_path)
        assert [r["round"] for r in read.runs] == [1, 9]


@pytest.mark.parametrize("block", [1, 7, 2**20])
def test_its_end_is_found_block_by_block(tmp_path, written, monkeypatch, block):
    monkeypatch.setattr(journal_module, "BLOCK_BYTES", block)
    start = written.rstrip(b"\n").rfind(b"\n") + 1
    for cut, left in (
        (len(written), len(written)),
        (len(written) - 1, len(written)),  # its end alone was lost
        (len(written) - 2, start),
        (start + 1, start),
        (9, 0),
        (0, 0),
    ):
        (tmp_path / FILE_NAME).write_bytes(written[:cut])
        with Journal(tmp_path):
            assert (tmp_path / FILE_NAME).read_bytes() == written[:left]


def test_several_entries_wait_for_the_disk_once_and_tell_their_numbers(tmp_path, monkeypatch):
    synced = []
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
        monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
        numbers = journal.extend([{"kind": "a"}, {"kind": "bcd"}, {"kind": "e"}])
        assert list(journal.extend([])) == []
    data = (tmp_path / FILE_NAME).read_bytes()
    assert synced[0] == len(data)
    assert [(unsealed(line)["entry"], unsealed(line)["kind"]) for line in data.splitlines()[1:]] == [
        *zip(numbers, ("a", "bcd", "e"), strict=True)
    ]


def test_a_journal_that_goes_on_is_read_from_its_beginning_wherever_it_is(tmp_path):
    with Journal(tmp_path / "s") as journal:
        journal.append("session", session_id="s1")
        (tmp_path / "s" / FILE_NAME).unlink()
        for _ in range(2):
            with journal.read() as file:
                assert parsed(file.read()).header == {"session_id": "s1"}
        journal.append("closed", runs=0)
        with journal.read() as file:
            assert len(file.readlines()) == 2


def test_what_has_no_place_in_a_journal_is_refused(tmp_path):
    with Journal(tmp_path) as journal, pytest.raises(TypeError, match="Path has no place in a journal"):
        journal.append("session", folder=type("Path", (), {})())
    assert (tmp_path / FILE_NAME).read_bytes() == b""


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "results").write_text("a file in its place")
    with pytest.raises(StoreError) as caught:
        Journal(tmp_path / "results" / "s1")
    assert str(caught.value) == (
        f"{tmp_path / 'results' / 's1'}: cannot be written: Not a directory; "
        "pass --results with a folder of your own"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_a_full_disk_is_told(tmp_path):
    (tmp_path / FILE_NAME).symlink_to("/dev/full")
    with (
        Journal(tmp_path) as journal,
        pytest.raises(StoreError, match="cannot be written: No space left on dev"),
    ):
        journal.append("session", session_id="s1")


def test_an_entry_that_found_no_room_leaves_nothing_behind(tmp_path, monkeypatch, run):
    row, epochs = run()

    def fail(_number):
        raise OSError(28, "No space left on device")

    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(StoreError):
                journal.append("run", row=row, epochs=epochs)
        journal.append("run", row=row, epochs=epochs)
    read = journal_of(tmp_path)
    assert len(read.runs) == 1


class TestClosed:
    def test_a_journal_that_ended_tells_its_number_of_runs_in_its_last_bytes(self, tmp_path, run):
        row, epochs = run()
        with Journal(tmp_path) as journal:
            journal.append("run", row=row, epochs=epochs)
            journal.append("closed", runs=1)
        data = (tmp_path / FILE_NAME).read_bytes()
        assert closed_runs(data[-TAIL_BYTES:]) == 1
        assert len(parsed(data).runs) == 1

    def test_a_line_cut_short_behind_the_end_holds_no_run(self):
        assert closed_runs(b'{"kind": "closed", "runs": 1}\n{"kind": "ru') == 1

    @pytest.mark.parametrize(
        "tail",
        [
            b"",
            b"\n",
            b'{"kind": "closed", "runs": 1}',
            b'{"kind": "closed", "runs": 1',
            b'{"kind": "closed", "runs": 1}\n{"kind": "session"}\n',
            b'cut", "runs": 1}\n',
            b"[1]\n",
            b"1\n",
            b'{"kind": "closed", "runs": Infinity}\n',
            b'{"kind": "closed", "runs": null}\n',
            b'{"kind": "closed"}\n',
            b"\xff\n",
        ],
    )
    def test_a_journal_that_goes_on_or_was_cut_does_not(self, tail):
        assert closed_runs(tail) is None
