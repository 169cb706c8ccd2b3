import random

import pytest

from bench.analysis.front import Contender, _decisions, standings
from bench.analysis.statistics import hodges_lehmann_ratio

STEADY = (0.999, 1.0, 1.001, 1.0, 0.9995, 1.0005)


def contender(name, seconds, price, sessions=("s",), won=1):
    """Runs of `seconds` on a machine of `price`, a little apart, in each of the sessions."""
    times = {session: [seconds * one for one in STEADY] for session in sessions}
    paid = {session: [time * price for time in of] for session, of in times.items()}
    return Contender(name, times if won else {}, paid, {session: [won] * len(STEADY) for session in sessions})


def four(name):
    return tuple(f"{name}{number}" for number in range(4))


def places(*contenders):
    (found,) = standings([contenders])
    return [standing and (standing.place, standing.behind, standing.unit) for standing in found]


def test_who_is_faster_and_who_is_cheaper_are_both_on_the_front():
    """B takes half the time at four times the price."""
    assert places(contender("A", 2.0, 1.0), contender("B", 1.0, 4.0)) == [
        ("front", None, "run"),
        ("front", None, "run"),
    ]


def test_who_is_slower_at_the_same_price_is_behind():
    """In time and in cost; C is only dearer."""
    found = places(contender("A", 1.0, 1.0), contender("B", 1.5, 1.0), contender("C", 1.0, 2.0))
    assert found == [("front", None, "run"), ("behind", "A", "run"), ("behind", "A", "run")]


def test_equal_sides_that_scatter_are_told_neither_way():
    draw = random.Random(1)
    sides = []
    for name in "AB":
        times = {"s": [draw.lognormvariate(0, 0.05) for _ in range(6)]}
        sides.append(Contender(name, times, times, {"s": [1] * 6}))
    assert [place for place, _, _ in places(*sides)] == ["maybe", "maybe"]


def test_equal_sides_that_do_not_scatter_are_both_on_the_front():
    assert [place for place, _, _ in places(contender("A", 1.0, 1.0), contender("B", 1.001, 1.0))] == [
        "front",
        "front",
    ]


def test_sessions_of_two_machines_allow_no_verdict_until_there_are_four_of_each():
    """By their medians alone B is behind; with the sessions as blocks it is so for certain."""
    one = places(contender("A", 1.0, 1.0, ["a"]), contender("B", 1.5, 1.0, ["b"]))
    assert one == [("front", None, None), ("behind", "A", None)]
    many = places(contender("A", 1.0, 1.0, four("a")), contender("B", 1.5, 1.0, four("b")))
    assert many == [("front", None, "session"), ("behind", "A", "session")]
    mixed = places(contender("A", 1.0, 1.0, four("a")), contender("B", 1.5, 1.0, ["b"]))
    assert mixed == one


def test_who_never_won_and_who_is_alone_stand_nowhere():
    assert places(contender("A", 1.0, 1.0), contender("B", 0.5, 0.5, won=0)) == [None, None]
    assert standings([[], [contender("A", 1.0, 1.0)]]) == [[], [None]]


def test_what_costs_nothing_is_cheaper_for_certain():
    assert [place for place, _, _ in places(contender("A", 1.0, 0.0), contender("B", 0.5, 1.0))] == [
        "front",
        "front",
    ]
    found = places(contender("A", 1.0, 0.0), contender("B", 1.5, 1.0), contender("C", 1.5, 0.0))
    assert [(place, behind) for place, behind, _ in found] == [
        ("front", None),
        ("behind", "A"),
        ("behind", "A"),
    ]


@pytest.mark.parametrize(("sessions", "mood"), [(1, 0.0), (4, 0.03)])
def test_tables_of_equal_sides_call_nobody_behind(sessions, mood):
    """Thirty tables of 20 scenarios; pooled runs would call many of them."""
    draw = random.Random(sessions)
    for _ in range(30):
        moods = {f"{name}{n}": draw.lognormvariate(0, mood) for name in "AB" for n in range(sessions)}
        contests = []
        for _ in range(20):
            sides = []
            for name in "AB":
                of = {"s": 1.0} if sessions == 1 else {s: m for s, m in moods.items() if s.startswith(name)}
                times = {s: [m * draw.lognormvariate(0, 0.02) for _ in range(5)] for s, m in of.items()}
                sides.append(Contender(name, times, times, {s: [1] * 5 for s in of}))
            contests.append(sides)
        assert all(standing.place != "behind" for found in standings(contests) for standing in found)


def test_what_is_free_makes_no_other_verdict_easier():
    """Five against five times come apart by chance once in 126 tables: not sure among ten scenarios."""
    five = [contender("A", 1.0, 0.0), contender("B", 1.1, 0.0)]
    apart = [Contender(one.name, {"s": one.times["s"][:5]}, {"s": [0.0] * 5}, {"s": [1] * 5}) for one in five]
    alike = [contender("A", 1.0, 0.0), contender("B", 1.0, 0.0)]
    (alone,) = standings([apart])
    assert [one.place for one in alone] == ["front", "behind"]
    first, *_ = standings([apart, *[alike] * 9])
    assert [one.place for one in first] == ["maybe", "maybe"]


def test_times_in_too_few_sessions_are_told_neither_way():
    """Of A's four sessions two came to a time."""
    a, b = contender("A", 1.0, 1.0, four("a")), contender("B", 1.5, 1.0, four("b"))
    few = Contender("A", {name: a.times[name] for name in ("a0", "a1")}, a.paid, a.won)
    assert _decided(few, b) == "unclear"
    assert _decided(a, b) == "slower"


def test_a_few_noisy_runs_against_many_quiet_ones_are_no_verdict():
    """By ranks alone, which take both sides to scatter alike, B would be slower."""
    quiet = [1 + 0.0001 * place for place in range(20)]
    noisy = [1.02, 1.05, 1.2, 1.4, 1.9, 1.015]
    assert hodges_lehmann_ratio(quiet, noisy).low > 1.01
    a, b = (
        Contender(name, {"s": times}, {"s": times}, {"s": [1] * len(times)})
        for name, times in (("A", quiet), ("B", noisy))
    )
    assert _decided(a, b) == "unclear"


def _decided(a, b):
    """What B's time is against A's."""
    [found] = _decisions([[a, b]])
    return found[0, 1][0]
