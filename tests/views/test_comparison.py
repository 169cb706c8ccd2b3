import csv
import io
import json
import math
from dataclasses import replace

import pytest
from rich.console import Console

from bench.analysis.comparison import Comparison, Difference, Overall, ScenarioComparison, Side
from bench.views.comparison import as_csv, as_json, as_markdown, comparison_sheet, comparison_table
from bench.views.export import markdown_words

SIDE = Side(runs=4, ok=4, times=4, seconds=0.00123, val_accuracy=0.9773, flags=(), statuses=())
FASTER = ScenarioComparison(
    label="batch 1 fused",
    setting_differences=(Difference("settings", "loop", ("fit",), ("fused",)),),
    metric="step_seconds",
    a=SIDE,
    b=replace(SIDE, seconds=0.00107, flags=("contended",)),
    verdict="faster",
    reason="",
    ratio=0.87,
    low=0.85,
    high=0.89,
    attained_confidence=0.971,
    p=0.0286,
    p_holm=0.0571,
    smallest_difference=0.034,
)
UNCLEAR = replace(
    FASTER,
    label="batch 10 fused",
    setting_differences=(),
    b=SIDE,
    verdict="unclear",
    reason="these rounds show differences from 6.4 % on",
    smallest_difference=0.064,
)
FEW = replace(
    UNCLEAR,
    label="batch 100 fused",
    low=None,
    high=None,
    smallest_difference=None,
    reason="3 and 3 rounds reach 90 % at most, 4 and 4 needed",
)
FAILED = ScenarioComparison(
    label="batch 1000 fused",
    setting_differences=(),
    metric="step_seconds",
    a=SIDE,
    b=Side(3, 0, 0, None, None, (), (("timeout", 3),)),
    verdict="failed",
    reason="no run of B ended ok (3 timeout)",
)
OVERALL = Overall(
    "step_seconds",
    3,
    0.87,
    0.84,
    0.9,
    "",
    faster=1,
    slower=0,
    same=0,
    unclear=2,
    faster_holm=0,
    slower_holm=0,
)
COMPARISON = Comparison(
    confidence=0.95,
    delta=0.01,
    scenarios=(FASTER, UNCLEAR, FEW, FAILED),
    overall=(OVERALL,),
    differences=(
        Difference("hardware", "machine", (), ("H100 box",)),
        Difference("hardware", "memory_bytes", (16 * 2**30,), (128 * 2**30,)),
        Difference("software", "tensorflow_version", ("2.20.0", "2.21.0"), ("2.21.0",)),
        Difference("settings", "jit", (True,), (False,)),
    ),
    only_a=("batch 7 fit",),
    only_b=("batch [8] fit",),
    tested=3,
    rounds_for_holm=5,
)


def text(comparison, width):
    console = Console(
        width=width, record=True, file=io.StringIO(), color_system="truecolor", force_terminal=True
    )
    console.print(comparison_table(comparison, "results/old", "results/new"))
    return console.export_text(styles=False)


def flowing(comparison, width):
    """The text with its line breaks taken out, to find sentences that were wrapped."""
    return " ".join(text(comparison, width).split())


@pytest.mark.parametrize("width", [80, 140])
def test_it_fits_and_says_everything_at_either_width(width):
    assert max(map(len, text(COMPARISON, width).splitlines())) <= width
    said = flowing(COMPARISON, width)
    for part in (
        "A: results/old B: results/new",
        "Time: median step",
        "1.23 ms",
        "1.07 ms",
        "0.870×",
        "0.850–0.890",
        "97.73 %",
        "faster",
        "unclear",
        "<6.4 %",
        "failed",
        "contended",
        "B/A: below 1 means B is faster.",
        "the whole 95 % interval lies past ±1 %",
        "Overall by median step: B/A 0.870× (95 % 0.840–0.900, bootstrap over rounds), ",
        "geometric mean of 3 scenarios.",
        "B is faster in 1, unclear in 2.",
        "Holm-corrected for 3: faster in 0, slower in 0 (5 rounds a side suffice for clear cases).",
        "unclear: 3 and 3 rounds reach 90 % at most, 4 and 4 needed (batch 100 fused)",
        "failed: no run of B ended ok (3 timeout) (batch 1000 fused)",
        "Only in A (results/old): batch 7 fit",
        "Only in B (results/new): batch [8] fit",
        "machine unknown H100 box",
        "memory_bytes 16.0 GiB 128 GiB",
        "tensorflow_version 2.20.0, 2.21.0 2.21.0",
        "jit true false",
    ):
        assert part in said


def test_from_110_columns_on_every_figure_has_a_column():
    assert "ok A" not in text(COMPARISON, 109)
    assert "4/4 and 0/3" in text(COMPARISON, 109)
    assert "ok A" in text(COMPARISON, 110)
    assert "0.057" in text(COMPARISON, 110)


def test_a_verdict_has_a_colour_and_a_word():
    console = Console(
        width=140, record=True, file=io.StringIO(), color_system="truecolor", force_terminal=True
    )
    console.print(comparison_table(COMPARISON, "a", "b"))
    assert "\x1b[1;32mfaster" in console.export_text(styles=True)


def test_a_row_by_another_time_says_so():
    other = replace(FAILED, metric="wall_seconds")
    said = flowing(replace(COMPARISON, scenarios=(FASTER, UNCLEAR, other)), 140)
    assert "Time: median step, unless a row says otherwise" in said
    assert "whole fit (wall_seconds)" in said


def test_a_reason_that_many_share_is_said_once():
    rows = tuple(replace(FEW, label=f"batch {number}") for number in range(5))
    assert "4 and 4 needed (5 scenarios)" in flowing(replace(COMPARISON, scenarios=rows), 140)


def test_nothing_in_common_and_nothing_different_are_said():
    nothing = replace(COMPARISON, scenarios=(), overall=(), differences=())
    assert "A and B have no scenario in common." in flowing(nothing, 80)
    same = replace(COMPARISON, differences=())
    assert "No difference in hardware, software or settings is recorded." in flowing(same, 80)


def test_an_overall_without_an_interval_says_why():
    overall = replace(
        OVERALL, low=None, high=None, reason="as few as 3 and 3 rounds a scenario, 4 and 4 needed"
    )
    said = flowing(replace(COMPARISON, overall=(overall,)), 140)
    assert "B/A 0.870× (no interval: as few as 3 and 3 rounds a scenario, 4 and 4 needed)" in said


def test_markdown_has_the_same_rows_and_sentences():
    said = as_markdown(COMPARISON, "old", "new")
    assert (
        "| batch 1 fused (loop: fit → fused; B flagged: contended) | 1.23 ms | 1.07 ms | 0.870× "
        "| 0.850–0.890 | faster | 97.73 % | 97.73 % | 4/4 | 4/4 | 0.057 |"
    ) in said
    assert "| hardware | machine | unknown | H100 box |" in said
    assert "|  | memory_bytes | 16.0 GiB | 128 GiB |" in said
    assert "B/A: below 1 means B is faster." in said
    barred = replace(COMPARISON, scenarios=(replace(FASTER, label="a|b"),))
    assert "| a\\|b (" in as_markdown(barred, "old", "new")


def test_csv_has_plain_numbers_and_leaves_nothing_out():
    rows = {row["scenario"]: row for row in csv.DictReader(io.StringIO(as_csv(COMPARISON)))}
    first = rows["batch 1 fused"]
    assert (first["seconds_a"], first["ratio"], first["verdict"]) == ("0.00123", "0.87", "faster")
    assert (first["ok_b"], first["flags_b"], first["settings"]) == ("4", "contended", "loop: fit → fused")
    assert (rows["batch 1000 fused"]["seconds_b"], rows["batch 1000 fused"]["ok_b"]) == ("", "0")
    assert (rows["batch 7 fit"]["verdict"], rows["batch [8] fit"]["verdict"]) == ("only_a", "only_b")


def test_json_is_strict_and_holds_everything():
    missed = replace(UNCLEAR, b=replace(SIDE, seconds=math.inf), high=math.inf)
    whole = replace(COMPARISON, scenarios=(FASTER, missed))
    found = json.loads(as_json(whole, "old", "new"), parse_constant=pytest.fail)
    assert (found["a"], found["b"], found["counts"]) == ("old", "new", {"faster": 1, "unclear": 1})
    assert found["scenarios"][0]["a"]["seconds"] == 0.00123
    assert found["scenarios"][1]["b"]["seconds"] is None
    assert found["differences"][2]["values_a"] == ["2.20.0", "2.21.0"]
    assert found["overall"][0]["ratio"] == 0.87


def test_a_sheet_has_the_rows_and_the_sentences_of_markdown():
    sheet, markdown = (
        comparison_sheet(COMPARISON, "box-a", "box-b"),
        as_markdown(COMPARISON, "box-a", "box-b"),
    )
    assert sheet.what.startswith("A: box-a. B: box-b")
    assert len(sheet.rows) == 4
    for row in sheet.rows:
        assert "| " + " | ".join(row) + " |" in markdown
    assert all(markdown_words(sentence) in markdown for sentence in sheet.sentences)
