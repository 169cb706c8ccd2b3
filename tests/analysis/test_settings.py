import pytest

from bench.analysis.settings import NAMES, hashable, setting_text, varied
from bench.records.scenario import Scenario


def test_the_names_are_a_scenario_s_settings_in_their_order_less_the_seed():
    assert list(NAMES) == [name for name in Scenario.model_fields if name != "seed"]


@pytest.mark.parametrize(
    ("value", "expected"), [([50, 20], (50, 20)), ([], ()), ((50,), (50,)), ("relu", "relu"), (None, None)]
)
def test_a_list_becomes_a_tuple_and_all_else_stays(value, expected):
    assert hashable(value) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [((200, 20), "200-20"), (("relu",), "relu"), ("fit", "fit"), (1e-05, "1e-05"), (False, "False")],
)
def test_a_value_reads_as_in_a_label(value, text):
    assert setting_text(value) == text


def test_what_varies_comes_in_the_order_of_the_names():
    rows = [
        {"loop": "fit", "hidden": [50, 50], "epochs": 5, "cpus": None},
        {"loop": "fused", "hidden": [50, 20], "epochs": 5},
    ]
    assert varied(iter(rows)) == ["hidden", "loop"]
    assert varied(rows, ("loop", "epochs", "hidden")) == ["loop", "hidden"]


def test_a_list_varies_by_what_it_holds():
    assert varied([{"hidden": [50, 50]}, {"hidden": (50, 50)}]) == []


def test_a_setting_that_is_none_or_missing_in_some_rows_varies():
    assert varied([{"cpus": 2}, {"cpus": None}]) == varied([{"cpus": 2}, {}]) == ["cpus"]


def test_neither_the_seed_nor_what_is_no_setting_varies():
    assert varied([{"seed": 1, "label": "a"}, {"seed": 2, "label": "b"}]) == varied([]) == []
