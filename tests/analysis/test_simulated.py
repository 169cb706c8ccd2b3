from tests.statistics.noise import Noise
from tests.statistics.tables import Sides, rates

PLAIN = Noise("2 %")


def test_within_a_session_five_percent_are_found_and_nothing_else():
    found = rates(Sides(PLAIN, PLAIN, 40, 10, 10), tables=12)
    assert (found.false_tables, found.overall_wrong <= 2 / 12) == (0, True)
    assert found.covered > 0.94
    assert found.found > 0.95
    assert found.found_overall == 1


def test_moods_of_sessions_are_no_differences_between_machines():
    moody = Noise("moods", mood=0.05)
    found = rates(Sides(moody, moody, 40, 5, 5, sessions=4), tables=12)
    assert (found.false_tables, found.overall_wrong <= 2 / 12, found.covered > 0.9) == (0, True, True)


def test_a_noisy_side_is_not_told_from_a_quiet_one():
    found = rates(Sides(Noise("quiet", 0.002), Noise("noisy", 0.05), 40, 20, 6), tables=12)
    assert found.false_tables <= 1 / 12
    assert found.covered > 0.93
