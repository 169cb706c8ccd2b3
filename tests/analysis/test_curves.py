import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.curves import curves
from tests.runs import arrow_table, run_table

NUMBERS = itertools.count(1)


def run(*accuracies, losses=None, seconds=1.0, **columns):
    """A row of `runs`, and one of `epochs` per accuracy after its validation, `seconds` apart."""
    row = {
        "run_id": f"run-{next(NUMBERS)}",
        "suite": "suite",
        "sweep": "sweep",
        "scenario_id": "s1",
        "label": "label",
        "machine": "a machine",
        "status": "ok",
        **columns,
    }
    epochs = [
        {
            "run_id": row["run_id"],
            "epoch": number,
            "elapsed_seconds": number * seconds,
            "val_accuracy": accuracy,
            "val_loss": losses[number - 1] if losses else 0.5,
        }
        for number, accuracy in enumerate(accuracies, start=1)
    ]
    return row, epochs


def curves_of(*runs):
    rows = itertools.chain.from_iterable(epochs for _, epochs in runs)
    return curves(run_table([row for row, _ in runs]), arrow_table("epochs", rows))


def test_a_curve_has_the_median_run_after_each_epoch_and_the_worst_and_the_best():
    (found,) = curves_of(
        run(0.5, 0.9, seconds=1.0, losses=(4.0, 1.0), target_accuracy=0.95),
        run(0.7, 0.8, seconds=5.0, losses=(2.0, 9.0), target_accuracy=0.95),
        run(0.6, 0.7, seconds=2.0, losses=(3.0, 2.0), target_accuracy=0.95),
    )
    assert (found.suite, found.sweep, found.label, found.origin.machine) == (
        "suite",
        "sweep",
        "label",
        "a machine",
    )
    assert (found.runs, found.target_accuracy, found.epochs) == (3, 0.95, (1, 2))
    assert (found.elapsed_seconds, found.val_accuracy) == ((2.0, 4.0), (0.6, 0.8))
    assert (found.low, found.high, found.val_loss) == ((0.5, 0.7), (0.7, 0.9), (3.0, 2.0))


def test_the_shortest_run_says_how_long_the_curve_is():
    (found,) = curves_of(run(0.5, 0.75, 0.9), run(0.25, 0.25))
    assert (found.epochs, found.val_accuracy, found.runs) == ((1, 2), (0.375, 0.5), 2)
    assert curves_of(run(0.5, None), run(None, 0.5)) == []


def test_an_epoch_without_a_validation_is_no_point():
    (found,) = curves_of(run(None, 0.5, *[None] * 5, 0.75))
    assert (found.epochs, found.elapsed_seconds, found.val_accuracy) == ((2, 8), (2.0, 8.0), (0.5, 0.75))


def test_the_loss_is_the_median_of_those_known_and_none_where_none_is():
    losses = ((None, None, math.inf), (1.0, None, 1.0), (3.0, None, 2.0))
    (found,) = curves_of(*(run(0.5, 0.5, 0.5, losses=each) for each in losses))
    assert found.val_loss == (2.0, None, 2.0)


@pytest.mark.parametrize("other", [run(0.1, status="diverged"), run(0.1, status="lost"), run(), run(None)])
def test_only_ok_runs_with_a_validation_count(other):
    (found,) = curves_of(other, run(0.5))
    assert (found.runs, found.low) == (1, (0.5,))
    assert curves_of(other) == curves_of() == []


def test_epochs_count_in_their_own_order_and_a_run_and_its_epochs_twice_count_once():
    (row, epochs), (other, others) = run(0.5, 0.75), run(0.5, 0.25)
    (found,) = curves(
        run_table([row, other, row]), arrow_table("epochs", [*reversed(epochs), *others, *epochs])
    )
    assert (found.epochs, found.val_accuracy, found.runs) == ((1, 2), (0.5, 0.5), 2)


@pytest.mark.parametrize(
    "name", ["suite", "sweep", "scenario_id", "session_id", "machine", "machine_id", "software_id"]
)
def test_suites_sweeps_scenarios_sessions_and_machines_have_curves_of_their_own(name):
    found = curves_of(*(run(0.5, label=value, **{name: value}) for value in ("a", "b", "a")))
    assert [(curve.label, curve.runs) for curve in found] == [("a", 2), ("b", 1)]


def test_a_run_without_a_machine_or_a_column_for_its_target_has_a_curve():
    (found,) = curves_of(run(0.5, machine=None))
    assert (found.origin.machine, found.target_accuracy) == ("unknown", None)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_median_lies_between_worst_and_best_and_all_are_as_long(accuracies):
    (found,) = curves_of(*(run(*each) for each in accuracies))
    assert found.epochs == tuple(range(1, min(map(len, accuracies)) + 1))
    ends = zip(found.low, found.val_accuracy, found.high, found.elapsed_seconds, found.epochs, strict=True)
    assert all(low <= middle <= high for low, middle, high, *_ in ends)
