import csv
import io
import json
import math

import pytest

from bench.views.export import csv_text, json_text, markdown_table


def test_csv_quotes_what_it_must_and_leaves_out_what_is_missing():
    text = csv_text(("a", "b", "c"), [{"a": 'x, "y"', "b": 0.1}, {"a": "two\nlines", "c": None}])
    assert text.startswith("a,b,c\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows == [{"a": 'x, "y"', "b": "0.1", "c": ""}, {"a": "two\nlines", "b": "", "c": ""}]


def test_csv_refuses_a_column_that_the_header_lacks():
    with pytest.raises(ValueError, match="not in fieldnames"):
        csv_text(("a",), [{"b": 1}])


def test_markdown_keeps_bars_within_their_cell():
    assert markdown_table(("a", "b"), [("x|y", "2")]) == "| a | b |\n| --- | --- |\n| x\\|y | 2 |"


def test_json_has_null_for_what_is_not_finite_at_any_depth():
    value = {"a": math.inf, "b": [1.5, math.nan, {"c": -math.inf}], "d": (True, None, "µ")}
    found = json.loads(json_text(value), parse_constant=pytest.fail)
    assert found == {"a": None, "b": [1.5, None, {"c": None}], "d": [True, None, "µ"]}
    assert "µ" in json_text(value)
