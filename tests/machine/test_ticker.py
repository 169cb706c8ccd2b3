import threading

import pytest

from bench.machine.ticker import Ticker


def test_it_acts_after_every_wait_until_it_is_time_to_stop():
    waits, acts, answers = [], [], iter([False, False, True])
    ticker = Ticker("t", lambda: acts.append(len(waits)), 7.0, lambda s: waits.append(s) or next(answers))
    ticker.start()
    ticker.stop()
    assert waits == [7.0, 7.0, 7.0]
    assert acts == [1, 2]


def test_stopping_does_not_wait_for_the_interval():
    acts = []
    ticker = Ticker("t", lambda: acts.append(1), 3600.0)
    ticker.start()
    ticker.stop()
    assert acts == []


def test_it_is_a_daemon_under_its_name_and_gone_after_the_stop():
    ticker = Ticker("a ticker", lambda: None, 3600.0)
    ticker.start()
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "a ticker")
    assert thread.daemon
    ticker.stop()
    assert not thread.is_alive()


def test_a_failure_ends_the_calls_and_is_raised_at_the_stop():
    acts = []

    def act():
        acts.append(1)
        raise OSError("no such device")

    ticker = Ticker("t", act, 1.0, lambda _: len(acts) > 2)
    ticker.start()
    with pytest.raises(OSError, match="no such device"):
        ticker.stop()
    assert acts == [1]
