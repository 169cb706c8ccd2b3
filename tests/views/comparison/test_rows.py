"""Which scenarios are shown, in which order."""

import pytest

from bench.views.comparison.rows import (
    IN_ORDER,
    MOST_LOUD,
    MOST_QUIET,
    Group,
    group_line,
    groups,
    hidden_line,
    more_line,
    shares,
)


def many(built, **numbers):
    """So many scenarios of each verdict, whose ratios go farther from 1 from one to the next."""
    return [
        built.row(
            f"{verdict} {number}",
            1 + number / 1000 if verdict != "faster" else 1 / (1 + number / 1000),
            verdict,
        )
        for verdict, most in numbers.items()
        for number in range(1, most + 1)
    ]


def of(built, verdict="slower", **numbers):
    rows = many(built, **numbers)
    return built.comparison(rows, [built.overall(rows, verdict=verdict)])


def test_few_stay_in_their_own_order(built):
    found = of(built, slower=10, faster=IN_ORDER - 10)
    assert groups(found) == [Group(None, found.scenarios)]
    assert groups(built.comparison([])) == []


def test_what_goes_against_the_whole_comes_first_and_the_largest_of_each(built):
    found = groups(of(built, slower=300, faster=5, unclear=100, same=95))
    assert [group.verdict for group in found] == ["faster", "slower", "unclear", "same"]
    assert [len(group.shown) for group in found] == [5, MOST_LOUD, MOST_QUIET, MOST_QUIET]
    assert [row.label for row in found[1].shown[:2]] == ["slower 300", "slower 299"]
    assert sum(len(group.shown) + len(group.hidden) for group in found) == 500
    assert groups(of(built, "faster", slower=30, faster=30))[0].verdict == "slower"


def test_failures_come_before_what_says_little(built):
    rows = [*many(built, unclear=30, same=30), built.failed()]
    found = groups(built.comparison(rows, [built.overall(rows, verdict="unclear")]))
    assert [group.verdict for group in found] == ["failed", "unclear", "same"]


def test_a_single_group_has_more_rows_even_if_it_says_little(built):
    [group] = groups(of(built, unclear=50))
    assert len(group.shown) == MOST_LOUD


def test_everything_leaves_nothing_out(built):
    found = groups(of(built, slower=300, unclear=200), everything=True)
    assert [len(group.shown) for group in found] == [300, 200]
    assert more_line(found) == ""
    assert {hidden_line(group) for group in found} == {""}


def test_a_group_says_how_many_there_are_and_from_where_to_where(built):
    slower, unclear = groups(of(built, slower=300, unclear=200))
    assert group_line(slower) == "slower in 300: 1.001× to 1.300×"
    assert hidden_line(slower) == "… 290 more: 1.001× to 1.290×"
    assert more_line([slower, unclear]) == "… 487 more scenarios: --format csv, or --full"


@pytest.mark.parametrize(
    ("wanted", "room", "given"),
    [
        ([5, 5], 40, [5, 5]),
        ([100, 100], 40, [20, 20]),
        ([100, 3, 100], 40, [19, 3, 18]),
        ([5, 5, 5], 2, [1, 1, 0]),
    ],
)
def test_room_is_shared_alike(wanted, room, given):
    assert shares(wanted, room) == given
