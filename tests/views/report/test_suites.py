import pytest

from bench.analysis.findings import REPORTED, findings
from bench.records.run_table import RunTable
from bench.records.store import read_sessions
from bench.views.report.suites import suites
from bench.views.report.tables import Cell
from tests.dated import session


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Five sessions of a suite: three on one machine, and two on another of the same name."""
    folder = tmp_path_factory.mktemp("results")
    for name, hours, speed, machine in (
        ("a", 0.0, 1.0, "one"),
        ("b", 1.0, 2.0, "one"),
        ("c", 2.0, 1.0, "one"),
        ("d", 3.0, 1.0, "two"),
        ("e", 4.0, 1.0, "two"),
    ):
        session(folder, name, hours, speed=speed, machine_id=machine)
    tables = read_sessions([str(folder)], columns=REPORTED)
    return findings(RunTable(tables.runs), tables.epochs, tables.machines.to_pylist())


@pytest.fixture(scope="module")
def blocks(found):
    (section,) = suites(found)
    return section.blocks


def test_the_newest_session_on_each_machine_comes_first_and_the_others_are_counted(found, blocks):
    assert found.latest == {"c", "e"}
    lines = blocks[0].notes
    assert [line.split(" · ")[0] for line in lines[:2]] == ["on 1  c", "on 2  e"]
    assert lines[2].startswith("Shown is the newest session on each machine; 3 more sessions of this suite ")


def test_rows_are_those_of_these_sessions(blocks):
    grid = next(block for block in blocks if block.title == "replicas").grid
    assert [row[1] for row in grid.rows] == [Cell("1"), Cell("2")] * 2


def test_all_sessions_follow_as_blocks(blocks):
    (over,) = (block for block in blocks if block.title == "Over sessions")
    assert over.intro.startswith("5 sessions, ")
    assert over.fold
    titles = [cell.text for cell in over.grid.header]
    counts = {tuple(row[titles.index(name)].text for name in ("on", "sessions")) for row in over.grid.rows}
    assert counts == {("1", "3"), ("2", "2")}
    assert over.notes[:2] == ("on 1: A CPU, 2 cores (one)", "on 2: A CPU, 2 cores (two)")


def test_scaling_says_of_how_many_sessions_it_is(blocks):
    scalings = [block for block in blocks if block.title == "Strong scaling"]
    titles = [cell.text for cell in scalings[0].grid.header]
    assert [{row[titles.index("sessions")].text for row in block.grid.rows} for block in scalings] == [
        {"", "3"},
        {"", "2"},
    ]
