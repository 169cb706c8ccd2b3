"""How long programs are warmed up: on a clock that only the steps of a script move."""

import time

import pytest

from bench.records.scenario import Scenario

pytestmark = pytest.mark.slow  # since TensorFlow is imported

CALL_NS = 50_000  # what a call takes beside its steps


@pytest.fixture
def warmed(tf, monkeypatch):  # noqa: ARG001
    """Call with nanoseconds of a step by how long training went on; gives how many steps each call had."""
    from bench.training import windowed

    class Loop(windowed.WindowedLoop):
        def __init__(self, step_ns, batch, chunk, seen):
            super().__init__(None, Scenario(hidden=[10], batch_size=batch), 0, chunk)
            self.step_ns, self.now, self.calls, self.seen = step_ns, 0, [], seen

        def _run(self, epoch, first, count):  # noqa: ARG002
            self.calls.append(count)
            self.now += CALL_NS + count * self.step_ns(self.now)
            return 0.0, 0, count

        def _agreed(self, seconds):
            return self.seen(seconds)

        def _shuffle(self, order):
            pass

        def _split(self, name):
            raise NotImplementedError

        compile = stage = traces = None

    Loop.__abstractmethods__ = frozenset()

    def warm_up(step_ns, batch=100, chunk=1, device="CPU", seen=lambda seconds: seconds):
        loop = Loop(step_ns, batch, chunk, seen)
        monkeypatch.setattr(time, "perf_counter_ns", lambda: loop.now)
        monkeypatch.setattr(windowed, "_device", lambda: device)
        loop.warm_up()
        return loop, [steps for steps in loop.calls if steps]

    return warm_up


def seconds(loop):
    """Of the warm-up, less the empty windows at its end."""
    empty = sum(not steps for steps in loop.calls)
    return (loop.now - empty * CALL_NS) / 1e9


def test_steady_steps_take_a_few_calls_of_a_fiftieth_of_a_second(warmed):
    loop, calls = warmed(lambda _: 100_000)
    assert calls == [1, 2, 4, 8, 16, 32, 64, 128, 200, 200]
    assert loop._window_steps == (500,)  # 50 ms: an epoch is shorter than a window
    assert loop.empty_seconds == CALL_NS / 1e9


def test_a_window_has_as_many_steps_as_the_fastest_call_says(warmed):
    loop, _ = warmed(lambda _: 100_000, batch=1)
    assert sum(loop._window_steps) == 50_000
    assert {999, 1000, 1001} >= set(loop._window_steps)


def test_steps_that_still_gain_go_on_until_they_do_not(warmed):
    loop, _ = warmed(lambda now: max(200_000 - now // 1_000, 100_000))
    assert seconds(loop) > 0.1 + 2 * 0.02 * 0.99
    assert seconds(loop) < 0.3


def test_what_never_settles_is_given_up(warmed):
    loop, calls = warmed(lambda now: int(1e6 * 0.9 ** (now / 5e6)))
    assert 0.3 <= seconds(loop) < 0.35
    assert len(calls) > 10


def test_a_step_that_outlasts_all_that_is_taken_once(warmed):
    _, calls = warmed(lambda _: 400_000_000)
    assert calls == [1]


def test_long_steps_are_taken_one_by_one(warmed):
    _, calls = warmed(lambda _: 30_000_000)
    assert calls == [1, 1, 1]


def test_an_epoch_that_is_shorter_than_a_call_is_taken_whole(warmed):
    _, calls = warmed(lambda _: 100_000, batch=10_000)
    assert calls == [1, 2, 4, 5, 5, 5]


def test_chunks_are_taken_whole(warmed):
    _, calls = warmed(lambda _: 100_000, chunk=50)
    assert calls == [50, 100, 200, 200]


def test_a_gpu_has_the_time_that_its_clocks_need_to_rise(warmed):
    loop, _ = warmed(lambda _: 100_000, device="GPU")
    assert seconds(loop) >= 0.3


def test_processes_that_hear_the_same_make_the_same_calls(warmed):
    """Whatever each of them measures: what they go by is what they agreed on."""
    agreed = [0.004, 0.02, 0.021, 0.019, *[0.02] * 40]
    one, other = iter(agreed), iter(agreed)
    _, first = warmed(lambda _: 100_000, seen=lambda _: next(one))
    _, second = warmed(lambda now: 50_000 + now % 70_000, seen=lambda _: next(other))
    assert first == second
