from bench.orchestration.scheduling.slots import Deadlines


def test_the_last_deadline_of_each_counts():
    deadlines = Deadlines()
    for slot, at in ((1, 5.0), (2, 3.0), (1, 9.0), (3, 4.0)):
        deadlines.set(slot, at)
    deadlines.clear(3)
    assert deadlines.next() == 3.0
    assert deadlines.passed(8.0) == [2]
    assert deadlines.next() == 9.0
    assert deadlines.passed(8.9) == []
    assert deadlines.passed(9.0) == [1]
    assert deadlines.next() is None
    assert deadlines.passed(100.0) == []
