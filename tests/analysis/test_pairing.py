import pandas as pd
import pytest

from bench.analysis import pairing
from bench.analysis.pairing import MANNER, WORK, pair, plain
from bench.records.scenario import Scenario
from tests.runs import run_table


def scenarios(*rows):
    return pairing.scenarios(run_table(*rows))


def test_every_setting_decides_what_is_computed_or_how():
    """`batch_size` is in `global_batch`, and a seed makes no other scenario."""
    assert sorted((*WORK, *MANNER, "batch_size", "seed")) == sorted(Scenario.model_fields)


def labels(pairing):
    return [(a.label, b.label) for a, b in pairing.pairs]


def test_equal_scenario_ids_are_paired_first(scenario_runs):
    # By work alone a1 could stand against either of B's two.
    side_a = scenarios(scenario_runs([1.0], "s1"))
    side_b = scenarios(pd.concat([scenario_runs([1.0], "s2", loop="fit"), scenario_runs([1.0], "s1")]))
    pairing = pair(side_a, side_b)
    assert labels(pairing) == [("s1", "s1")]
    assert [scenario.label for scenario in pairing.only_b] == ["s2"]


@pytest.mark.parametrize(
    "change",
    [
        {"loop": "fit"},
        {"precision": "tf32"},
        {"jit": False},
        {"strategy": "mirrored", "devices": 2},
        {"device": "gpu"},
        {"cpus": 4},
        {"strategy": "parameter_server", "workers": 2, "servers": 2},
        {"strategy": "multi_worker_mirrored", "workers": 2, "placement": "spread"},
        {"target_accuracy": 0.985},
        {"batch_size": None, "batch_per_replica": 50, "devices": 2},
    ],
)
def test_the_same_work_done_another_way_is_paired(scenario_runs, change):
    side_a, side_b = scenarios(scenario_runs([1.0], "s1")), scenarios(scenario_runs([1.0], "s2", **change))
    assert labels(pair(side_a, side_b)) == [("s1", "s2")]


def test_what_keeps_work_apart_is_named(scenario_runs):
    """A value that is on both sides keeps none apart, nor what one side does not tell."""
    side_a = scenarios(scenario_runs([1.0], "s1", batch_size=100, hidden=[50], dropout=0.1))
    side_b = scenarios(
        pd.concat(
            [
                scenario_runs([1.0], "s2", batch_size=200, hidden=[60], dropout=0.1),
                scenario_runs([1.0], "s3", batch_size=200, hidden=[50], dropout=None),
            ]
        )
    )
    assert pairing.unlike(side_a, side_b) == ("batch_size",)


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "digits"},
        {"hidden": [50]},
        {"activation": ["tanh", "relu"]},
        {"dropout": 0.1},
        {"standardize": True},
        {"shift": 1},
        {"label_smoothing": 0.1},
        {"optimizer": "sgd"},
        {"learning_rate": 2e-3},
        {"schedule": "cosine"},
        {"warmup_fraction": 0.1},
        {"batch_size": 200},
        {"epochs": 6},
    ],
)
def test_other_work_is_not_paired(scenario_runs, change):
    side_a, side_b = scenarios(scenario_runs([1.0], "s1")), scenarios(scenario_runs([1.0], "s2", **change))
    pairing = pair(side_a, side_b)
    assert (len(pairing.pairs), len(pairing.only_a), len(pairing.only_b)) == (0, 1, 1)


def test_two_candidates_for_one_are_not_guessed_between(scenario_runs):
    side_a = scenarios(scenario_runs([1.0], "s1"))
    both = [scenario_runs([1.0], "s2", loop="fit"), scenario_runs([1.0], "s3", precision="tf32")]
    assert not pair(side_a, scenarios(pd.concat(both))).pairs


def test_weak_scaling_is_paired_by_each_replicas_batch(scenario_runs):
    side_a = scenarios(scenario_runs([1.0], "s1", batch_size=None, batch_per_replica=100))
    side_b = scenarios(scenario_runs([1.0], "s2", batch_size=None, batch_per_replica=100, devices=4))
    [(a, b)] = pair(side_a, side_b).pairs
    assert (a.global_batch, b.global_batch) == (100, 400)


def test_older_tables_without_newer_settings_did_without_them(scenario_runs):
    newer = ["dropout", "standardize", "shift", "label_smoothing", "schedule", "warmup_fraction", "workers"]
    old = scenario_runs([1.0], "s1").drop(columns=newer).assign(activation="relu", batch_size=100.0)
    assert labels(pair(scenarios(old), scenarios(scenario_runs([1.0], "s2")))) == [("s1", "s2")]


def test_where_the_work_is_not_known_nothing_is_paired_by_it():
    bare = [pd.DataFrame({"scenario_id": [name], "step_seconds": [1.0]}) for name in ("x", "y")]
    pairing = pair(scenarios(bare[0]), scenarios(bare[1]))
    assert ([s.label for s in pairing.only_a], [s.label for s in pairing.only_b]) == (["x"], ["y"])


def test_rows_without_an_id_are_grouped_by_settings_and_named_by_them(scenario_runs):
    both = pd.concat([scenario_runs([1.0, 1.0]), scenario_runs([1.0], loop="fit")])
    found = scenarios(both.drop(columns=["scenario_id", "label"]))
    assert [(s.label, len(s.runs)) for s in found] == [
        ("mnist 50-50 batch 100 fused", 2),
        ("mnist 50-50 batch 100 fit", 1),
    ]


def test_a_run_that_two_folders_hold_counts_once(scenario_runs):
    rows = scenario_runs([1.0, 2.0])
    assert len(scenarios(pd.concat([rows, rows]))[0].runs) == 2


def test_an_empty_table_has_no_scenarios():
    assert scenarios(pd.DataFrame()) == ()


def test_cells_become_plain_values():
    assert plain([50.0, 50]) == (50, 50)
    assert plain(["relu"]) == ("relu",)
    assert plain(float("nan")) is None
    assert plain(None) is None
    assert plain(100.0) == 100
    assert isinstance(plain(100.0), int)
    assert plain(True) is True
