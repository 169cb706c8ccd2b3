import threading

import pytest

from bench.records.side_by_side import side_by_side


def test_answers_come_in_order_however_long_each_takes():
    second = threading.Event()

    def double(number):
        if number == 1:
            assert second.wait(60)
        if number == 2:
            second.set()
        return 2 * number

    assert list(side_by_side(double, [1, 2, 3], threads=2)) == [2, 4, 6]
    assert list(side_by_side(double, [], threads=2)) == []


def test_what_is_raised_is_raised_in_its_turn():
    given = side_by_side(lambda number: 1 // number, [1, 0, 1], threads=3)
    assert next(given) == 1
    with pytest.raises(ZeroDivisionError):
        next(given)


def test_who_wants_no_more_waits_for_nothing_and_begins_nothing():
    go, began = threading.Event(), []

    def wait(number):
        began.append(number)
        if number:
            go.wait()

    others = set(threading.enumerate())
    given = side_by_side(wait, range(100), threads=2)
    next(given)
    given.close()  # would not return, were it to wait for those that have begun
    workers = set(threading.enumerate()) - others
    go.set()
    for thread in workers:
        thread.join()
    assert len(began) <= 4
