import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis import stratified
from bench.analysis.ratios import block_ratios, ratios
from bench.analysis.statistics import hodges_lehmann_ratio, margin_p
from bench.analysis.stratified import stratified_ratio
from bench.analysis.welch import clipped, welch

few = settings(max_examples=40, deadline=None)
TIMES = st.lists(st.sampled_from([0.5, 1.0, 1.01, 1.02, 1.1, 3.7, math.inf]), min_size=1, max_size=12)


@few
@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=6))
def test_many_pairs_at_once_give_the_exact_interval_and_at_least_welchs(pairs):
    pairs = [(np.array(a), np.array(b)) for a, b in pairs]
    for found, (a, b) in zip(ratios(pairs, 0.95, 0.01), pairs, strict=True):
        exact, p = hodges_lehmann_ratio(a, b), margin_p(a, b, 0.01)
        finite = np.isfinite([*a, *b]).all()
        shift = welch([(clipped(np.log(a)), clipped(np.log(b)))], 0.95, 0.01) if finite else None
        assert (found.ratio, found.attained_confidence) == (exact.ratio, exact.attained_confidence)
        assert found.p == (max(p, shift.p) if shift else p)
        if exact.low is not None and shift:
            assert found.low == min(exact.low, math.exp(shift.low))
            assert found.high == max(exact.high, math.exp(shift.high))
        else:
            assert (found.low, found.high) == (exact.low, exact.high)


def test_a_noisy_side_widens_the_interval_to_welchs():
    rng = np.random.default_rng(1)
    quiet, noisy = np.exp(rng.normal(0, 0.001, 20)), np.exp(rng.normal(0, 0.05, 6))
    (found,) = ratios([(quiet, noisy)], 0.95, 0.01)
    exact = hodges_lehmann_ratio(quiet, noisy)
    assert found.high / found.low > 1.02 * exact.high / exact.low


@few
@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=1))
def test_one_session_is_the_simplest_of_several(pairs):
    pairs = [(np.array(a), np.array(b)) for a, b in pairs]
    (a, b), found = pairs[0], stratified_ratio(pairs, 0.95, 0.01)
    exact = hodges_lehmann_ratio(a, b)
    assert (found.ratio, found.low, found.high) == pytest.approx((exact.ratio, exact.low, exact.high))
    assert found.p == pytest.approx(margin_p(a, b, 0.01))
    assert found.attained_confidence == pytest.approx(exact.attained_confidence)


def test_several_sessions_have_the_distribution_that_counting_all_orders_gives():
    # Two sessions of 2 and 2, and 2 and 1 runs: 6 times 3 equally likely orders.
    sizes = ((2, 1), (2, 2))
    found = []
    for first in itertools.combinations(range(3), 2):
        for second in itertools.combinations(range(4), 2):
            found.append(_larger(first, 3) + _larger(second, 4))
    for u in range(7):
        share = sum(value <= u for value in found) / len(found)
        assert stratified._lower_tail(sizes, u) == pytest.approx(share)


def _larger(a, size):
    """In how many pairs the rank in `b` is above that in `a`."""
    return sum(other > own for own in a for other in set(range(size)) - set(a))


def test_moods_of_sessions_cancel_out():
    # B is 1.02 times slower in each of three sessions that are a factor of two apart.
    runs = np.array([1.0, 1.001, 1.002, 1.003])
    pairs = [(mood * runs, 1.02 * mood * runs) for mood in (1, 2, 4)]
    (found,) = block_ratios([pairs], 0.95, 0.01)
    assert found.ratio == pytest.approx(1.02)
    assert (found.low, found.high) == pytest.approx((1.0189, 1.0211), abs=2e-4)
    assert found.p < 1e-4


def test_misses_on_both_sides_of_a_session_leave_the_ratio_open():
    missed, fine = np.full(3, math.inf), np.ones(3)
    found = stratified_ratio([(missed, missed), (missed, missed)], 0.9, 0.01)
    assert (found.ratio, found.low, found.high, found.p) == (None, 0, math.inf, 1)
    assert stratified_ratio([(fine, missed), (fine, missed)], 0.9, 0.01).low == math.inf


def test_where_orders_are_too_many_to_count_the_sum_is_normal(monkeypatch):
    sizes = ((30, 30), (40, 40))
    counted = [stratified._interval_rank(sizes, confidence) for confidence in (0.9, 0.95, 0.99)]
    tails = [stratified._lower_tail(sizes, rank) for rank in counted]
    monkeypatch.setattr(stratified, "_MOST_COUNTED", 0)
    assert [stratified._lower_tail(sizes, rank) for rank in counted] == pytest.approx(tails, rel=0.05)
    assert [stratified._interval_rank(sizes, c) for c in (0.9, 0.95, 0.99)] == pytest.approx(counted, abs=3)
