import datetime
from dataclasses import replace

import pytest

from bench.analysis.sessions import SessionFacts
from bench.records.run_table import RunRecord
from bench.views.report.tables import Cell, failure_grid, machine_grid, session_grid, sheet_grid, summary_grid
from bench.views.sheet import Sheet

BEGAN = datetime.datetime(2025, 1, 1, 12, 0, 59, tzinfo=datetime.UTC)
FLAGS = (("unstable", 3), ("retried", 1))
SESSION = SessionFacts("a-session", "a suite", ("a machine",), ("a",), 2, 1000, 2000, 2000, FLAGS, BEGAN)
RUN = RunRecord("loops", "loop=fit", 3, "a machine", "a", "timeout", None, (), None, None)
VERSIONS = {"python_version": "3.12.1", "tensorflow_version": "2.18.0", "ray_version": None}
MACHINE = {
    **{"node": "a", "machine_id": "m", "software_id": "s", "machine": "a machine"},
    **{"memory_bytes": 2**34, "operating_system": "Debian 12", "kernel": "6.1", **VERSIONS},
    **{"probe_float32_flops_per_second": 1.5e12, "probe_launch_seconds": 2e-6},
    **{"probe_working_set_bytes": [2**20, 2**29], "probe_bytes_per_second": [9.0e11, 2.0**35]},
}


def texts(cells):
    return [cell.text for cell in cells]


def column(grid, title):
    """Its cells, row by row."""
    place = texts(grid.header).index(title)
    return [row[place] for row in grid.rows]


def test_a_summary_has_every_column_that_it_can_fill(summary):
    grid = summary_grid([summary], {})
    assert texts(grid.header)[:6] == ["scenario", "ok", "step", "± MAD", "samples", "wall"]
    assert texts(grid.rows[0])[1:6] == ["3/3", "16.9 ms", "1.2%", "591k/s", "1.97 s"]
    assert grid.rows[0][0] == Cell("batch_size=10000 loop=fused", words=True)
    assert [cell.text for cell in grid.header if cell.words] == ["scenario", "bound by", "flags"]


def test_tones_are_the_colours_of_the_terminal(summary):
    failed = replace(summary, ok=2, step_precision=0.02, precision_reached=False)
    grid = summary_grid([summary, failed], {})
    assert column(grid, "ok") == [Cell("3/3", "good"), Cell("2/3", "bad")]
    assert column(grid, "± 95 %") == [Cell("–"), Cell("! 2.00%", "warn")]
    assert column(grid, "flags")[0] == Cell("unstable×2 contended", "warn", words=True)
    assert {cell.tone for cell in column(grid, "step")} == {""}


def test_a_machine_goes_by_its_number_where_it_has_one(summary):
    other = replace(summary, machine="<b>")
    grid = summary_grid([summary, other], {summary.origin: "1", other.origin: "2"})
    assert texts(grid.header)[:3] == ["scenario", "on", "ok"]
    assert column(grid, "on") == [Cell("1"), Cell("2")]


def test_published_results_without_steps_have_their_wall_time(summary):
    unknown = replace(summary, step_seconds=None, spread=None, samples_per_second=None, flags=())
    grid = summary_grid([unknown], {})
    assert texts(grid.header)[:3] == ["scenario", "ok", "wall"]
    assert "flags" not in texts(grid.header)


def test_no_summaries_are_an_empty_table():
    assert (texts(summary_grid([], {}).header), summary_grid([], {}).rows) == (["scenario"], ())


def test_the_first_column_of_a_sheet_are_names():
    grid = sheet_grid(Sheet("nodes", "of a suite", ("node", "step"), (("a", "1 ms"),), ("One is slow.",)))
    assert grid.header == (Cell("node", words=True), Cell("step"))
    assert grid.rows == ((Cell("a", words=True), Cell("1 ms")),)
    assert grid.notes == ("One is slow.",)


def test_a_session_has_a_row():
    grid = session_grid([SESSION])
    assert [*zip(texts(grid.header), texts(grid.rows[0]), strict=True)] == [
        *(("session", "a-session"), ("suite", "a suite"), ("machine", "a machine"), ("nodes", "a")),
        *(("scenarios", "2"), ("rounds", "1,000"), ("ok", "2,000/2,000")),
        *(("flags", "unstable×3 retried"), ("began (UTC)", "2025-01-01 12:00")),
    ]
    assert column(grid, "ok")[0].tone == "good"
    assert column(grid, "flags")[0].tone == "warn"


def test_a_session_that_knows_little_has_dashes():
    grid = session_grid([replace(SESSION, machines=(), ok=1, flags=(), began=None)])
    assert [column(grid, title)[0].text for title in ("machine", "flags", "began (UTC)")] == ["–"] * 3
    assert column(grid, "ok") == [Cell("1/2,000", "bad")]


@pytest.mark.parametrize(
    ("nodes", "words"), [("abc", "a, b, c"), ("abcd", "4 nodes"), ("x" * 1000, "1,000 nodes")]
)
def test_more_than_three_nodes_are_counted(nodes, words):
    assert column(session_grid([replace(SESSION, nodes=tuple(nodes))]), "nodes")[0].text == words


def test_a_run_that_did_not_end_ok_has_the_first_line_of_its_error():
    error = "\n  No node <a>\nat x"
    grid = failure_grid([replace(RUN, sweep="one", label="one", status="lost", node=None, error=error)], 1)
    assert texts(grid.header) == ["run", "round", "node", "status", "error"]
    assert [texts(row) for row in grid.rows] == [["one", "3", "–", "lost", "No node <a>"]]
    assert column(grid, "status")[0].tone == "bad"
    assert grid.notes == ()


@pytest.mark.parametrize("error", [None, " \n "])
def test_an_error_that_says_nothing_is_a_dash(error):
    row = texts(failure_grid([replace(RUN, error=error)], 1).rows[0])
    assert row == ["loops · loop=fit", "3", "a", "timeout", "–"]


def test_no_failures_are_no_table_and_too_many_are_counted():
    assert failure_grid([], 0) is None
    assert failure_grid([RUN] * 200, 200).notes == ()
    grid = failure_grid([RUN] * 200, 1201)
    assert (len(grid.rows), grid.notes) == (200, ("and 1,001 more",))


def test_a_machine_is_what_it_is_and_what_its_probes_found_at_most():
    worse = {"probe_float32_flops_per_second": 1e12, "probe_bytes_per_second": [9.9e11, 2.0**34]}
    cache = {"probe_working_set_bytes": [2**20], "probe_bytes_per_second": [9.9e11]}
    grid = machine_grid([MACHINE, {**MACHINE, **worse, "probe_launch_seconds": 1e-6}, {**MACHINE, **cache}])
    (row,) = grid.rows
    assert [*zip(texts(grid.header), texts(row), strict=True)] == [
        *(("node", "a"), ("machine", "a machine"), ("memory", "16.0 GiB"), ("system", "Debian 12, 6.1")),
        *(("software", "python 3.12.1, tensorflow 2.18.0"), ("matrix product", "1.50 TFLOP/s")),
        *(("memory rate", "32.0 GiB/s"), ("launch", "1.00 µs")),
    ]


def test_other_nodes_machines_and_software_have_rows_of_their_own():
    others = [{**MACHINE, name: "other"} for name in ("node", "machine_id", "software_id")]
    assert len(machine_grid([MACHINE, *others, MACHINE]).rows) == 4
    assert machine_grid([]) is None


def test_a_machine_of_which_nothing_is_known_has_dashes():
    unknown = dict.fromkeys(MACHINE)
    named = {name: None for name in ("node", "machine_id", "software_id", "machine")}
    for row in (unknown, named, {**unknown, "probe_bytes_per_second": []}):
        assert texts(machine_grid([row]).rows[0]) == ["–"] * 8


def test_verdicts_of_a_sheet_have_tones():
    rows = [("a", "faster"), ("b", "slower"), ("c", "unclear <6.4 %"), ("d", "same"), ("faster", "1.2")]
    rows += [("e", "below 4 of 4"), ("f", "above 3 of 3"), ("g", "no verdict")]
    grid = sheet_grid(Sheet("Comparison", "of what", ("scenario", "verdict"), tuple(rows)))
    assert [row[1].tone for row in grid.rows] == ["good", "bad", "warn", "", "", "good", "bad", "warn"]
    assert {row[0].tone for row in grid.rows} == {""}
