"""A comparison as Markdown, CSV, JSON and a table in words."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from bench.views.comparison import as_csv, as_json, as_markdown, comparison_sheet, headline
from bench.views.export import markdown_words


def rows_of(comparisons):
    return list(csv.DictReader(io.StringIO(as_csv(comparisons))))


def test_markdown_has_the_sentence_the_rows_and_what_differs(mixed):
    said = as_markdown([mixed], [["Energy is not known."]])
    assert said.startswith("A: results/of-monday  \nB: results/of-tuesday\n\nB is 1.053 times faster")
    assert "Energy is not known." in said
    assert (
        "| batch 1 fused (loop: fit → fused; B flagged: contended) | 1.23 ms | 1.07 ms | 0.870× "
        "| 0.853–0.887 | faster | 97.73 % | 97.73 % | 4/4 | 4/4 | 0.012 |"
    ) in said
    assert "| hardware | machine | unknown | H100 box |" in said
    assert "|  | memory_bytes | 16.0 GiB | 128 GiB |" in said
    assert "B/A: B's time over A's, the middle one of all pairs of runs; below 1 means B is faster." in said
    assert "| unclear \\<6.4 % |" in said or "| unclear <6.4 % |" in said


def test_a_bar_in_a_label_stays_within_its_cell(built):
    assert "| a\\|b |" in as_markdown([built.comparison([built.row("a|b")])])


def test_commands_to_copy_are_code(built):
    row = built.row("a", 0.9, "no verdict", None)
    said = as_markdown(
        [built.comparison([row], [built.overall([row], 0.9, None, None)], basis=built.basis("none", 1, 1))]
    )
    assert "`bench compare results-a results-b`" in said


def test_each_contender_has_its_part_of_the_markdown(built, mixed):
    said = as_markdown([mixed, built.comparison([built.row()], b="another")])
    assert said.count("\n| scenario |") == 2
    assert "B: another" in said


def test_csv_has_plain_numbers_and_leaves_nothing_out(mixed):
    found = {row["scenario"]: row for row in rows_of([mixed])}
    first = found["batch 1 fused"]
    assert (first["a"], first["b"], first["unit"]) == ("results/of-monday", "results/of-tuesday", "run")
    assert (first["seconds_a"], first["ratio"], first["verdict"]) == ("0.00123", "0.87", "faster")
    assert (first["q"], first["sessions_b"]) == ("0.012", "1")
    assert (first["ok_b"], first["flags_b"], first["settings"]) == ("4", "contended", "loop: fit → fused")
    assert (found["batch 1000 fused"]["seconds_b"], found["batch 1000 fused"]["ok_b"]) == ("", "0")
    assert (found["batch 7 fit"]["verdict"], found["batch [8] fit"]["verdict"]) == ("only_a", "only_b")


def test_csv_has_a_row_for_each_contender_and_what_one_figure_was_passed_by(built):
    row = built.row("x", 0.2, "below", None, one_figure=built.figure(4, 4, 0, 0.19, 0.21))
    found = rows_of([built.comparison([row], b=name) for name in ("one", "two")])
    assert [entry["b"] for entry in found] == ["one", "two"]
    assert [found[0][name] for name in ("rounds", "below", "above", "least", "most")] == [
        *("4", "4", "0", "0.19", "0.21")
    ]


def test_json_is_strict_and_holds_everything(mixed):
    missed = replace(mixed.scenarios[1], b=replace(mixed.scenarios[1].b, seconds=math.inf), high=math.inf)
    whole = replace(mixed, scenarios=(*mixed.scenarios[:1], missed, *mixed.scenarios[2:]))
    [found] = json.loads(as_json([whole]), parse_constant=pytest.fail)["comparisons"]
    assert (found["a"], found["b"]) == ("results/of-monday", "results/of-tuesday")
    assert found["counts"] == {"faster": 1, "unclear": 1, "no verdict": 1, "failed": 1}
    assert found["overall"][0]["counts"] == {"faster": 1, "unclear": 1, "no verdict": 1}
    assert found["scenarios"][0]["a"]["seconds"] == 0.00123
    assert found["scenarios"][1]["b"]["seconds"] is None
    assert found["differences"][2]["values_a"] == ["2.20.0", "2.21.0"]
    assert (found["overall"][0]["ratio"], found["basis"]["unit"]) == (0.95, "run")
    assert found["headline"] == headline(whole)


def test_a_sheet_has_the_rows_and_the_sentences_of_markdown(mixed):
    sheet, markdown = comparison_sheet(mixed), as_markdown([mixed])
    assert sheet.what == f"{headline(mixed)} A: {mixed.a}. B: {mixed.b}. Time: median step"
    assert len(sheet.rows) == 4
    for row in sheet.rows:
        assert "| " + " | ".join(map(markdown_words, row)) + " |" in markdown
    assert all(markdown_words(sentence) in markdown for sentence in sheet.sentences)
