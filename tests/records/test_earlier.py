"""What a session that goes on learns of what it did before."""

from dataclasses import astuple

import pytest

from bench.errors import StoreError
from bench.records import entries
from bench.records.earlier import Earlier, read_earlier
from bench.records.journal import FILE_NAME, Journal


@pytest.fixture(autouse=True)
def of_two(monkeypatch):
    """Blocks of two runs."""
    monkeypatch.setattr(entries, "RUNS_OF_A_BLOCK", 2)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1", suite="a suite")
        yield journal


def test_of_each_run_its_last_entry_counts(tmp_path, journal, run):
    rows = [
        run(number=1, attempt=2, machine="A CPU", node="n1", occupied_seconds=4.0),
        run(number=2, status="lost", step_seconds=None),
        run(number=3, status="diverged", attempt=None),
        run(number=2, attempt=3),
    ]
    made = [journal.extend([{"kind": "run", "row": row, "epochs": epochs}])[0] for row, epochs in rows]
    session = read_earlier(tmp_path)
    (first, _), (second, _), (third, _), _ = rows
    ids = [row["run_id"] for row in (first, second, third)]
    assert session.header["suite"] == "a suite"
    assert session.runs == {
        ids[0]: Earlier("ok", 2, 0.001, "A CPU", "n1", 4.0),
        ids[1]: Earlier("ok", 3, 0.001),
        ids[2]: Earlier("diverged", 1, 0.001),
    }
    assert session.entries == {ids[0]: made[0], ids[1]: made[3], ids[2]: made[2]}


def test_of_its_machines_each_is_known_once(tmp_path, journal):
    known = {"session_id": "s1", "node": "n1", "machine_id": "abc", "software_id": "def", "machine": "A CPU"}
    other, unknown = known | {"software_id": "ghi"}, {"session_id": "s1", "node": "n2"}
    for row in (known, known | {"probe_moment": "start"}, other, unknown):
        journal.append("machine", row=row)
    machines = list(read_earlier(tmp_path).machines)
    assert [astuple(one) for one in machines] == [
        ("n1", "abc", "def", "A CPU"),
        ("n1", "abc", "ghi", "A CPU"),
        ("n2", None, None, None),
    ]


def test_data_sets_are_those_that_runs_saw(tmp_path, journal, run):
    for number, seen in enumerate((None, "abc", "abc", "def"), start=1):
        row, epochs = run(number=number, dataset_sha256=seen)
        journal.append("run", row=row, epochs=epochs)
    assert list(read_earlier(tmp_path).datasets) == [("mnist", "abc"), ("mnist", "def")]


def test_values_that_cannot_be_are_counted_over_the_whole_journal(tmp_path, journal, run):
    for number in range(1, 8):
        row, epochs = run(number=number, step_seconds=-1.0 if number % 2 else 1.0)
        journal.append("run", row=row, epochs=epochs)
    with pytest.raises(StoreError) as caught:
        read_earlier(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / FILE_NAME}: values that cannot be count as missing: step_seconds in 4 rows; "
        "it cannot be gone on with, leave out --resume for a new session"
    )


def test_a_folder_without_a_journal(tmp_path):
    with pytest.raises(StoreError, match="missing; copy the session's folder whole"):
        read_earlier(tmp_path / "none")
