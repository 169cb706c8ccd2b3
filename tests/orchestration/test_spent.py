import contextlib

import pytest

from bench.orchestration.spent import Spent


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_what_is_done_several_times_is_added_up(clock):
    spent = Spent(clock)
    for seconds in (2, 3):
        with spent.on("data"):
            clock.now += seconds
    clock.now += 100
    assert spent.seconds == {"data": 5}


def test_what_fails_took_its_time_too(clock):
    spent = Spent(clock)
    with contextlib.suppress(KeyboardInterrupt), spent.on("session"):
        clock.now += 2
        raise KeyboardInterrupt
    assert spent.seconds == {"session": 2}


@pytest.mark.parametrize("error", [None, ValueError("no")])
def test_entering_and_leaving_count_and_what_is_between_does_not(clock, error):
    spent, left = Spent(clock), []

    @contextlib.contextmanager
    def slow():
        clock.now += 3
        try:
            yield "entered"
        except ValueError as raised:
            left.append(raised)
            raise
        finally:
            clock.now += 4

    with (
        pytest.raises(ValueError, match="no") if error else contextlib.nullcontext(),
        spent.around(slow(), "ray-start", "ray-end") as entered,
    ):
        assert entered == "entered"
        clock.now += 100
        if error:
            raise error
    assert spent.seconds == {"ray-start": 3, "ray-end": 4}
    assert left == ([error] if error else [])


def test_what_cannot_be_entered_is_not_left(clock):
    spent = Spent(clock)

    @contextlib.contextmanager
    def fails():
        clock.now += 3
        raise ValueError("no")
        yield

    with pytest.raises(ValueError, match="no"), spent.around(fails(), "ray-start", "ray-end"):
        pass
    assert spent.seconds == {"ray-start": 3}
