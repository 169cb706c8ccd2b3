from typing import Annotated, Literal

import pytest
from pydantic import BaseModel

from bench.records.scenario import OLDER, SETTINGS, Scenario, choices, of_group, of_role
from bench.records.settings import Setting, names_in, settings_of

ROLES = {
    "workload": "dataset hidden activation dropout standardize shift label_smoothing optimizer learning_rate "
    "schedule warmup_fraction batch_size epochs",
    "execution": "batch_per_replica loop precision jit deterministic strategy workers devices servers "
    "placement device cpus accelerator",
    "goal": "target_accuracy",
    "seed": "seed",
}


def test_every_setting_has_a_role():
    """Who adds one decides what it is to comparisons, scaling and older tables, and adds it here."""
    assert {role: " ".join(of_role(role)) for role in ROLES} == ROLES
    assert list(SETTINGS) == list(Scenario.model_fields)


@pytest.mark.parametrize("entries", [(), (Setting("workload"), Setting("goal"))])
def test_a_field_without_a_role_or_with_two_is_refused(entries):
    field = Annotated[int, "a note", *entries]
    model = type("Model", (BaseModel,), {"__annotations__": {"servers": field}, "servers": 1})
    with pytest.raises(TypeError, match=f"servers: {len(entries)} settings"):
        settings_of(model)


def test_an_id_is_kept_only_at_a_value_of_older_tables():
    with pytest.raises(TypeError, match="give older"):
        Setting("execution", keeps_id=True)


def test_settings_that_go_together():
    assert of_group("batch") == ("batch_size", "batch_per_replica")
    assert of_group("spread") == ("strategy", "workers", "devices", "servers", "placement", "cpus")


def test_what_older_tables_were_made_with_is_what_the_setting_does_without_a_word():
    first = {"dropout": 0.0, "standardize": False, "shift": 0, "label_smoothing": 0.0, "schedule": "constant"}
    later = {"warmup_fraction": 0.0, "deterministic": False, "servers": 1, "placement": "pack"}
    assert first | later == OLDER
    usual = Scenario(hidden=[50], batch_size=100)
    assert {name: getattr(usual, name) for name in OLDER} == OLDER


def test_choices_are_those_of_the_setting():
    assert choices("loop") == ("fused", "fit")
    assert choices("activation")[:2] == ("relu", "tanh")  # of each layer
    assert choices("epochs") == choices("cpus") == choices("accelerator") == choices("rounds") == ()


def test_every_setting_of_names_has_choices():
    usual = Scenario(hidden=[50], batch_size=100).model_dump()
    named = {name for name, value in usual.items() if isinstance(value, str)}
    assert {name for name in SETTINGS if choices(name)} == {*named, "activation"}
    assert all(usual[name] in choices(name) for name in named)


def test_names_are_found_however_deep():
    deep = tuple[Annotated[Literal["a", "b"], "a note"], ...] | None
    assert names_in(deep) == ("a", "b")
    assert names_in(int | None) == ()
