"""Which of several sessions in a row a session is, as its header tells it."""

import pytest

from bench.records.series import Series


def test_a_session_alone_tells_nothing_of_a_row():
    assert Series().header() == {}
    assert Series.of({"suite": "quick"}) == Series()
    assert Series().is_last


def test_each_of_a_row_tells_how_many_there_are_and_which_came_before():
    second = Series(3, ("s1",))
    assert (second.number, second.is_last) == (2, False)
    assert second.header() == {"series": {"sessions": 3, "before": ["s1"]}}
    assert Series.of(second.header()) == second
    assert Series(3, ("s1", "s2")).is_last


@pytest.mark.parametrize(
    "told", [None, 3, [], {"sessions": "3"}, {"sessions": True}, {"sessions": 3, "before": "s1"}]
)
def test_what_bench_did_not_write_is_a_session_alone(told):
    assert Series.of({"series": told}) == Series()


def test_a_row_has_as_many_sessions_as_came_before_and_one():
    assert Series.of({"series": {"sessions": 1, "before": ["s1", "s2"]}}) == Series(3, ("s1", "s2"))
