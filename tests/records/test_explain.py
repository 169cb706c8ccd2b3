import datetime

import pytest
from pydantic import ValidationError

from bench.records.explain import as_key, as_toml, explain, unknown_key
from bench.records.scenario import Scenario


def explained(**settings):
    with pytest.raises(ValidationError) as caught:
        Scenario(**{"hidden": [50, 50], "batch_size": 100, **settings})
    return explain(caught.value, Scenario.model_fields)


def test_an_unknown_key_has_its_nearest():
    assert unknown_key("learningrate", ["epochs", "learning_rate"]) == (
        "learningrate: unknown key; did you mean learning_rate?"
    )


def test_an_unknown_key_far_from_all_has_them_all():
    assert unknown_key("qqq", ["epochs", "loop"]) == "qqq: unknown key; the keys are epochs, loop"


def test_an_unknown_value_has_its_nearest_and_all_choices():
    assert explained(loop="fussed") == (
        'loop: unknown value "fussed"; did you mean "fused"? the choices are fused, fit'
    )


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"epochs": "five"}, 'epochs: must be a whole number, not "five"'),
        ({"epochs": 1.5}, "epochs: must be a whole number, not 1.5"),
        ({"epochs": True}, "epochs: must be a whole number, not true"),
        ({"epochs": datetime.date(2026, 1, 31)}, "epochs: must be a whole number, not 2026-01-31"),
        ({"epochs": 0}, "epochs: must be greater than 0, not 0"),
        ({"epochs": 10**30}, f"epochs: must be less than 2147483648, not {10**30}"),
        ({"jit": 1}, "jit: must be true or false, not 1"),
        ({"learning_rate": "fast"}, 'learning_rate: must be a number, not "fast"'),
        ({"learning_rate": -0.1}, "learning_rate: must be greater than 0, not -0.1"),
        ({"learning_rate": float("nan")}, "learning_rate: must be a finite number, not nan"),
        ({"dropout": 1.0}, "dropout: must be less than 1, not 1.0"),
        ({"accelerator": ""}, 'accelerator: must not be empty, not ""'),
        ({"accelerator": 3}, "accelerator: must be a string, not 3"),
        ({"hidden": 50}, "hidden: must be a list, not 50"),
        ({"hidden": [50, 0]}, "hidden: must be greater than 0, not 0"),
        ({"shift": 8}, "shift: must be less than or equal to 7, not 8"),
    ],
)
def test_what_is_needed_and_what_was_given(settings, line):
    assert explained(**settings) == line


@pytest.mark.parametrize(
    "settings", [{"epochs": [1, 5]}, {"hidden": [[50, 50], [9]]}, {"loop": ["fit", "fused"]}]
)
def test_a_list_in_a_single_value_s_place_belongs_in_the_matrix(settings):
    (key,) = settings
    assert explained(**settings).endswith(f"; for several values write matrix.{key} = [ … ]")


def test_a_missing_key():
    with pytest.raises(ValidationError) as caught:
        Scenario(batch_size=1)
    assert explain(caught.value, Scenario.model_fields) == "hidden: missing; give it a value"


def test_settings_that_do_not_agree_are_named_by_the_scenario():
    assert explained(batch_per_replica=5) == (
        "batch_size: give exactly one of batch_size and batch_per_replica"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", r'"a\nb"'),
        ("a\x85b", r'"a\u0085b"'),
        ("años", '"años"'),
        (True, "true"),
        ([1, "a"], '[1, "a"]'),
        ({"batch_size": 1, "a b": [True]}, "{batch_size = 1, a b = [true]}"),
        (datetime.time(7, 32), "07:32:00"),
    ],
)
def test_values_are_shown_as_a_suite_writes_them(value, text):
    assert as_toml(value) == text


def test_a_long_value_is_shortened():
    text = as_toml("x" * 5_000)
    assert text.startswith('"xxx')
    assert text.endswith('xxx"')
    assert len(text) < 100


@pytest.mark.parametrize(("key", "shown"), [("epochs", "epochs"), ("", '""'), ("a\nb", r'"a\nb"')])
def test_a_key_stays_on_its_line(key, shown):
    assert as_key(key) == shown
