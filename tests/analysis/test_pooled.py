import itertools
import math

import numpy as np
import pytest

from bench.analysis.repetition import interval
from bench.analysis.summary import COLUMNS, summarise
from bench.analysis.typical import mean_over_sessions
from tests.runs import run_table

NUMBERS = itertools.count()


def run(session_id, **columns):
    """A row of `runs` that ended ok, another one each time."""
    number = next(NUMBERS)
    usual = {"run_id": f"run-{number}", "round": number, "suite": "suite", "sweep": "sweep", "status": "ok"}
    which = {"scenario_id": "s1", "label": "label", "machine": "a machine", "machine_id": "m1"}
    unknown = {**dict.fromkeys(COLUMNS), "flags": [], "target_seconds": None, "software_id": "v1"}
    return {**unknown, **usual, **which, "session_id": session_id, **columns}


def pooled(*rows):
    return summarise(run_table(rows), pool=True)


def one_of(*rows):
    (found,) = pooled(*rows)
    return found


def steps(session_id, *times, **columns):
    return [run(session_id, step_seconds=time, **columns) for time in times]


def test_the_interval_is_students_of_the_logarithms():
    """Of 1, 2, 4 and 8 in powers of two: 1.5 ± 3.182446 × 1.290994 / 2, the quantile from a printed table."""
    found = mean_over_sessions(np.array([1.0, 2.0, 4.0, 8.0]))
    assert math.log2(found.value) == pytest.approx(1.5)
    ends = [math.log2(end) for end in (found.low, found.high)]
    assert ends == pytest.approx([1.5 - 2.0542603, 1.5 + 2.0542603], abs=1e-6)


def test_under_four_sessions_there_is_no_interval():
    found = mean_over_sessions(np.array([1.0, 4.0, 2.0]))
    assert (found.value, found.low, found.high) == (pytest.approx(2.0), None, None)


def test_intervals_over_sessions_hold_the_time_and_those_over_runs_do_not():
    """Six sessions of five rounds, a mood of 5 %, a scatter of 2 %."""
    random, held = np.random.default_rng(7), np.zeros(2)
    for _ in range(400):
        logs = random.normal(0, 0.05, (6, 1)) + random.normal(0, 0.02, (6, 5))
        over_sessions, over_runs = (
            mean_over_sessions(np.exp(np.median(logs, axis=1))),
            interval(np.exp(logs.ravel())),
        )
        held += [found.low <= 1 <= found.high for found in (over_sessions, over_runs)]
    assert held[0] >= 0.92 * 400
    assert held[1] <= 0.8 * 400


def test_a_session_counts_once_however_many_runs_it_has():
    found = one_of(*steps("a", 1.0, 1.0, 9.0), *steps("b", *[4.0] * 50))
    assert (found.session_id, found.sessions, found.runs) == (None, 2, 53)
    assert found.step_seconds == pytest.approx(2.0)
    # The medians 1 and 4 lie 1.5 from theirs, 2.5.
    assert found.spread == pytest.approx(1.5 / 2)
    assert found.step_seconds_low is found.step_precision is None


def test_from_four_sessions_on_the_precision_is_that_of_the_sessions():
    found = one_of(
        *(row for name, time in zip("abcd", (1, 2, 4, 8), strict=True) for row in steps(name, time))
    )
    assert found.step_seconds_high == pytest.approx(2**3.5542603)
    assert found.step_precision == pytest.approx(2**2.0542603 - 1)


def test_other_times_are_over_sessions_and_what_has_no_mood_over_runs():
    first = [run("a", wall_seconds=1.0, val_accuracy=0.90), run("a", wall_seconds=3.0, val_accuracy=0.96)]
    second = [run("b", wall_seconds=8.0, val_accuracy=0.91), run("b", wall_seconds=1e9, compile_cached=True)]
    found = one_of(*first, *second)
    assert found.wall_seconds == pytest.approx(4.0)  # the root of 2 times 8: of runs that compiled
    assert found.val_accuracy == pytest.approx(0.91)


def test_what_did_not_end_ok_is_counted_and_in_no_median():
    rows = [
        *steps("a", 1.0),
        *steps("a", 5.0, status="lost", error="gone"),
        *steps("b", 4.0),
        *steps("c", None),
    ]
    found = one_of(*rows)
    assert (found.runs, found.ok, found.failures, found.error) == (4, 3, (("lost", 1),), "gone")
    assert (found.sessions, found.step_seconds) == (3, pytest.approx(2.0))


def test_a_precision_was_asked_of_each_session_alone():
    found = one_of(
        *(row for name in "abcd" for row in steps(name, 1.0, wanted_precision=0.01, max_rounds=20))
    )
    assert (found.wanted_precision, found.precision_reached, found.max_rounds) == (None, None, None)


@pytest.mark.parametrize(("last", "seconds"), [(30.0, 20.0), (None, 20.0)])
def test_the_time_to_a_target_is_the_median_of_the_sessions_medians(last, seconds):
    goal = {"target_accuracy": 0.9}
    times = {"a": (10.0, 10.0, None), "b": (20.0,), "c": (last, 30.0, last)}
    found = one_of(*(run(name, target_seconds=t, **goal) for name, of in times.items() for t in of))
    assert (found.target_seconds, found.target_runs) == (seconds, 7)


def test_a_target_that_most_sessions_missed_takes_infinitely_long():
    goal = {"target_accuracy": 0.9}
    rows = [
        run("a", target_seconds=1.0, **goal),
        run("b", **goal),
        run("c", target_seconds=1.0, status="lost", **goal),
    ]
    assert (one_of(*rows).target_seconds, one_of(*rows).target_reached) == (math.inf, 1)


@pytest.mark.parametrize("name", ["machine", "machine_id", "software_id", "scenario_id", "sweep", "suite"])
def test_nothing_else_is_pooled(name):
    found = pooled(
        *(
            row
            for value in "xy"
            for row in steps("a", 1.0, **{name: value}) + steps("b", 1.0, **{name: value})
        )
    )
    assert [(getattr(summary, name), summary.sessions) for summary in found] == [("x", 2), ("y", 2)]


def test_a_time_of_nothing_at_all_has_no_logarithm():
    found = one_of(
        *(run(name, step_seconds=0.0, energy_joules=energy) for name, energy in (("a", 0.0), ("b", 2.0)))
    )
    assert (found.step_seconds, found.step_precision, found.energy_joules) == (0.0, None, 1.0)
