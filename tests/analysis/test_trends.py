import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.summary import summarise
from bench.analysis.trends import trends
from bench.records.measurement import Measurement
from bench.records.scenario import Scenario
from bench.records.tables import Identity, run_row
from tests.runs import run_table

NUMBERS = itertools.count(1)
BATCHES = (10, 1, 100)


def run(batch=100, *, step=None, **columns):
    """A row of `runs` that ended ok: settings make the scenario, other columns are put over the row."""
    settings = {name: value for name, value in columns.items() if name in Scenario.model_fields}
    size = {} if "batch_per_replica" in settings else {"batch_size": batch}
    scenario = Scenario(**{"hidden": [50, 50], **size, **settings})
    number = next(NUMBERS)
    where = {"session_id": "session", "suite": "suite", "sweep": "sweep", "label": "label"}
    when = {"round": 1, "order": number, "attempt": 1, "started_at": None}
    identity = Identity(
        f"run-{number}", scenario_id=scenario.scenario_id, machine="a machine", **where, **when
    )
    row = run_row(identity, scenario, number, Measurement("ok", step_seconds=step))
    return {**row, **{name: value for name, value in columns.items() if name not in settings}}


def trends_of(rows):
    runs = run_table(rows)
    return trends(summarise(runs), runs)


def lines_of(rows):
    """The axis of the one trend, and the values of each of its lines."""
    (found,) = trends_of(rows)
    return found.axis, {line.name: [x for x, _ in line.points] for line in found.lines}


class TestAxis:
    def test_the_summaries_stand_upwards_along_it(self):
        (found,) = trends_of(run(batch, step=batch / 4) for batch in BATCHES)
        (line,) = found.lines
        assert (found.suite, found.sweep, found.axis, line.name) == ("suite", "sweep", "batch_size", "")
        assert [(x, summary.step_seconds) for x, summary in line.points] == [(1, 0.25), (10, 2.5), (100, 25)]

    def test_two_values_or_none_are_no_trend(self):
        assert trends_of(run(batch) for batch in (1, 10)) == trends_of([run()]) == trends_of([]) == []

    def test_it_is_the_setting_of_the_most_numbers(self):
        points = itertools.product(BATCHES, (0.1, 0.2, 0.3, 0.4))
        axis, lines = lines_of(run(batch, learning_rate=rate) for batch, rate in points)
        assert axis == "learning_rate"
        assert lines == {f"batch_size={batch}": [0.1, 0.2, 0.3, 0.4] for batch in BATCHES}

    def test_of_as_many_it_is_the_first_in_the_order_of_the_settings(self):
        points = itertools.product(BATCHES, (0.1, 0.2, 0.3))
        assert lines_of(run(batch, learning_rate=rate) for batch, rate in points)[0] == "learning_rate"

    def test_words_are_no_axis(self):
        assert trends_of(run(optimizer=name) for name in ("adam", "sgd", "momentum", "adamw")) == []

    def test_nor_is_what_is_none_in_some_rows(self):
        assert trends_of(run(cpus=cpus) for cpus in (None, 1, 2, 4)) == []
        assert trends_of([*map(run, BATCHES), run(batch_per_replica=100)]) == []


class TestHidden:
    def test_of_uniform_layers_the_width_is_a_number(self):
        rows = [run(hidden=[width] * 2) for width in (100, 20, 1000)]
        assert lines_of(rows) == ("hidden", {"": [20, 100, 1000]})

    def test_nets_of_so_many_layers_have_a_line_each_whatever_their_one_activation(self):
        rows = [run(hidden=[width] * layers) for layers in (2, 1) for width in (20, 100, 1000)]
        assert lines_of(rows) == ("hidden", {f"layers={n}": [20, 100, 1000] for n in (2, 1)})

    def test_several_activations_are_named_layer_by_layer(self):
        kinds = ("tanh", ["relu", "tanh"])
        rows = [run(hidden=[width] * 2, activation=kind) for kind in kinds for width in (20, 100, 1000)]
        assert set(lines_of(rows)[1]) == {"activation=tanh", "activation=relu-tanh"}

    def test_one_net_of_mixed_widths_leaves_no_number(self):
        assert trends_of(run(hidden=hidden) for hidden in ([20, 20], [50, 50], [90, 90], [90, 20])) == []

    def test_mixed_widths_tell_lines_apart(self):
        rows = [run(batch, hidden=hidden) for hidden in ([90, 20], [20, 90]) for batch in BATCHES]
        assert lines_of(rows)[1] == {"hidden=90-20": [1, 10, 100], "hidden=20-90": [1, 10, 100]}


class TestLines:
    def test_they_name_every_other_setting_that_varies_in_the_order_of_settings(self):
        kinds = itertools.product(("fit", "fused"), (True, False), BATCHES)
        axis, lines = lines_of(run(batch, loop=loop, jit=jit) for loop, jit, batch in kinds)
        names = [f"loop={loop} jit={jit}" for loop in ("fit", "fused") for jit in (True, False)]
        assert (axis, list(lines.items())) == ("batch_size", [(name, [1, 10, 100]) for name in names])

    def test_a_setting_that_is_none_is_unset(self):
        rows = [run(batch, cpus=cpus) for cpus in (None, 2) for batch in BATCHES]
        assert lines_of(rows)[1] == {"cpus unset": [1, 10, 100], "cpus=2": [1, 10, 100]}

    def test_an_activation_that_all_layers_share_is_the_same_whatever_their_widths(self):
        rows = [run(batch, hidden=hidden) for hidden in ([50, 50], [90, 20]) for batch in BATCHES]
        assert list(lines_of(rows)[1]) == ["hidden=50", "hidden=90-20"]

    def test_of_several_machines_each_has_its_own(self):
        rows = [run(batch, machine=name) for name in ("b", "a") for batch in BATCHES]
        rows += [run(batch, machine="a", loop="fit") for batch in BATCHES]
        (found,) = trends_of(rows)
        named = {(line.name, line.origin.machine): [x for x, _ in line.points] for line in found.lines}
        of = [("loop=fused", "a"), ("loop=fused", "b"), ("loop=fit", "a")]
        assert named == {key: [1, 10, 100] for key in of}

    @pytest.mark.parametrize("name", ["session_id", "machine_id", "software_id"])
    def test_sessions_machines_of_one_name_and_softwares_have_their_own(self, name):
        rows = [run(batch, **{name: value}) for value in ("b", "a") for batch in BATCHES]
        (found,) = trends_of(rows)
        assert [getattr(line.origin, name) for line in found.lines] == ["a", "b"]
        assert [line.name for line in found.lines] == ["", ""]

    def test_a_value_that_was_not_run_is_missing_from_its_line_alone(self):
        rows = [*map(run, BATCHES), run(10, loop="fit"), run(100, loop="fit")]
        assert lines_of(rows)[1] == {"loop=fused": [1, 10, 100], "loop=fit": [10, 100]}


def test_suites_and_sweeps_have_trends_of_their_own_in_the_order_of_the_summaries():
    places = [("b", "y"), ("a", "y"), ("a", "x")]
    rows = [run(batch, suite=suite, sweep=sweep) for suite, sweep in places for batch in BATCHES]
    assert [(found.suite, found.sweep) for found in trends_of(rows)] == sorted(places)


def test_what_failed_or_missed_its_target_has_its_place_and_a_run_twice_counts_once():
    rows = [run(1, status="lost", machine=None), run(10), run(100, step=2.0)]
    rows = [{**row, "target_accuracy": 0.9} for row in rows]
    ((line,),) = (found.lines for found in trends_of([*rows, *rows]))
    assert [summary.runs for _, summary in line.points] == [1, 1, 1]
    assert [summary.step_seconds for _, summary in line.points] == [None, None, 2.0]
    assert {summary.target_seconds for _, summary in line.points} == {math.inf}


@pytest.mark.parametrize("missing", [("servers", "placement"), ("label_smoothing", "accelerator")])
def test_rows_of_an_older_table_need_not_have_every_setting(missing):
    rows = [{k: v for k, v in run(batch).items() if k not in missing} for batch in BATCHES]
    assert lines_of(rows) == ("batch_size", {"": [1, 10, 100]})


POINTS = st.sets(st.tuples(st.sampled_from((1, 2, 5, 9)), st.sampled_from((0.1, 0.2, 0.3)), st.booleans()))


@given(POINTS, st.integers(1, 2))
def test_each_summary_stands_on_one_line_once_and_names_and_values_are_distinct(points, machines):
    rows = [
        run(batch, learning_rate=rate, jit=jit, machine=str(machine))
        for batch, rate, jit in points
        for machine in range(machines)
    ]
    found = trends_of(rows)
    most = max((len({point[axis] for point in points}) for axis in (0, 1)), default=0)
    assert len(found) == (most >= 3)
    for trend in found:
        standing = [summary for line in trend.lines for _, summary in line.points]
        assert sorted(map(repr, standing)) == sorted(map(repr, summarise(run_table(rows))))
        assert len({(line.name, line.origin) for line in trend.lines}) == len(trend.lines)
        for line in trend.lines:
            values = [x for x, _ in line.points]
            assert values == sorted(set(values))
