"""What `bench plan` and `bench show` say of repetition up to a precision."""

import csv
import io
import json

import pytest

from bench.records.entries import JournalContent
from bench.records.measurement import Measurement
from bench.records.suite import read_suite
from bench.records.tables import Identity, run_row
from bench.records.writing import write_tables

PRECISE = """
[measure]
precision = 0.01
max_rounds = 10
[[sweep]]
name = "sizes"
dataset = "digits"
hidden = [50, 50]
matrix.batch_size = [1, 10]
"""
# The interval of seven runs is all of them, here up to 0.8 % from the median; that of ten ends at the last
# but one on each side, here up to 2.4 % from it.
SETTLED = (1.0, 1.0, 1.0, 0.992, 1.0, 1.006, 1.0)
SCATTERED = (1.0, 1.0, 1.0, 0.99, 0.97, 1.024, 1.03, 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    path = tmp_path_factory.mktemp("suites") / "precise.toml"
    path.write_text(PRECISE)
    return path


@pytest.fixture(scope="module")
def recorded(suite, tmp_path_factory):
    """A session of it, in which one scenario was settled after seven rounds and the other never."""
    folder = tmp_path_factory.mktemp("precise")
    points = read_suite(suite).points
    runs = [
        row(point, number, step)
        for point, times in zip(points, (SETTLED, SCATTERED), strict=True)
        for number, step in enumerate(times, start=1)
    ]
    write_tables(folder, [JournalContent({"session_id": "s1"}, runs, [], [])])
    return folder


def row(point, number, step_seconds):
    scenario_id = point.scenario.scenario_id
    identity = Identity(
        run_id=f"s1-{scenario_id}-{number}",
        session_id="s1",
        suite="precise",
        sweep=point.sweep,
        scenario_id=scenario_id,
        label=point.label,
        round=number,
        order=1,
        attempt=1,
        started_at=None,
        machine="a machine",
        wanted_precision=0.01,
        max_rounds=10,
    )
    return run_row(identity, point.scenario, number, Measurement(status="ok", step_seconds=step_seconds))


@pytest.mark.parametrize("columns", [80, 140])
def test_a_plan_has_the_least_and_the_most(run_bench, suite, columns):
    """50,000 images, 5 epochs, 174,800 operations: 43.7 GFLOP a run, so 14 take 612 and 20 take 874."""
    shown = run_bench("plan", suite, columns=columns)
    assert (shown.returncode, shown.stderr) == (0, "")
    said = " ".join(shown.stdout.split())
    assert (
        "2 scenarios × 7 to 10 rounds until within ±1 % of this session's median = "
        "14 to 20 runs, 612 GFLOP to 874 GFLOP"
    ) in said
    assert max(map(len, shown.stdout.splitlines())) <= columns


def test_a_number_of_rounds_goes_before_the_precision(run_bench, suite):
    shown = run_bench("plan", suite, "--rounds", "4").stdout
    assert "2 scenarios × 4 rounds = 8 runs, 350 GFLOP of training steps." in shown
    assert "within" not in shown


@pytest.mark.parametrize("command", ["plan", "run"])
def test_the_help_says_so(run_bench, command):
    said = " ".join(run_bench(command, "--help").stdout.split())
    assert "--rounds N makes exactly N rounds, whatever precision the suite asks for." in said


@pytest.mark.parametrize("columns", [80, 140])
def test_the_recorded_runs_tell_later_which_scenarios_reached_it(run_bench, recorded, columns):
    shown = run_bench("show", recorded, columns=columns).stdout
    lines = [line for line in shown.splitlines() if line.startswith("batch_size=")]
    assert "  0.80%" in lines[0]
    assert "! 2.40%" in lines[1]
    said = " ".join(shown.split())
    assert (
        "Within ±1 % of this session's median: 1 of 2 scenarios, after 7 rounds. "
        "At 10 rounds still wider: sizes · batch_size=10 (±2.40 %)."
    ) in said


def test_other_formats_carry_the_numbers(run_bench, recorded):
    _, row = csv.DictReader(io.StringIO(run_bench("show", recorded, "--format", "csv").stdout))
    assert (row["step_seconds_low"], row["step_seconds_high"]) == ("0.99", "1.024")
    assert (row["wanted_precision"], row["precision_reached"], row["max_rounds"]) == ("0.01", "False", "10")
    settled, scattered = json.loads(run_bench("show", recorded, "--format", "json").stdout)
    assert (settled["precision_reached"], scattered["precision_reached"]) == (True, False)
    assert scattered["step_precision"] == pytest.approx(0.024)
    assert "| ! 2.40% |" in run_bench("show", recorded, "--format", "md").stdout


def test_tables_of_a_bench_that_knew_no_precision_are_read(run_bench, published):
    shown = run_bench("show", published, "--format", "json")
    assert shown.returncode == 0
    assert {entry["wanted_precision"] for entry in json.loads(shown.stdout)} == {None}


def test_a_thousand_runs_have_the_interval_worked_out_by_hand(run_bench, thousand):
    """Step times of 881 to 900 µs, twenty runs: the sixth is 886 µs, the fifteenth 895 µs."""
    table = csv.DictReader(io.StringIO(run_bench("show", thousand, "--all", "--format", "csv").stdout))
    found = next(
        row
        for row in table
        if row["label"] == "batch_size=100 loop=fused" and row["machine"].startswith("AMD EPYC")
    )
    ends = [float(found[f"step_seconds_{end}"]) for end in ("low", "high")]
    assert ends == pytest.approx([886e-6, 895e-6])
    assert float(found["step_precision"]) == pytest.approx(4.5 / 890.5)
    assert (found["wanted_precision"], found["precision_reached"]) == ("", "")


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (
            "precision = 2",
            "[measure]: precision: must be a share between 0 and 1, such as 0.01 for ±1 %, not 2",
        ),
        ("max_rounds = 9", "[measure]: max_rounds: only limits the rounds up to a precision; add precision"),
        ("precision = 0.01\nmax_rounds = 4", "from 4 runs no precision can be told at 97 %; give 7 or more"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_in_one_line(run_bench, tmp_path, measure, said):
    path = tmp_path / "wrong.toml"
    path.write_text(PRECISE.replace("precision = 0.01\nmax_rounds = 10", measure))
    ended = run_bench("plan", path)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert said in ended.stderr
