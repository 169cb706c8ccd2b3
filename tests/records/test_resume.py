"""Which session is gone on with, and what makes it one that cannot be."""

import json
import os

import pytest

from bench.errors import StoreError
from bench.records.earlier import read_earlier
from bench.records.journal import FILE_NAME, Journal
from bench.records.recorder import Recorder
from bench.records.resume import check_data, check_machines, session_to_resume
from bench.records.seal import sealed, unsealed
from bench.records.suite import Measure, Point, Suite
from bench.records.tables import JOURNAL_VERSION


@pytest.fixture
def suite(scenario):
    """Call with batch sizes; gives a suite with a scenario for each."""

    def make(*batch_sizes, name="sizes"):
        points = (Point("sweep", f"batch_size={size}", scenario(batch_size=size)) for size in batch_sizes)
        return Suite(name, "Sizes", Measure(), tuple(points), "")

    return make


@pytest.fixture
def begun(tmp_path):
    """Call with a session's name and suite; leaves such a session in the results, and gives its folder."""

    def begin(session_id, suite, **header):
        ids = [point.scenario.scenario_id for point in suite.points]
        header = {"suite": suite.name, "scenarios": ids, **header}
        with Recorder.begin(tmp_path / session_id, session_id, header) as recorder:
            return recorder.folder

    return begin


@pytest.fixture
def refused(tmp_path):
    """Call with a suite; gives the message of the error, without the results' folder."""

    def message(suite, every_node=False):
        with pytest.raises(StoreError) as caught:
            session_to_resume(tmp_path, suite, every_node)
        return str(caught.value).removeprefix(f"{tmp_path}/")

    return message


def test_the_newest_session_of_the_suite_goes_on(tmp_path, suite, begun):
    begun("20260131-100000-aaaa", suite(1, 2))
    newest = begun("20260131-120000-0000", suite(1, 2))
    begun("20260131-110000-ffff", suite(1, 2))
    begun("20260131-130000-aaaa", suite(1, 2, name="other"))
    assert session_to_resume(tmp_path, suite(1, 2), every_node=False) == newest


def test_its_name_counts_whatever_its_folder_is_called(tmp_path, suite, begun):
    begun("20260131-100000-aaaa", suite(1)).rename(tmp_path / "z")
    begun("20260131-120000-aaaa", suite(1)).rename(tmp_path / "a")
    assert session_to_resume(tmp_path, suite(1), every_node=False) == tmp_path / "a"


def test_a_part_of_its_scenarios_may_go_on(tmp_path, suite, begun):
    folder = begun("s1", suite(1, 2, 3))
    assert session_to_resume(tmp_path, suite(2), every_node=False) == folder


def test_newer_sessions_of_other_scenarios_are_passed_over(tmp_path, suite, begun):
    folder = begun("s1", suite(1, 2))
    begun("s2", suite(5))
    assert session_to_resume(tmp_path, suite(1, 2), every_node=False) == folder


def test_without_a_session_of_the_suite_there_is_none(tmp_path, suite, begun):
    assert session_to_resume(tmp_path / "not there", suite(1), every_node=False) is None
    begun("s1", suite(1, name="other"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / FILE_NAME).touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE_NAME).write_text("nonsense\n[]\n")
    assert session_to_resume(tmp_path, suite(1), every_node=False) is None


@pytest.mark.parametrize(
    ("sizes", "said"), [((1, 7), "sweep/batch_size=7"), ((7, 8, 9), "sweep/batch_size=7 and 2 more")]
)
def test_where_all_have_other_scenarios_it_is_said_which(suite, begun, refused, sizes, said):
    begun("s1", suite(1, 2))
    assert refused(suite(*sizes)) == (
        f"s1: has no scenario {said}; give the suite and settings that it was begun with, "
        "or leave out --resume for a new session"
    )


def test_nodes_that_each_run_all_are_no_nodes_that_share_the_runs(suite, begun, refused):
    begun("s1", suite(1), every_node=True)
    anew = "or leave out --resume for a new session"
    assert refused(suite(1)) == f"s1: was begun with --every-node: give it, too, {anew}"
    begun("s2", suite(1), every_node=False)
    assert refused(suite(1), every_node=True) == f"s2: was begun without --every-node: leave it out, {anew}"


def test_a_newer_bench_s_session_is_left_to_it(suite, begun, refused):
    path = begun("s1", suite(1)) / FILE_NAME
    header = unsealed(path.read_bytes().splitlines()[0])
    path.write_bytes(sealed(json.dumps({**header, "schema_version": JOURNAL_VERSION + 1})))
    assert refused(suite(1)) == (
        f"s1: schema version {JOURNAL_VERSION + 1}, this bench reads up to {JOURNAL_VERSION}; upgrade bench"
    )


def test_runs_of_one_session_have_seen_the_same_data(tmp_path, run):
    with Journal(tmp_path) as journal:
        journal.append("session", session_id="s1")
        for number, seen in enumerate((None, "0123456789abcdef"), start=1):
            row, epochs = run(number=number, dataset_sha256=seen)
            journal.append("run", row=row, epochs=epochs)
    check_data(tmp_path, read_earlier(tmp_path), {"mnist": "0123456789abcdef"})
    check_data(tmp_path, read_earlier(tmp_path), {"digits": "another"})
    with pytest.raises(StoreError) as caught:
        check_data(tmp_path, read_earlier(tmp_path), {"mnist": "fedcba9876543210"})
    assert str(caught.value) == (
        f"{tmp_path}: its runs saw another mnist (0123456789ab, not fedcba987654); "
        "give that one by --data, or leave out --resume for a new session"
    )


def test_a_session_goes_on_where_some_of_its_machines_are(suite, begun):
    folder = begun("s1", suite(1))
    check_machines(folder, read_earlier(folder), {"abc"})  # it was ended before it knew of any
    with Recorder.resume(folder, {}) as recorder:
        recorder.add_machines(
            {"session_id": "s1", "machine_id": name, "machine": f"machine {name}"} for name in ("abc", "def")
        )
    check_machines(folder, read_earlier(folder), {"def", "ghi"})
    with pytest.raises(StoreError) as caught:
        check_machines(folder, read_earlier(folder), {"ghi"})
    assert str(caught.value) == (
        f"{folder}: ran on other machines (machine abc, machine def); "
        "leave out --resume for a new session, or give another --results"
    )


def test_a_pipe_in_a_journal_s_place_is_not_waited_for(tmp_path, suite, begun):
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / FILE_NAME)
    assert session_to_resume(tmp_path, suite(1), False) is None
    folder = begun("s1", suite(1))
    assert session_to_resume(tmp_path, suite(1), False) == folder
