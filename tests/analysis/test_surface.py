import itertools
import math

import pytest

from bench.analysis import surface
from bench.analysis.summary import COLUMNS, summarise
from bench.analysis.surface import Cell
from bench.records.scenario import Scenario
from tests.runs import run_table


def surfaces(rows):
    runs = run_table(rows)
    return surface.surfaces(summarise(runs), runs)


NUMBERS = itertools.count(1)

SETTINGS = {"hidden": [50, 50], "loop": "fused", "target_accuracy": 0.97, "workers": 1, "devices": 1}


@pytest.fixture
def run():
    """Call with a batch, a learning rate, the seconds to the target and other columns; gives a row of `runs`.

    Rows of equal settings are runs of one scenario.
    """
    numbers = itertools.count()

    def make(batch, rate, seconds=None, **columns):
        size = {"batch_size": batch, "learning_rate": rate}
        row = {
            **dict.fromkeys((*COLUMNS, *Scenario.model_fields, "error")),
            "run_id": f"run-{next(numbers)}",
            "session_id": "session",
            "round": next(NUMBERS),
            "suite": "suite",
            "sweep": "sweep",
            "label": "label",
            "machine": "a machine",
            "status": "ok",
            "flags": [],
            "best_val_accuracy": 0.95,
            "target_seconds": seconds,
            **SETTINGS,
            **size,
            **columns,
        }
        settings = (row[name] for name in Scenario.model_fields if name != "seed")
        return {**row, "scenario_id": "/".join(map(str, settings))}

    return make


@pytest.fixture
def cell_of(run):
    """Call with columns of each run of one scenario; gives its cell in a surface of two by two."""

    def cell(*changes):
        others = [run(batch, rate) for batch, rate in ((10, 0.01), (100, 0.001), (100, 0.01))]
        (surface,) = surfaces([*others, *(run(10, 0.001, **change) for change in changes)])
        return surface.cells[0][0]

    return cell


def test_a_surface_has_a_row_per_batch_and_a_column_per_learning_rate_as_numbers_sort(run):
    times = {(100, 0.001): 3.0, (10, 0.1): 2.0, (10, 0.001): 1.0, (100, 0.1): 4.0}
    (found,) = surfaces(run(*point, seconds) for point, seconds in times.items())
    assert (found.batches, found.learning_rates) == ((10, 100), (0.001, 0.1))
    assert [[cell.target_seconds for cell in row] for row in found.cells] == [[1.0, 2.0], [3.0, 4.0]]
    assert (found.suite, found.sweep, found.origin.machine, found.label) == (
        "suite",
        "sweep",
        "a machine",
        "",
    )
    assert found.target_accuracy == 0.97


def test_what_was_not_run_has_no_cell(run):
    (found,) = surfaces([run(10, 0.1, 1.0), run(100, 0.001, 2.0)])
    assert [[cell is None for cell in row] for row in found.cells] == [[True, False], [False, True]]


def test_a_cell_where_every_run_reached_the_target_has_their_median(cell_of):
    found = cell_of({"seconds": 1.0}, {"seconds": 9.0}, {"seconds": 2.0})
    assert found == Cell("reached", runs=3, reached=3, target_seconds=2.0, best_val_accuracy=0.95)


@pytest.mark.parametrize(
    ("times", "reached", "median"), [((1.0, None, 2.0), 2, 2.0), ((1.0, None), 1, math.inf)]
)
def test_a_miss_is_infinite_in_the_median_and_is_not_dropped(cell_of, times, reached, median):
    found = cell_of(*({"seconds": seconds} for seconds in times))
    assert (found.outcome, found.reached, found.runs) == ("partly", reached, len(times))
    assert found.target_seconds == median


def test_a_failed_run_is_a_miss(cell_of):
    found = cell_of({"seconds": 1.0}, {"seconds": 2.0}, {"status": "lost"})
    assert (found.outcome, found.reached, found.runs, found.target_seconds) == ("partly", 2, 3, 2.0)


def test_where_no_run_reached_the_target_the_best_accuracy_is_that_of_the_median_run(cell_of):
    found = cell_of(*({"best_val_accuracy": best} for best in (0.9, 0.96, 0.93)))
    assert found == Cell("missed", runs=3, reached=0, target_seconds=math.inf, best_val_accuracy=0.93)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (("diverged",), "diverged"),
        (("oom_device",), "out-of-memory"),
        (("oom_host",), "out-of-memory"),
        (("timeout",), "failed"),
        (("ok", "diverged"), "diverged"),
        (("ok", "ok", "diverged"), "missed"),
        (("lost", "diverged", "diverged"), "diverged"),
    ],
)
def test_without_a_run_that_reached_the_target_a_cell_is_what_most_runs_came_to(cell_of, statuses, outcome):
    found = cell_of(*({"status": status} for status in statuses))
    assert (found.outcome, found.reached, found.target_seconds) == (outcome, 0, math.inf)


def test_a_cell_at_chance_is_told_from_one_that_only_missed(cell_of):
    at_chance = {"flags": ["not-learning"], "best_val_accuracy": 0.11}
    assert cell_of(at_chance, at_chance).outcome == "not-learning"
    assert cell_of(at_chance, {}).outcome == "missed"


def test_the_fastest_cell_has_the_least_median_that_is_finite(run):
    (found,) = surfaces([run(10, 0.1, 3.0), run(10, 0.001), run(100, 0.1, 2.0), run(100, 0.001, 5.0)])
    assert found.fastest is found.cells[1][1]
    assert found.fastest.target_seconds == 2.0


def test_a_surface_that_nobody_reached_has_no_fastest(run):
    (found,) = surfaces(run(batch, rate) for batch in (10, 100) for rate in (0.1, 0.001))
    assert found.fastest is None


@pytest.mark.parametrize(
    ("batches", "rates", "target"),
    [((10,), (0.1, 0.001), 0.97), ((10, 100), (0.1,), 0.97), ((10, 100), (0.1, 0.001), None)],
)
def test_without_two_axes_and_a_target_there_is_no_surface(run, batches, rates, target):
    points = itertools.product(batches, rates)
    assert surfaces([run(*point, target_accuracy=target) for point in points]) == []


def test_no_run_is_no_surface():
    assert surfaces([]) == []


def test_what_differs_in_another_setting_lies_on_another_surface_that_names_it(run):
    settings = [{"loop": "fit"}, {"loop": "fused", "hidden": [200, 20]}]
    points = list(itertools.product((10, 100), (0.1, 0.001)))
    found = surfaces(run(*point, 1.0, **changes) for changes in settings for point in points)
    assert [surface.label for surface in found] == ["hidden=50-50 loop=fit", "hidden=200-20 loop=fused"]


def test_a_setting_that_only_a_sweep_without_a_surface_has_is_not_named(run):
    points = [run(batch, rate) for batch in (10, 100) for rate in (0.1, 0.001)]
    (found,) = surfaces([*points, run(10, 0.1, loop="fit")])
    assert found.label == ""


@pytest.mark.parametrize("name", ["suite", "sweep", "session_id", "machine", "machine_id", "software_id"])
def test_suites_sweeps_sessions_and_machines_have_surfaces_of_their_own(run, name):
    points = list(itertools.product((10, 100), (0.1, 0.001)))
    found = surfaces(run(*point, **{name: value}) for value in ("a", "b") for point in points)
    of = [getattr(surface if name in ("suite", "sweep") else surface.origin, name) for surface in found]
    assert of == ["a", "b"]
    assert {surface.label for surface in found} == {""}


def test_targets_have_surfaces_of_their_own(run):
    points = list(itertools.product((10, 100), (0.1, 0.001)))
    found = surfaces(run(*point, target_accuracy=target) for target in (0.95, 0.97) for point in points)
    assert [(surface.target_accuracy, surface.label) for surface in found] == [(0.95, ""), (0.97, "")]


def test_the_batch_of_a_surface_is_the_global_one(run):
    replicas = {"workers": 2, "devices": 4}
    rows = [run(None, rate, batch_per_replica=n, **replicas) for n in (10, 100) for rate in (0.1, 0.001)]
    (found,) = surfaces(rows)
    assert found.batches == (80, 800)


def test_the_seed_makes_no_surface_of_its_own(run):
    rows = [
        run(batch, rate, 1.0, seed=seed) for seed in (1, 2) for batch in (10, 100) for rate in (0.1, 0.001)
    ]
    (found,) = surfaces(rows)
    assert {cell.runs for row in found.cells for cell in row} == {2}
