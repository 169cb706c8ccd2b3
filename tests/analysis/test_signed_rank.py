import math

import numpy as np
import pytest

from bench.analysis.signed_rank import MOST_BY_SIGNED_RANK, pairs_needed, signed_rank_shifts


def shift(*differences, confidence=0.95, margin=0.0):
    [found] = signed_rank_shifts(np.array([differences], dtype=float), confidence, margin)
    return found


def test_a_published_example():
    """Hollander, Wolfe and Chicken (2014), examples 3.1 to 3.4: depression scores of nine patients."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = shift(*(after - before), confidence=0.96)
    assert (found.centre, found.low, found.high) == pytest.approx((-0.46, -0.786, -0.010))
    assert found.p == pytest.approx(2 * 0.01953125)


def test_six_pairs_are_needed_at_95_percent():
    assert (pairs_needed(0.95), pairs_needed(0.9), pairs_needed(0.99)) == (6, 5, 8)
    five, six = shift(1, 2, 3, 4, 5), shift(1, 2, 3, 4, 5, 6)
    assert (five.low, five.centre, five.p) == (None, 3, 2 / 32)
    assert (six.low, six.high, six.p) == (1, 6, 2 / 64)


def test_what_lies_within_the_margin_is_no_difference():
    assert shift(1, 2, 3, 4, 5, 6, margin=0.5).p == 2 / 64
    assert shift(1, 2, 3, 4, 5, 6, margin=6).p == 1
    assert shift(*[0.0] * 8).p == 1


def test_a_miss_is_longer_than_any_time_and_two_leave_it_open():
    missed = shift(math.inf, 1, 2, 3, 4, 5, 6)
    assert (missed.low, missed.high, missed.p) == (2, math.inf, 2 / 128)
    apart = shift(math.inf, -math.inf, 1, 2, 3, 4, 5, 6)
    assert (apart.centre, apart.low, apart.high) == (3.5, -math.inf, math.inf)
    assert shift(*[math.nan] * 6).centre is None
    assert shift(math.nan, 1, 2, 3, 4, 5, 6).low == -math.inf


def test_of_many_pairs_the_signs_are_looked_at():
    """The median and the exact sign test: 170 of 301 on one side."""
    number = MOST_BY_SIGNED_RANK + 1
    differences = np.concatenate([np.arange(1, 171), -np.arange(1, number - 169)])
    found = shift(*differences)
    assert found.centre == np.median(differences)
    assert found.p == pytest.approx(0.028336, rel=1e-4)  # scipy.stats.binomtest(170, 301)
    assert found.low < found.centre < found.high


def test_rows_are_separate_questions():
    rows = np.array([[1.0, 2, 3, 4, 5, 6], [-1.0, -2, -3, -4, -5, -6]])
    up, down = signed_rank_shifts(rows, 0.95, 0.0)
    assert (up.low, up.high) == (-down.high, -down.low)
    assert up.p == down.p
