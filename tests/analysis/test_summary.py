import itertools
import math
from dataclasses import fields

import pytest

from bench.analysis import summary
from bench.analysis.summary import COLUMNS, ScenarioSummary, sort_by
from bench.errors import BenchError
from tests.runs import run_table


def summarise(rows):
    return summary.summarise(run_table(rows))


NUMBERS = itertools.count(1)


@pytest.fixture
def run():
    """Call with columns; gives a row of `runs` that ended ok, another one each time."""
    numbers = itertools.count()

    def make(**columns):
        return {
            **dict.fromkeys(COLUMNS),
            **dict.fromkeys(("error", "target_accuracy", "target_seconds", "wanted_precision", "max_rounds")),
            "run_id": f"run-{next(numbers)}",
            "session_id": "session",
            "round": next(NUMBERS),
            "suite": "suite",
            "sweep": "sweep",
            "scenario_id": "s1",
            "label": "label",
            "machine": "a machine",
            "status": "ok",
            "flags": [],
            **columns,
        }

    return make


def labels(summaries):
    return [summary.label for summary in summaries]


def test_each_run_counts_once_and_the_medians_are_worked_out_by_hand(run):
    steps = (1.0, 2.0, 4.0, 100.0)
    accuracies = (0.90, 0.92, 0.91, 0.99)
    rows = [
        run(step_seconds=step, samples_per_second=100 / step, val_accuracy=accuracy, wall_seconds=None)
        for step, accuracy in zip(steps, accuracies, strict=True)
    ]
    (found,) = summarise(rows)
    # Deviations from the median of 3 are 2, 1, 1 and 97: their median is 1.5.
    assert (found.step_seconds, found.spread) == (3.0, 0.5)
    assert found.samples_per_second == (50 + 25) / 2
    assert found.val_accuracy == pytest.approx(0.915)
    assert found.wall_seconds is None
    assert (found.runs, found.ok, found.failures, found.error) == (4, 4, (), None)


def test_only_what_was_compiled_says_what_compiling_takes(run):
    compiled = {"compile_seconds": 2.0, "wall_seconds": 9.0, "peak_host_bytes": 70, "compile_cached": False}
    cached = {"compile_seconds": 0.1, "peak_host_bytes": 60, "compile_cached": True}
    rows = [
        run(step_seconds=1.0, **compiled),
        run(step_seconds=2.0, **cached),
        run(step_seconds=3.0, **cached),
        run(step_seconds=4.0, compile_seconds=4.0),  # of a table without the column, or without XLA
    ]
    (found,) = summarise(rows)
    assert (found.compile_seconds, found.wall_seconds, found.step_seconds) == (3.0, 9.0, 2.5)
    assert found.peak_host_bytes == 70
    (found,) = summarise(rows[1:3])
    assert found.compile_seconds is None


def test_from_six_runs_on_the_median_has_an_interval(run):
    """Of nine, from the second to the last but one: 0.98 to 1.04 about 1.00."""
    steps = (1.0, 0.9, 1.0, 1.04, 2.0, 1.0, 0.98, 1.0, 1.01)
    (found,) = summarise([run(step_seconds=step) for step in steps])
    assert (found.step_seconds, found.step_seconds_low, found.step_seconds_high) == (1.0, 0.98, 1.04)
    assert found.step_precision == pytest.approx(0.04)
    assert (found.wanted_precision, found.precision_reached, found.max_rounds) == (None, None, None)
    (fewer,) = summarise([run(step_seconds=step) for step in steps[:5]])
    assert fewer.step_seconds == 1.0
    assert fewer.step_seconds_low is fewer.step_seconds_high is fewer.step_precision is None


@pytest.mark.parametrize(("wanted", "reached"), [(0.04, True), (0.039, False)])
def test_an_interval_reaches_what_was_asked_for_or_not(run, wanted, reached):
    asked = {"wanted_precision": wanted, "max_rounds": 20}
    (found,) = summarise([run(step_seconds=step, **asked) for step in (0.99, *[1.0] * 5, 1.04)])
    assert (found.wanted_precision, found.precision_reached, found.max_rounds) == (wanted, reached, 20)


@pytest.mark.parametrize(("wanted", "low", "high"), [(None, 6.0, 15.0), (0.5, 5.0, 16.0)])
def test_the_interval_that_decided_is_the_one_that_is_shown(run, wanted, low, high):
    """At 97 % where a precision was sought, at 95 % where there were just so many rounds."""
    (found,) = summarise([run(step_seconds=float(n), wanted_precision=wanted) for n in range(1, 21)])
    assert (found.step_seconds_low, found.step_seconds_high) == (low, high)


def test_runs_that_failed_leave_what_was_asked_for_unreached(run):
    asked = {"wanted_precision": 0.5, "max_rounds": 20}
    rows = [run(step_seconds=1.0, **asked) for _ in range(6)] + [run(status="lost", **asked)]
    (found,) = summarise(rows)
    assert (found.runs, found.ok, found.precision_reached) == (7, 6, False)


def test_of_a_session_that_was_resumed_the_finest_precision_is_what_was_asked_for(run):
    asked = [(None, None), (0.1, 9), (0.01, 20)]
    rows = [run(step_seconds=1.0, wanted_precision=p, max_rounds=m) for p, m in asked for _ in range(3)]
    (found,) = summarise(rows)
    assert (found.wanted_precision, found.max_rounds, found.precision_reached) == (0.01, 20, True)


def test_runs_that_did_not_end_ok_are_counted_and_kept_out_of_the_medians(run):
    rows = [
        run(step_seconds=1.0, flags=["unstable"]),
        run(step_seconds=9.0, status="diverged", error="first\nmore", flags=["unstable", "retried"]),
        run(status="timeout", error="last\nmore", flags=None),
        run(status="timeout"),
    ]
    (found,) = summarise(rows)
    assert (found.runs, found.ok, found.step_seconds, found.spread) == (4, 1, 1.0, None)
    assert found.failures == (("timeout", 2), ("diverged", 1))
    assert found.flags == (("unstable", 2), ("retried", 1))
    assert found.error == "last"


def test_an_error_without_text_does_not_break_the_summary(run):
    assert summarise([run(status="failed", error="")])[0].error is None


def test_a_scenario_of_which_no_run_ended_ok_has_no_figures(run):
    (found,) = summarise([run(status="oom_device", step_seconds=None)] * 2)
    assert (found.runs, found.ok) == (1, 0)
    assert found.step_seconds is found.val_accuracy is found.bound_by is None


def test_a_run_that_lies_in_two_folders_counts_once(run):
    row = run(step_seconds=1.0)
    assert summarise([row, {**row}, run(step_seconds=3.0)])[0].runs == 2


@pytest.mark.parametrize(
    ("reached", "seconds"),
    [((10.0, 20.0, 30.0), 20.0), ((10.0, 20.0, None), 20.0), ((10.0, None, None), math.inf)],
)
def test_a_missed_target_counts_as_infinite(run, reached, seconds):
    rows = [run(target_accuracy=0.98, target_seconds=time) for time in reached]
    (found,) = summarise(rows)
    assert (found.target_seconds, found.target_runs) == (seconds, 3)
    assert found.target_reached == sum(time is not None for time in reached)
    assert found.target_accuracy == 0.98


def test_a_failed_run_missed_its_target(run):
    rows = [run(target_accuracy=0.98, target_seconds=10.0), run(target_accuracy=0.98, status="lost")]
    (found,) = summarise(rows)
    assert (found.target_reached, found.target_runs, found.target_seconds) == (1, 2, math.inf)


def test_without_a_target_there_is_nothing_to_reach(run):
    (found,) = summarise([run()])
    assert (found.target_accuracy, found.target_seconds) == (None, None)
    assert (found.target_reached, found.target_runs) == (0, 0)


def test_scenarios_machines_sessions_sweeps_and_suites_are_kept_apart(run):
    names = ("session_id", "machine", "machine_id", "software_id", "scenario_id", "sweep", "suite")
    changes = ({}, *({name: "other"} for name in names))
    found = summarise([run(**change) for change in changes for _ in range(2)])
    assert [summary.runs for summary in found] == [2] * 8
    assert {summary.sessions for summary in found} == {1}


def test_a_run_that_no_machine_had_goes_with_its_sessions_machine(run):
    rows = [run(), run(machine=None, status="infeasible"), run(machine=None, session_id="elsewhere")]
    found = summarise(rows)
    assert [(summary.machine, summary.runs) for summary in found] == [("a machine", 2), ("unknown", 1)]


def test_numbers_in_labels_sort_as_numbers(run):
    names = (
        "batch_size=10",
        "batch_size=2",
        "batch_size=1 loop=fit",
        "lr=0.02",
        "lr=1e-05",
        "lr=0.0001",
        "x",
    )
    rows = [run(label=name, scenario_id=name) for name in names]
    assert labels(summarise(rows)) == [
        *("batch_size=1 loop=fit", "batch_size=2", "batch_size=10", "lr=1e-05", "lr=0.0001", "lr=0.02", "x")
    ]


def test_sorting_goes_both_ways_and_puts_what_is_missing_last(run):
    times = {"a": 2.0, "b": None, "c": 1.0, "d": 3.0}
    found = summarise(run(label=name, scenario_id=name, step_seconds=time) for name, time in times.items())
    assert labels(sort_by(found, "step_seconds")) == ["c", "a", "d", "b"]
    assert labels(sort_by(found, "-step_seconds")) == ["d", "a", "c", "b"]
    assert labels(sort_by(found, "-label")) == ["d", "c", "b", "a"]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_can_be_sorted_by(run, column):
    found = summarise([run(scenario_id=name, flags=["unstable"], status=name) for name in ("ok", "failed")])
    assert {summary.scenario_id for summary in sort_by(found, column)} == {"ok", "failed"}


def test_an_unknown_column_is_an_error_that_names_the_known_ones(run):
    with pytest.raises(BenchError, match="--sort -speed: no such column; the columns are suite, sweep, "):
        sort_by(summarise([run()]), "-speed")


def test_the_columns_are_the_summarys_fields():
    assert tuple(field.name for field in fields(ScenarioSummary)) == COLUMNS
