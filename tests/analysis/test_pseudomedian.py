import numpy as np
import pytest

from bench.analysis.pseudomedian import jackknife_variance, pseudomedians

# Changes of the Hamilton depression scale factor of nine patients: Hollander, Wolfe and Chicken,
# Nonparametric Statistical Methods, 2014, table 3.1; example 3.3 has their pseudomedian.
CHANGES = [-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010]


def test_the_pseudomedian_is_the_published_one():
    whole, _ = pseudomedians(np.array([CHANGES]))
    assert whole == pytest.approx([-0.46])


@pytest.mark.parametrize("size", [3, 4, 7])
def test_without_a_value_it_is_that_of_the_others(size):
    samples = np.random.default_rng(size).normal(size=(5, size))
    _, reduced = pseudomedians(samples)
    for without in range(size):
        others, _ = pseudomedians(np.delete(samples, without, axis=1))
        assert reduced[:, without] == pytest.approx(others)


def test_of_two_values_each_is_what_is_left_without_the_other():
    whole, reduced = pseudomedians(np.array([[1.0, 4.0]]))
    assert (whole.tolist(), reduced.tolist()) == ([2.5], [[4.0, 1.0]])


def test_the_jackknife_of_a_mean_is_its_variance():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    reduced = (values.sum() - values) / 3
    found = jackknife_variance(reduced[:, None], np.ones((4, 1), bool))
    assert found == pytest.approx([values.var(ddof=1) / 4])


def test_only_blocks_that_are_there_count():
    reduced = np.array([[1.0, 1.0], [2.0, 2.0], [99.0, 3.0]])
    there = np.array([[True, True], [True, False], [False, False]])
    first, second = jackknife_variance(reduced, there)
    assert first == pytest.approx(0.25)
    assert np.isnan(second)
