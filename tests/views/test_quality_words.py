import math
from dataclasses import replace

import pytest

from bench.analysis.accuracy import AccuracyDifference
from bench.analysis.quality import Quality, QualityComparison, Trained
from bench.analysis.targets import Reach, TargetComparison, TargetRatio
from bench.views import quality_words as words

TIMES = "B is 1.30 times faster"
NOTHING = AccuracyDifference(reason="no such scenario")
SAME = AccuracyDifference("same", 0.0001, -0.0002, 0.0004, 1.0, 1.0, 0.0016, pairs=10)
LESS = AccuracyDifference("worse", -0.0031, -0.0038, -0.0024, 1e-5, 1e-4, 0.0023, pairs=10)
MORE = AccuracyDifference("better", 0.0042, 0.0035, 0.0049, 1e-5, 1e-4, 0.0023, pairs=10)
OPEN = AccuracyDifference("unclear", -0.0008, -0.0016, 0.0001, 1.0, 1.0, 0.0035, pairs=10)
SILENT = AccuracyDifference(reason="none recorded")
ALL = Trained(10, 10, 0)


def quality(*accuracies, worse=NOTHING, better=NOTHING, overall=NOTHING, targets=(), b=ALL):
    targets = [*targets, *[None] * (len(accuracies) - len(targets))]
    found = [
        QualityComparison(f"s{place}", ALL, b, one, one, target)
        for place, (one, target) in enumerate(zip(accuracies, targets, strict=True))
    ]
    return Quality(0.001, tuple(found), overall, worse, better)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            quality(LESS, LESS, LESS, SAME, SAME, SAME, OPEN, worse=LESS),
            f"{TIMES} and less accurate: −0.31 points (−0.38 to −0.24) in 3 of 7 scenarios.",
        ),
        (quality(LESS, worse=LESS), f"{TIMES} and less accurate: −0.31 points (−0.38 to −0.24)."),
        (
            quality(LESS, MORE, SAME, worse=LESS, better=MORE),
            f"{TIMES} and less accurate: −0.31 points (−0.38 to −0.24) in 1 of 3 scenarios, "
            "more accurate: +0.42 points (+0.35 to +0.49) in 1.",
        ),
        (
            quality(*[SAME] * 7),
            f"{TIMES}; accuracy: the same within ±0.1 points in 7 of 7 scenarios.",
        ),
        (
            quality(SAME, OPEN),
            f"{TIMES}; accuracy: the same within ±0.1 points in 1 of 2 scenarios, unclear in 1 "
            "(differences of 0.35 points or more would have shown).",
        ),
        (
            quality(OPEN, replace(OPEN, smallest_difference=2.6)),
            f"{TIMES}; accuracy: unclear in 2 of 2 scenarios "
            "(differences of 0.35 points or more would have shown).",
        ),
        (quality(SILENT, SILENT), f"{TIMES}; accuracy: none recorded."),
        (quality(SILENT, AccuracyDifference(reason="the data differ")), f"{TIMES}; accuracy: not compared."),
        (quality(), f"{TIMES}; accuracy: not compared."),
    ],
)
def test_a_time_is_said_with_its_accuracy(found, sentence):
    assert words.headline(TIMES, found) == sentence


def test_the_line_of_accuracy_has_all_verdicts():
    said = words.accuracy_line(quality(LESS, LESS, SAME, OPEN, worse=LESS))
    assert said == (
        "Accuracy: B less accurate: −0.31 points (−0.38 to −0.24) in 2 of 4 scenarios, the same within "
        "±0.1 points in 1, unclear in 1 (differences of 0.35 points or more would have shown)."
    )


def test_without_a_mean_there_is_a_range():
    other = AccuracyDifference("worse", -0.02, -0.03, -0.01, 1e-5, 1e-4, 0.0023, seeds_a=5, seeds_b=5)
    said = words.headline(TIMES, quality(LESS, other, worse=LESS))
    assert said == f"{TIMES} and less accurate: −0.31 to −2.00 points in 2 of 2 scenarios."


def test_the_mean_is_said_of_several_scenarios():
    assert words.overall_line(quality(SAME, OPEN, overall=OPEN)) == (
        "Accuracy on average over 2 scenarios and 10 seeds: −0.08 points (−0.16 to +0.01)."
    )
    assert words.overall_line(quality(SAME, overall=SAME)) == ""


@pytest.mark.parametrize(
    ("found", "cell", "verdict"),
    [
        (LESS, "−0.31 points (−0.38 to −0.24)", "worse"),
        (OPEN, "−0.08 points (−0.16 to +0.01)", "unclear <0.35 points"),
        (AccuracyDifference("unclear", 0.00004), "0.00 points", "unclear"),
        (replace(LESS, verdict="unclear"), "−0.31 points (−0.38 to −0.24)", "unclear"),
        (SILENT, "–", "–"),
    ],
)
def test_a_cell_and_its_verdict(found, cell, verdict):
    assert (words.difference(found), words.verdict(found)) == (cell, verdict)


def test_reasons_name_few_scenarios_and_count_many():
    assert list(words.reasons(quality(SILENT, SAME))) == ["Accuracy: none recorded (s0)."]
    assert list(words.reasons(quality(*[SILENT] * 5))) == ["Accuracy: none recorded (5 scenarios)."]


def test_runs_that_gave_no_accuracy_of_their_own_are_told():
    assert words.trained_line(quality(SAME, b=Trained(10, 7, 2))) == (
        "2 of B's 10 runs diverged and count as guessing (10 %); 1 of B's 10 runs failed, with no accuracy."
    )
    assert words.trained_line(quality(SAME)) == ""


def target(verdict, ratio, low, high, reached=7, q=1.0, reason=""):
    found = TargetRatio(verdict, ratio, low, high, pairs=10, reason=reason)
    often = "less often" if q <= 0.05 else "unclear"
    return TargetComparison(0.985, Reach(10, 10), Reach(reached, 10), q, q, often, found, found)


def test_a_target_is_reached_so_often_and_so_soon():
    later = target("slower", 1.4, 1.2, math.inf, reached=1, q=0.004)
    said = list(words.target_lines(quality(SAME, SAME, targets=[later, target("same", 1, 1, 1, 10)])))
    assert said == [
        "Target reached in 20 of 20 runs of A and 11 of 20 of B; B less often in 1 of 2 scenarios.",
        "Steps to the target: B later in 1 of 2 scenarios, the same in 1.",
        "Seconds to the target, in these sessions: B later in 1 of 2 scenarios, the same in 1.",
    ]
    assert list(words.target_lines(quality(SAME))) == []


def test_one_target_has_its_ratio_and_its_reason():
    few = target("unclear", 1.4, None, None, reason="reached with 5 common seeds, 6 needed")
    said = list(words.target_lines(quality(SAME, targets=[few])))
    assert said[1] == ("Steps to the target: B/A 1.400×, unclear (reached with 5 common seeds, 6 needed).")
