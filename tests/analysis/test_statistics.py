import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analysis.mann_whitney import mann_whitney_counts
from bench.analysis.statistics import (
    censored_median,
    geometric_mean,
    hodges_lehmann_ratio,
    mad,
    margin_p,
    median,
    median_interval,
    rounds_needed,
)

times = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=8)
few = settings(max_examples=60, deadline=None)


def test_median_and_deviation_of_an_odd_and_an_even_number():
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == 2.5
    # Deviations of 1, 2, 4, 9 from their median 3 are 2, 1, 1, 6; the middle two are 1 and 2.
    assert mad([1, 2, 4, 9]) == 1.5


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_a_median_of_nothing_is_an_error(values):
    with pytest.raises(ValueError, match="at least one value"):
        median(values)


def test_a_miss_lasts_longer_than_any_time():
    assert censored_median([5.0, 3.0], misses=1) == 5.0
    assert censored_median([5.0, math.inf], misses=1) == math.inf
    assert censored_median([5.0], misses=1) == math.inf


def test_counts_of_two_against_two():
    # Of the 6 orders of aabb: aabb 0, abab 1, abba and baab 2, baba 3, bbaa 4.
    assert mann_whitney_counts(2, 2).tolist() == [1, 1, 2, 1, 1]


def test_counts_of_three_against_four_by_enumeration():
    counts = np.zeros(13)
    for ranks in itertools.combinations(range(1, 8), 3):
        counts[sum(ranks) - 6] += 1
    assert mann_whitney_counts(3, 4).tolist() == counts.tolist()


def test_counts_of_fifty_against_fifty_are_all_orders():
    counts = mann_whitney_counts(50, 50)
    assert counts.shape == (2501,)
    assert counts.sum() == pytest.approx(math.comb(100, 50), rel=1e-12)
    assert counts == pytest.approx(counts[::-1])


def test_counts_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        mann_whitney_counts(2, 2)[0] = 5
    with pytest.raises(ValueError, match="at least one"):
        mann_whitney_counts(0, 2)


def test_ratio_and_interval_of_four_against_four():
    # In powers of two, a = 0 1 2 3 and b = 3 4 5 6 have the differences 0 1 1 2 2 2 3 3 3 3 4 4 4 5 5 6:
    # median 3. 2 P(U <= 0) = 2/70 = 0.029 and 2 P(U <= 1) = 4/70 = 0.057, so k = 1: from 2^0 to 2^6.
    found = hodges_lehmann_ratio([1, 2, 4, 8], [8, 16, 32, 64])
    assert (found.ratio, found.low, found.high) == pytest.approx((8, 1, 64))
    assert found.attained_confidence == pytest.approx(1 - 2 / 70)
    # At 90 %, k = 2 (4/70 <= 0.1; 2 P(U <= 2) = 8/70 is not): the second from either end.
    found = hodges_lehmann_ratio([1, 2, 4, 8], [8, 16, 32, 64], confidence=0.9)
    assert (found.low, found.high) == pytest.approx((2, 32))
    assert found.attained_confidence == pytest.approx(1 - 4 / 70)


def test_three_against_three_reach_90_percent_and_no_more():
    a, b = [1.0, 1.1, 1.2], [2.0, 2.1, 2.2]
    found = hodges_lehmann_ratio(a, b)
    assert (found.low, found.high, found.attained_confidence) == (None, None, None)
    assert found.attainable_confidence == pytest.approx(0.9)
    assert hodges_lehmann_ratio(a, b, confidence=0.9).low == pytest.approx(2.0 / 1.2)


def test_one_miss_among_four_leaves_the_ratio_but_no_upper_bound():
    found = hodges_lehmann_ratio([1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, math.inf])
    assert (found.ratio, found.low, found.high) == (pytest.approx(2), pytest.approx(2), math.inf)


def test_misses_on_both_sides_leave_the_ratio_open():
    found = hodges_lehmann_ratio([math.inf] * 4, [math.inf] * 4)
    assert (found.ratio, found.low, found.high) == (None, 0, math.inf)


@pytest.mark.parametrize(("a", "b"), [([], [1.0]), ([1.0], [0.0]), ([math.nan], [1.0])])
def test_a_ratio_needs_times_above_zero(a, b):
    with pytest.raises(ValueError, match="above zero"):
        hodges_lehmann_ratio(a, b)


@few
@given(times, times)
def test_swapping_the_sides_inverts_ratio_and_interval(a, b):
    forth, back = hodges_lehmann_ratio(a, b), hodges_lehmann_ratio(b, a)
    assert forth.ratio * back.ratio == pytest.approx(1)
    if forth.low is not None:
        assert forth.low * back.high == pytest.approx(1)
        assert forth.low <= forth.ratio * (1 + 1e-12)
        assert forth.ratio <= forth.high * (1 + 1e-12)


@few
@given(times, times, st.floats(0.01, 100))
def test_scaling_one_side_scales_the_ratio(a, b, factor):
    scaled = hodges_lehmann_ratio(a, [factor * value for value in b])
    assert scaled.ratio == pytest.approx(factor * hodges_lehmann_ratio(a, b).ratio)


@few
@given(times, times, st.floats(0, 0.5))
def test_the_interval_lies_past_the_margin_exactly_where_the_test_rejects(a, b, delta):
    found = hodges_lehmann_ratio(a, b)
    edges = [abs(abs(math.log(y / x)) - math.log1p(delta)) for x in a for y in b]
    assume(min(edges) > 1e-9)
    past = found.low is not None and (found.low > 1 + delta or found.high < 1 / (1 + delta))
    assert past == (margin_p(a, b, delta) <= 0.05)


@few
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=14, unique=True), st.data())
def test_without_a_margin_it_is_scipys_exact_test(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    a, b = [float(v) for v in values[:cut]], [float(v) for v in values[cut:]]
    assert margin_p(a, b, 0) == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue)


def test_rounds_needed_for_an_interval():
    # 2 / C(2n, n): 3 a side 2/20 = 0.1, 4 a side 2/70 = 0.029, 5 a side 2/252 = 0.0079.
    assert [rounds_needed(confidence) for confidence in (0.9, 0.95, 0.99)] == [3, 4, 5]
    with pytest.raises(ValueError, match="between 0 and 1"):
        rounds_needed(1.0)


def test_geometric_mean_by_hand():
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1)
    assert geometric_mean([1.0, 2.0, 4.0]) == pytest.approx(2)
    with pytest.raises(ValueError, match="above zero"):
        geometric_mean([1.0, 0.0])


def test_interval_of_a_median_needs_six_values():
    # 2 / 2^5 = 0.0625 is too much, 2 / 2^6 = 0.031 is not.
    assert median_interval([1, 2, 3, 4, 5]) is None
    found = median_interval([6, 1, 5, 2, 4, 3])
    assert (found.low, found.high, found.attained_confidence) == (1, 6, pytest.approx(1 - 2 / 64))
    # Nine: 2 (1 + 9) / 512 = 0.039 and 2 (1 + 9 + 36) / 512 = 0.18, so the second from either end.
    found = median_interval(list(range(1, 10)))
    assert (found.low, found.high, found.attained_confidence) == (2, 8, pytest.approx(1 - 20 / 512))
    assert median_interval([]) is None
