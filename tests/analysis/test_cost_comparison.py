import pytest

from bench.analysis.cost_comparison import cost_comparison
from bench.analysis.statistics import hodges_lehmann_ratio

A, B = [1.0, 1.01, 0.99, 1.005], [0.5, 0.505, 0.495, 0.501]


def test_the_ratio_of_costs_is_that_of_times_by_that_of_prices():
    times, found = hodges_lehmann_ratio(A, B), cost_comparison(A, B, 2.0, 6.0)
    for name in ("ratio", "low", "high"):
        assert getattr(found, name) == pytest.approx(3 * getattr(times, name))


@pytest.mark.parametrize(("price", "verdict"), [(1.0, "cheaper"), (6.0, "dearer"), (2.0, "unclear")])
def test_half_the_time_is_cheaper_below_twice_the_price(price, verdict):
    found = cost_comparison(A, B, 1.0, price)
    assert found.verdict(0.01, found.p, 0.05) == verdict


def test_what_costs_the_same_within_the_margin_is_the_same():
    steady = [1.0, 1.001, 1.002, 0.999]
    found = cost_comparison(steady, [2 * one for one in steady], 2.0, 1.0)
    assert found.verdict(0.01, 1.0, 0.05) == "same"


def test_no_ratio_of_what_costs_nothing():
    assert cost_comparison(A, B, 0.0, 1.0) is None
    assert cost_comparison(A, B, 1.0, 0.0) is None
