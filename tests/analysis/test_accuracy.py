import math

import numpy as np
import pytest

from bench.analysis.accuracy import MARGIN, accuracy_differences
from bench.analysis.seeds import BySeed
from tests.statistics.quality import false_tables, found_losses

A = np.array([0.9712, 0.9698, 0.9705, 0.9721, 0.9700])
LOST = np.array([0.002, 0.003, 0.004, 0.002, 0.0035])


def side(values, first=0):
    return BySeed(np.arange(first, first + len(values)), np.array(values, dtype=float))


def only(a, b, first=0, margin=MARGIN):
    [found] = accuracy_differences([(side(a), side(b, first))], 0.95, margin)
    return found


def test_pairs_of_seeds_are_compared_by_students_t():
    """scipy.stats.ttest_1samp of the differences against -0.001, and its interval."""
    found = only(A, A - LOST)
    assert (found.verdict, found.pairs) == ("worse", 5)
    assert (found.difference, found.low, found.high) == pytest.approx(
        (-0.0029, -0.004010578042, -0.001789421958)
    )
    assert found.p == pytest.approx(0.008970902498598)
    assert (found.accuracy_a, found.accuracy_b) == pytest.approx((0.97072, 0.96782))
    assert only(A - LOST, A).verdict == "better"


def test_the_smallest_difference_is_past_the_margin_by_what_power_asks_for():
    """0.001 and 5.2426 standard errors of 0.0004: the noncentral t with 4 degrees that passes 2.7764 in 95 of
    100 cases has 4.9280, over 0.93999, what the deviation of five values has in the mean.
    """
    assert only(A, A - LOST).smallest_difference == pytest.approx(0.001 + 5.242601 * 0.0004, rel=1e-6)


def test_differences_within_the_margin_are_the_same():
    little, more = (np.array([1, -2, 0, 1, -1]) / 10_000, np.array([11, 12, 11, 12, 11]) / 10_000)
    assert only(A, A + little).verdict == "same"
    assert only(A, A + more).verdict == "better"
    assert only(A, A + more, margin=0.002).verdict == "same"
    assert only(A, A - 0.0012 * np.arange(5)).verdict == "unclear"


def test_copies_deviate_by_rounding_at_least():
    """Equal to the last image: the interval is what rounding to whole images leaves open."""
    found = only(A, A)
    assert (found.verdict, found.difference, found.p) == ("same", 0, 1)
    assert found.high == pytest.approx(2.77645 * 1e-4 / math.sqrt(12 * 5), rel=1e-5)
    assert only(A, A - 0.003).verdict == "worse"


def test_one_run_that_learnt_nothing_leaves_it_open():
    collapsed = np.array([*A[:-1], 0.1])
    assert only(A, collapsed).verdict == "unclear"


def test_too_few_seeds_have_no_interval():
    found = only(A[:2], A[:2] - 0.5)
    assert (found.verdict, found.low, found.p, found.q) == ("unclear", None, None, None)
    assert found.difference == pytest.approx(-0.5)
    assert found.reason == "2 common seeds, 3 needed, or 4 and 4 unpaired (there are 2 and 2)"
    assert only(A[:3], A[:3] - LOST[:3]).verdict == "unclear"
    assert only(A[:3], A[:3] - [0.03, 0.031, 0.029]).verdict == "worse"


def test_other_seeds_are_compared_unpaired():
    found = only(A, A - 0.02, first=10)
    assert (found.verdict, found.pairs, found.seeds_a, found.seeds_b) == ("worse", 0, 5, 5)
    assert found.difference == pytest.approx(-0.02)
    assert "compared unpaired" in found.reason
    assert found.low < found.difference < found.high < -MARGIN


def test_seeds_that_only_one_side_has_are_left_out_of_the_pairs():
    found = only(A, np.array([*(A - LOST)[2:], 0.5, 0.5]), first=2)
    assert (found.pairs, found.difference) == (3, pytest.approx(-LOST[2:].mean()))


def test_verdicts_hold_for_the_number_of_scenarios():
    """A p value of 0.009 is enough alone and with a second one; with 40 others it is not (q = 0.37)."""
    lost, none = (side(A), side(A - LOST)), (side(A), side(A))
    assert [one.verdict for one in accuracy_differences([lost, none], 0.95, MARGIN)] == ["worse", "same"]
    first, *others = accuracy_differences([lost, *[none] * 40], 0.95, MARGIN)
    assert (first.verdict, first.q) == ("unclear", pytest.approx(41 * first.p))
    assert first.reason == "past the margin alone, but not sure among 41 scenarios"
    assert {one.verdict for one in others} == {"same"}


def test_what_is_found_and_what_is_seen_falsely():
    """In small what `python -m tests.statistics` does in full."""
    rng = np.random.default_rng(7)
    assert false_tables(rng, 10, 0.1, 40)[0] == 0
    assert false_tables(rng, 4, 0.2, 40)[0] <= 0.05
    assert found_losses(rng, 10, 0.1, 100, 1, 1) >= 0.95
    assert found_losses(rng, 10, 0.1, 5, 40, 10) >= 0.9
