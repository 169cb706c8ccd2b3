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


def test_csv_keeps_a_carriage_return_within_its_cell():
    text = csv_text(("a", "b"), [{"a": "x\ry", "b": 1}])
    assert text == 'a,b\n"x\ry",1\n'


def test_csv_refuses_a_column_that_the_header_lacks():
    with pytest.raises(ValueError, match="not in fieldnames"):
        csv_text(("a",), [{"b": 1}])


def test_markdown_keeps_bars_within_their_cell():
    assert markdown_table(("a", "b"), [("x|y", "2")]) == "| a | b |\n| --- | --- |\n| x\\|y | 2 |"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("<script>a</script> <!-- --> <6 %", r"\<script>a\</script> \<!-- --> <6 %"),
        ("[a](http://b) [a][b] [50, 50]", r"[a]\(http://b) [a]\[b] [50, 50]"),
        ("&lt; &#60; a & b", r"\&lt; \&#60; a & b"),
        (r"a\|b\\|c", r"a\\\|b\\\\\|c"),
    ],
)
def test_markdown_takes_no_cell_for_html_a_link_or_two_cells(text, cell):
    assert markdown_table((), [(text,)]).splitlines()[-1] == f"| {cell} |"


def test_json_has_an_escape_for_all_that_steers_a_terminal_and_the_very_text_in_it():
    value = {"a\x1b": ["\x00\n\x7f\x9b\u202e\u2028\ud800\U000e0041 µ"]}
    assert json.loads(json_text(value)) == value
    assert json_text(value).replace("\n", "").isprintable()


def test_json_has_null_for_what_is_not_finite_at_any_depth():
    value = {"a": math.inf, "b": [1.5, math.nan, {"c": -math.inf}], "d": (True, None, "µ")}
    found = json.loads(json_text(value), parse_constant=pytest.fail)
    assert found == {"a": None, "b": [1.5, None, {"c": None}], "d": [True, None, "µ"]}
    assert "µ" in json_text(value)
