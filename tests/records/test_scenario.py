import json
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from bench.records.net import model_flops_per_step, parameter_count
from bench.records.scenario import SETTINGS, Scenario

GOLDEN = {
    "e400594ec5e2": {"hidden": [50, 50], "batch_size": 100},
    "8643fbdd167f": {
        "hidden": [1024, 1024],
        "activation": "sigmoid",
        "batch_size": 200,
        "learning_rate": 0.0006561,
        "epochs": 50,
    },
    "67b1dc9156aa": {"hidden": [200, 200], "activation": ["relu", "tanh"], "batch_size": 100},
}

YOUNGER = {"servers": 2, "placement": "spread"}


@pytest.mark.parametrize(("scenario_id", "settings"), GOLDEN.items())
def test_a_scenario_keeps_its_id_for_ever(scenario_id, settings):
    """Results of years and machines are joined by it: a change of these digits orphans them all."""
    assert Scenario(**settings).scenario_id == scenario_id


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_every_process_gives_the_same_ids(hash_seed):
    program = (
        "import json, sys; from bench.records.scenario import Scenario;"
        "print(json.dumps([Scenario(**settings).scenario_id for settings in json.load(sys.stdin)]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(list(GOLDEN.values())),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout) == list(GOLDEN)


def test_the_order_of_keys_makes_no_other_scenario():
    settings = {"hidden": [50, 50], "batch_size": 100, "loop": "fit", "epochs": 3}
    backwards = dict(reversed(settings.items()))
    assert Scenario(**settings).scenario_id == Scenario(**backwards).scenario_id


def test_the_seed_makes_no_other_scenario(scenario):
    assert scenario(seed=0).scenario_id == scenario(seed=7).scenario_id


def test_one_activation_stands_for_every_layer(scenario):
    one, every = scenario(activation="relu"), scenario(activation=["relu", "relu"])
    assert one.activation == ("relu", "relu")
    assert one.scenario_id == every.scenario_id == scenario(activation=["relu"]).scenario_id


@pytest.mark.parametrize("equal", [{"learning_rate": 0.001}, {"dropout": 0}, {"cpus": None}])
def test_equal_values_however_written_are_one_scenario(scenario, equal):
    assert scenario(**equal).scenario_id == scenario().scenario_id


OTHERS = (
    {"dataset": "digits"},
    {"hidden": [50, 51]},
    {"activation": ["relu", "tanh"]},
    {"dropout": 0.1},
    {"standardize": True},
    {"shift": 1},
    {"label_smoothing": 0.1},
    {"optimizer": "sgd"},
    {"learning_rate": 0.002},
    {"schedule": "cosine"},
    {"warmup_fraction": 0.1},
    {"batch_size": 101},
    {"batch_size": None, "batch_per_replica": 100},
    {"epochs": 6},
    {"target_accuracy": 0.9},
    {"loop": "fit"},
    {"precision": "tf32"},
    {"jit": False},
    {"deterministic": True},
    {"device": "cpu"},
    {"cpus": 1},
    {"accelerator": "H100"},
    {"strategy": "mirrored"},
    {"strategy": "mirrored", "devices": 2},
    {"strategy": "multi_worker_mirrored", "workers": 2},
    {"strategy": "multi_worker_mirrored", "workers": 2, "placement": "spread"},
    {"strategy": "parameter_server", "workers": 2},
    {"strategy": "parameter_server", "workers": 2, "servers": 2},
)


def test_any_other_setting_makes_another_scenario(scenario):
    assert {name for other in OTHERS for name in other} == set(SETTINGS) - {"seed"}
    ids = {scenario(**other).scenario_id for other in ({}, *OTHERS)}
    assert len(ids) == 1 + len(OTHERS)


def test_a_scenario_cannot_be_changed(scenario):
    with pytest.raises(ValidationError, match="frozen"):
        scenario().epochs = 6


def test_flops_of_a_step_by_hand():
    """100 (6 (784·50 + 50·50 + 50·10) − 2·784·50) = 100 (6·42,200 − 78,400) = 17,480,000."""
    assert model_flops_per_step((784, 50, 50, 10), 100) == 17_480_000


def test_flops_of_a_net_without_hidden_layers_by_hand():
    """Forward and the weights' gradient, 2·784·10 each: the first layer's inputs need no gradient."""
    assert model_flops_per_step((784, 10), 1) == 2 * 2 * 7_840


def test_parameters_by_hand():
    """785·50 + 51·50 + 51·10 = 39,250 + 2,550 + 510."""
    assert parameter_count((784, 50, 50, 10)) == 42_310


def test_steps_count_a_smaller_last_batch(scenario):
    assert scenario(batch_size=100).steps_per_epoch == 500
    assert scenario(batch_size=30_000).steps_per_epoch == 2
    assert scenario(batch_size=50_000, epochs=3).steps == 3


def test_widths_run_from_the_pixels_to_the_classes(scenario):
    assert scenario(hidden=[200, 100]).widths == (784, 200, 100, 10)


def test_each_replica_has_its_batch(scenario):
    assert scenario(batch_size=None, batch_per_replica=128).global_batch == 128


def test_a_younger_setting_makes_an_id_of_its_own_only_where_it_is_used():
    """Those of sessions that were recorded before there was such a setting stay valid."""
    settings = {"hidden": [50, 50], "batch_size": 100, "strategy": "parameter_server", "workers": 2}
    usual = Scenario(**settings)
    old = {name: setting.older for name, setting in SETTINGS.items() if setting.keeps_id}
    assert old == {"servers": 1, "placement": "pack", "deterministic": False}
    assert Scenario(**settings, **old).scenario_id == usual.scenario_id
    others = {Scenario(**settings, **{key: value}).scenario_id for key, value in YOUNGER.items()}
    assert len(others | {usual.scenario_id}) == 1 + len(YOUNGER)
