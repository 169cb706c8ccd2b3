import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.decision import benjamini_hochberg, decide, level_of_runs, level_of_sessions


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.02, 1.05, "slower"),
        (1.005, 1.05, "unclear"),
        (0.95, 0.98, "faster"),
        (0.995, 1.005, "same"),
        (0.98, 1.02, "unclear"),
        (None, None, "unclear"),
    ],
)
def test_the_whole_interval_has_to_say_so(low, high, verdict):
    assert decide(low, high, 0.01) == verdict


def test_a_difference_holds_only_at_the_level():
    assert decide(1.02, 1.05, 0.01, q=0.04, level=0.05) == "slower"
    assert decide(1.02, 1.05, 0.01, q=0.06, level=0.05) == "unclear"
    assert decide(0.999, 1.001, 0.01, q=1.0, level=0.05) == "same"


def test_levels_follow_the_confidence_asked_for():
    assert (level_of_runs(0.95), level_of_sessions(0.95)) == pytest.approx((0.05, 0.02))
    assert level_of_sessions(0.9) == pytest.approx(0.04)


def test_benjamini_and_hochbergs_own_example():
    # Their table 1 (1995): at 5 % the first four of fifteen are rejected.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    p += [0.6528, 0.7590, 1.0]
    q = benjamini_hochberg(p)
    assert [value <= 0.05 for value in q] == [True] * 4 + [False] * 11
    assert q[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])
    assert benjamini_hochberg([]) == []


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_values_keep_the_order_and_are_never_smaller(p):
    q = benjamini_hochberg(p)
    assert all(own <= adjusted <= 1 for own, adjusted in zip(p, q, strict=True))
    ordered = sorted(zip(p, q, strict=True))
    assert all(before[1] <= after[1] for before, after in itertools.pairwise(ordered))
