import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import mann_whitney, pairwise
from bench.analysis.mann_whitney import interval_rank, lower_tail
from bench.analysis.pairwise import LogRatios

TIMES = st.lists(st.sampled_from([0.5, 1.0, 1.01, 1.02, 1.1, 3.7, math.inf]), min_size=1, max_size=12)


@given(TIMES, TIMES, st.data())
def test_a_rank_that_is_searched_for_is_the_one_that_sorting_gives(a, b, data):
    rank = data.draw(st.integers(1, len(a) * len(b)))
    sorted_ = LogRatios(a, b)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pairwise, "_MOST_AT_ONCE", 0)
        searched = LogRatios(a, b)
    for lowest in (True, False):
        assert searched.ranked(rank, lowest) == sorted_.ranked(rank, lowest)
    for limit in (0.0, math.log1p(0.01), sorted_.ranked(rank, lowest=True)):
        assert searched.above(limit) == sorted_.above(limit)
        assert searched.below(limit) == sorted_.below(limit)


def test_of_many_a_rank_is_found_exactly():
    a, b = np.random.default_rng(7).lognormal(0, 0.1, (2, 300))
    differences = np.sort(np.subtract.outer(np.log(b), np.log(a)).ravel())
    pairs = LogRatios(a, b)
    for rank in (1, 1000, 45_000, 90_000):
        assert pairs.ranked(rank, lowest=True) == differences[rank - 1]
    assert pairs.above(0.02) == (differences > 0.02).sum()


@pytest.mark.parametrize(("m", "n"), [(100, 100), (60, 150)])
def test_where_orders_are_too_many_to_count_the_tail_is_the_same_to_a_thousandth(m, n, monkeypatch):
    counted = [interval_rank(m, n, confidence) for confidence in (0.9, 0.95, 0.99)]
    tails = [lower_tail(m, n, rank - 1) for rank in counted]
    monkeypatch.setattr(mann_whitney, "MOST_STEPS", 0)
    assert [lower_tail(m, n, rank - 1) for rank in counted] == pytest.approx(tails, rel=1e-3)
    assert [interval_rank(m, n, c) for c in (0.9, 0.95, 0.99)] == pytest.approx(counted, abs=1)
    assert lower_tail(m, n, m * n // 2) + lower_tail(m, n, m * n - 1 - m * n // 2) == pytest.approx(1)
