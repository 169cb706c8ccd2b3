import pytest

from bench.records.suite import Measure
from bench.views.repetition import plus_minus, rounds_ahead, runs_ahead, still_going

FIXED = Measure(rounds=3)
UP_TO = Measure(precision=0.01, max_rounds=20)


@pytest.mark.parametrize(
    ("share", "text"), [(0.01, "±1 %"), (0.005, "±0.5 %"), (0.07, "±7 %"), (0.5, "±50 %")]
)
def test_a_precision_is_a_percentage_as_it_was_given(share, text):
    assert plus_minus(share) == text


def test_rounds_are_a_number_or_a_range():
    assert rounds_ahead(FIXED) == "3 rounds"
    assert rounds_ahead(Measure(rounds=1)) == "1 round"
    assert rounds_ahead(UP_TO) == "7 to 20 rounds until within ±1 % of this session's median"
    assert (
        rounds_ahead(Measure(precision=0.01, max_rounds=7))
        == "7 rounds until within ±1 % of this session's median"
    )


def test_runs_are_a_number_or_the_least_and_the_most():
    assert runs_ahead(2, FIXED) == "6 runs in 3 rounds"
    assert runs_ahead(1, Measure(rounds=1)) == "1 run in 1 round"
    assert runs_ahead(100, UP_TO) == (
        "at least 700 runs in 7 rounds, up to 2,000 in 20, until within ±1 % of this session's median"
    )


def test_what_is_left_is_told_of_all():
    assert still_going(3, 7, 0.01) == "3 of 7 scenarios left to bring within ±1 %"
    assert still_going(1, 1, 0.5) == "1 of 1 scenario left to bring within ±50 %"
