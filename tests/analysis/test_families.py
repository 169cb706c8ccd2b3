"""Which setting tells where B wins."""

import numpy as np
import pytest

from bench.analysis.comparison import ScenarioComparison, SideOfScenario
from bench.analysis.families import families

SIDE = SideOfScenario(4, 4, 4, 1, 1.0, None, (), ())


def rows(ratios, half=0.02, **settings):
    """Scenarios with those ratios; each setting has a value for each."""
    return [
        ScenarioComparison(
            f"s{number}",
            {name: values[number] for name, values in settings.items()},
            (),
            "step_seconds",
            SIDE,
            SIDE,
            "unclear",
            "",
            ratio=ratio,
            low=None if half is None else ratio * (1 - half),
            high=None if half is None else ratio * (1 + half),
        )
        for number, ratio in enumerate(ratios)
    ]


def found(*given, **settings):
    told = families(rows(*given, **settings), 0.01)
    return told and [(family.values, family.verdict) for family in told.families]


BATCHES = [1, 10, 100, 1000, 10_000, 100_000]


def test_a_number_is_cut_into_ranges():
    ratios = [0.5, 0.51, 0.49, 1.1, 1.12, 1.11]
    assert found(ratios, batch_size=BATCHES) == [
        ((1, 10, 100), "faster"),
        ((1000, 10_000, 100_000), "slower"),
    ]


def test_the_mean_of_a_family_is_geometric_and_its_interval_the_widest_there_can_be():
    told = families(rows([0.5, 0.5, 1.0, 4.0], 0.1, loop=["fit", "fit", "fused", "fused"]), 0.01)
    assert told is None  # 1.0 and 4.0 scatter too much for a mean of 2.0 to tell
    told = families(rows([0.4, 0.5, 2.0, 2.5], 0.1, loop=["fit", "fit", "fused", "fused"]), 0.01)
    fit, fused = told.families
    assert (fit.ratio, fused.ratio) == (pytest.approx(0.2**0.5), pytest.approx(5**0.5))
    assert (fit.low, fit.high) == (pytest.approx(0.9 * 0.2**0.5), pytest.approx(1.1 * 0.2**0.5))
    # Squares within: two times log(1.25)²/2; of all: log(0.4), log(0.5), log(2), log(2.5) about their mean 0.
    within, of_all = np.log(1.25) ** 2, 2 * (np.log(2) ** 2 + np.log(2.5) ** 2)
    assert told.explained == pytest.approx(1 - (within / 2) / (of_all / 3))


def test_a_bump_in_the_middle_makes_three_ranges():
    batches = [2**power for power in range(9)]
    ratios = [0.8, 0.81, 0.8, 1.3, 1.31, 1.3, 0.7, 0.71, 0.7]
    assert [values for values, _ in found(ratios, batch_size=batches)] == [
        (1, 2, 4),
        (8, 16, 32),
        (64, 128, 256),
    ]


def test_layers_have_an_order_by_their_units():
    assert found([0.5, 1.2, 0.51, 1.2, 1.21], hidden=[(50,), (512,), (100,), (1024,), (2048,)]) == [
        (((50,), (100,)), "faster"),
        (((512,), (1024,), (2048,)), "slower"),
    ]


def test_values_without_an_order_are_put_together_where_they_are_alike():
    strategies = ["one_device", "mirrored", "parameter_server"] * 3
    ratios = [1.0, 1.5, 1.01, 1.0, 1.52, 1.0, 1.0, 1.49, 1.0]
    assert found(ratios, 0.005, strategy=strategies) == [
        (("one_device", "parameter_server"), "same"),
        (("mirrored",), "slower"),
    ]


def test_the_setting_that_explains_more_is_told():
    loops = ["fit", "fused", "fit", "fused", "fit", "fused"]
    ratios = [0.50, 0.52, 0.5, 1.12, 1.1, 1.12]
    told = families(rows(ratios, batch_size=BATCHES, loop=loops), 0.01)
    assert told.setting == "batch_size"


def test_nothing_is_told_of_what_scatters_alike():
    assert found([1.3, 1.31, 1.29, 1.3, 1.31, 1.3], batch_size=BATCHES) is None


def test_nothing_is_told_of_intervals_that_overlap():
    ratios = [0.98, 0.985, 0.98, 1.04, 1.045, 1.04]
    assert found(ratios, 0.1, batch_size=BATCHES) is None
    assert found(ratios, 0.005, batch_size=BATCHES) is not None


def test_families_of_one_verdict_that_hardly_differ_are_not_told():
    assert found([1.30, 1.30, 1.30, 1.36, 1.36, 1.36], 0.001, batch_size=BATCHES) is None
    assert found([1.30, 1.30, 1.30, 1.56, 1.56, 1.56], 0.001, batch_size=BATCHES) is not None


def test_nothing_is_told_of_too_few_or_of_what_has_no_interval():
    assert found([0.5, 1.5], loop=["fit", "fused"]) is None
    assert found([0.5, 0.5, 1.1, 1.2], None, loop=["fit", "fit", "fused", "fused"]) is None
    assert families([], 0.01) is None
