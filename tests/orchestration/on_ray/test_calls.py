"""Answers of Ray, as they come in. No Ray is started."""

import contextlib
import threading
from concurrent.futures import Future

import pytest

from bench.errors import ClusterLostError
from bench.orchestration.on_ray.calls import Calls
from bench.orchestration.on_ray.vigil import Vigil
from bench.orchestration.pool import Ready


class Reference:
    """As a reference of Ray's."""

    def __init__(self):
        self.answer = Future()

    def future(self):
        return self.answer


@pytest.fixture
def calls():
    return Calls()


def told(number):
    """What takes an answer and makes an event of it."""
    return lambda answer: [Ready(number), Ready(answer.result())]


def test_all_that_is_answered_comes_at_once_and_in_order(calls):
    first, second, third = (Reference() for _ in range(3))
    for number, reference in enumerate((first, second, third)):
        calls.add(reference, told(number))
    second.answer.set_result(7)
    first.answer.set_result(8)
    assert calls.answered(0.0) == [Ready(1), Ready(7), Ready(0), Ready(8)]
    assert calls.answered(0.0) == []
    third.answer.set_result(9)
    assert calls.answered(0.0) == [Ready(2), Ready(9)]


def test_an_answer_wakes_whoever_waits(calls):
    reference = Reference()
    calls.add(reference, told(1))
    waker = threading.Timer(0.05, reference.answer.set_result, (2,))
    waker.start()
    assert calls.answered(60.0) == [Ready(1), Ready(2)]
    waker.join()


def test_an_interrupt_is_heeded_also_where_answers_never_cease(calls, monkeypatch):
    @contextlib.contextmanager
    def heeded():
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("bench.orchestration.on_ray.calls.heeded", heeded)
    reference = Reference()
    calls.add(reference, told(1))
    reference.answer.set_result(2)
    with pytest.raises(KeyboardInterrupt):
        calls.answered(60.0)
    monkeypatch.undo()
    assert calls.answered(60.0) == [Ready(1), Ready(2)]  # nothing that was told is lost


def test_what_makes_no_event_is_not_the_end_of_the_wait(calls):
    quiet, later = Reference(), Reference()
    calls.add(quiet, lambda _: calls.add(later, told(1)) or [])
    quiet.answer.set_result(None)
    later.answer.set_result(2)
    assert calls.answered(60.0) == [Ready(1), Ready(2)]


def test_nothing_comes_of_what_is_not_awaited_any_more(calls):
    first, second = Reference(), Reference()
    calls.add(first, lambda _: calls.remove(second) or [])
    calls.add(second, told(2))
    first.answer.set_result(None)
    second.answer.set_result(None)
    assert calls.answered(60.0) == []


def test_with_nothing_to_wait_for_nobody_waits(calls):
    assert calls.answered(60.0) == []


def test_an_interrupt_loses_no_answer(calls, monkeypatch):
    reference = Reference()
    calls.add(reference, told(1))

    class Bell:
        def put(self, _):
            pass

        def get(self, timeout):  # noqa: ARG002
            reference.answer.set_result(2)
            raise KeyboardInterrupt

    monkeypatch.setattr(calls, "_bell", Bell())
    with pytest.raises(KeyboardInterrupt):
        calls.answered(60.0)
    assert calls.answered(0.0) == [Ready(1), Ready(2)]


class Gone:
    """A head that is gone once it is said to be."""

    why = None

    def gone(self):
        return self.why

    def answers(self):
        return self.why is None


def test_once_ray_s_head_is_gone_nobody_waits_and_what_was_answered_before_is_told_first():
    head, reference = Gone(), Reference()
    vigil = Vigil(head)
    calls = Calls(vigil)

    def lose(answer):
        head.why = "it was killed"
        return told(1)(answer)

    calls.add(reference, lose)
    reference.answer.set_result(2)
    assert calls.answered(60.0) == [Ready(1), Ready(2)]
    calls.add(Reference(), told(3))
    with pytest.raises(ClusterLostError, match="it was killed"):
        calls.answered(60.0)


def test_what_came_before_an_answer_that_tells_of_the_loss_is_told_first():
    head, first, second = Gone(), Reference(), Reference()
    vigil = Vigil(head)
    calls = Calls(vigil)
    calls.add(first, told(1))
    calls.add(second, lambda _: vigil.check())
    first.answer.set_result(2)
    second.answer.set_result(3)
    head.why = "it was killed"
    assert calls.answered(60.0) == [Ready(1), Ready(2)]
    with pytest.raises(ClusterLostError, match="it was killed"):
        calls.answered(60.0)


def test_the_end_of_ray_s_head_wakes_whoever_waits_for_an_answer():
    head = Gone()
    vigil = Vigil(head)
    calls = Calls(vigil)
    calls.add(Reference(), told(1))

    def lose():
        head.why = "it was killed"
        vigil._bell()

    waker = threading.Timer(0.05, lose)
    waker.start()
    with pytest.raises(ClusterLostError, match="it was killed"):
        calls.answered(60.0)
    waker.join()
