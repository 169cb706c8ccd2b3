import datetime
import math

import pyarrow as pa
import pytest
from pydantic import ValidationError

from bench.records.plausible import impossible
from bench.records.scenario import Scenario
from bench.records.tables import schema_of

NAN, INF = math.nan, math.inf


def bad(name, values, table="runs"):
    """For each value of a column whether it cannot be."""
    column = pa.chunked_array([pa.array(values, schema_of(table).field(name).type)])
    found = impossible(name, column)
    return [False] * len(values) if found is None else found.to_pylist()


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("step_seconds", [0.1, NAN, INF, -INF, 0.0, -1.0, None], [0, 1, 1, 1, 1, 1, 0]),
        ("samples_per_second", [1.0, 0.0], [0, 1]),
        ("queue_seconds", [0.0, -0.5, NAN], [0, 1, 1]),
        ("steal_seconds", [0.0, None], [0, 0]),
        ("energy_joules", [0.0, -1.0], [0, 1]),
        ("peak_host_bytes", [0, -1], [0, 1]),
        ("val_accuracy", [0.0, 1.0, 1.0000001, 1.1, -0.1, NAN], [0, 0, 0, 1, 1, 1]),
        ("train_loss", [NAN, INF, -1.0], [0, 0, 0]),
        ("gpu_sm_clock_moved_fraction", [-0.5, NAN], [0, 1]),
        ("limit_fraction", [1.5, INF], [0, 1]),
        ("batch_size", [1, 0, -5], [0, 1, 1]),
        ("round", [0, -1], [0, 0]),
        ("hidden", [[50, 50], [50, 0], [None], [], None], [0, 1, 1, 0, 0]),
        ("flags", [["unstable"], ["unstable", None], []], [0, 1, 0]),
        ("label", ["", "x"], [0, 0]),
        ("jit", [True, None], [0, 0]),
    ],
)
def test_what_no_clock_counter_or_score_gives_cannot_be(name, values, expected):
    assert bad(name, values) == [bool(value) for value in expected]


def test_no_setting_can_be_zero_that_no_scenario_has_at_zero():
    usual = Scenario(hidden=[50], batch_size=100, cpus=1).model_dump()
    counts = {name for name, value in usual.items() if type(value) is int} - {"shift", "seed"}
    assert counts | {"batch_per_replica"} == {name for name in usual if refuses(name, 0)}
    for name in counts | {"batch_per_replica"}:
        assert bad(name, [0, 1, None]) == [True, False, False]


def refuses(name, value):
    """Whether a whole number cannot be that, in the words of the setting itself."""
    if schema_of("runs").field(name).type != pa.int64():
        return False
    with pytest.raises(ValidationError) as caught:
        Scenario(**{"hidden": [50], name: value, "unknown": 1})
    return any(error["loc"] == (name,) for error in caught.value.errors())


def test_windows_of_epochs_are_looked_into_and_rates_may_end_at_zero():
    assert bad("window_seconds", [[0.5, 0.5], [0.5, NAN]], "epochs") == [False, True]
    assert bad("learning_rate", [0.0, -1.0], "epochs") == [False, True]
    assert bad("gpu_power_limit_watts", [[700.0, None], [700.0, -1.0]], "machines") == [False, True]
    assert bad("probe_bytes_per_second", [[1e9, 0.0], [1e9]], "machines") == [True, False]


def test_times_long_ago_and_long_ahead_cannot_be():
    values = [datetime.datetime(year, 6, 1, tzinfo=datetime.UTC) for year in (1900, 2026, 2500)]
    assert bad("started_at", values) == [True, False, True]


def test_of_several_chunks_each_is_looked_into():
    chunks = pa.chunked_array([[[1, 2]], [], [None, [0]]], pa.list_(pa.int64()))
    assert impossible("hidden", chunks).to_pylist() == [False, False, True]
