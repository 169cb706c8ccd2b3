import pytest

from bench.analysis.pace import Pace


@pytest.fixture
def pace():
    """Of the scenarios a and b in three rounds."""
    return Pace({"a": 3, "b": 3})


def test_nothing_is_known_before_the_first_run_has_ended(pace):
    assert pace.seconds_left([("a", 50.0)], 50.0) is None


def test_runs_to_come_take_what_their_scenario_took_and_others_the_mean(pace):
    pace.ended("a", 10.0, 2)
    # Left are two runs of a and three of b, each 10 s as far as is known.
    assert pace.seconds_left([], 10.0) == pytest.approx(50)
    pace.ended("b", 30.0, 2)
    # Two of a at 10 s, two of b at 30 s.
    assert pace.seconds_left([], 40.0) == pytest.approx(80)


def test_what_a_run_under_way_has_done_is_taken_off_up_to_what_it_takes(pace):
    pace.ended("a", 10.0, 2)
    assert pace.seconds_left([("a", 4.0)], 14.0) == pytest.approx(46)
    assert pace.seconds_left([("a", 10.0)], 20.0) == pytest.approx(40)
    # 40 s of work are ahead, and 20 s of it took 40 s.
    assert pace.seconds_left([("b", 30.0)], 40.0) == pytest.approx(80)


def test_starting_processes_slows_a_session_down(pace):
    pace.ended("a", 10.0, 2)
    assert pace.seconds_left([], 20.0) == pytest.approx(100)


def test_runs_side_by_side_take_half_the_time(pace):
    pace.ended("a", 10.0, 2)
    pace.ended("b", 10.0, 2)
    assert pace.seconds_left([], 10.0) == pytest.approx(20)


def test_nothing_is_left_at_the_end(pace):
    for left in (2, 1, 0):
        for scenario in "ab":
            pace.ended(scenario, 10.1, left)
    assert pace.seconds_left([], 60.6) == pytest.approx(0)


def test_a_run_that_never_began_tells_no_time(pace):
    pace.ended("a", None, 2)
    assert pace.seconds_left([], 10.0) is None
    pace.ended("b", 10.0, 2)
    assert pace.seconds_left([], 10.0) == pytest.approx(40)


def test_what_is_expected_of_a_scenario_may_change(pace):
    pace.ended("a", 10.0, 2)
    pace.ended("b", 10.0, 20)
    pace.ended("a", 30.0, 0)
    # b's twenty runs at 10 s, at the session's pace.
    assert pace.seconds_left([], 50.0) == pytest.approx(200)
