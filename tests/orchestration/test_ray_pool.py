"""Which of several dead processes a run is said to have died of. No Ray is started."""

from types import SimpleNamespace

import pytest

from bench.orchestration import ray_pool
from bench.orchestration.death import Birth, Remains
from bench.orchestration.placement import Node, Place
from bench.orchestration.pool import Finished
from bench.records.measurement import Measurement

FATAL = Remains(("F0000 00:00:1.2 7 a.cc:1] Check failed: x",))
PEER = Remains(("F0000 00:00:1.2 7 a.cc:1] worker 1 stopped sending heartbeats",))
KILLED, SILENT = Remains((), oom_killed=True), Remains()


@pytest.fixture
def gang(monkeypatch):
    """Call with what is left of each process of a gang, None of one that nobody can look at."""

    def make(*left):
        places = [Place(Node(f"n{number}", f"n{number}", (0,)), (0,)) for number in range(len(left))]
        processes = [
            SimpleNamespace(born=Birth(number), seat=SimpleNamespace(place=place))
            for number, place in enumerate(places)
        ]
        monkeypatch.setattr(ray_pool, "remains_of", lambda dead: list(left)[-len(dead) :])
        monkeypatch.setattr(ray_pool, "_first_gone", lambda _: None)
        return SimpleNamespace(
            worker=1,
            places=tuple(places),
            processes=processes,
            name=lambda process: f"worker {process.born.process_id}: ",
            kind=lambda _: "cpu",
            dead=lambda known=(): list(known) or processes,
        )

    return make


@pytest.mark.parametrize(
    ("left", "status", "told"),
    [
        ((PEER, FATAL), "failed", "worker 1: its process 1 ended itself: Check failed: x"),
        ((SILENT, KILLED), "oom_host", "worker 1: the kernel killed its process 1"),
        ((FATAL, FATAL), "failed", "worker 0: its process 0 ended itself"),
        ((PEER, SILENT), "lost", "worker 0: its process 0 ended itself: worker 1 stopped sending heartbeats"),
        ((None, FATAL), "failed", "worker 1: "),
    ],
)
def test_the_first_that_has_a_reason_of_its_own_is_the_one(gang, left, status, told):
    known = ray_pool._why(made := gang(*left), made.processes)
    assert known[0] == status
    assert known[1].startswith(told)


def test_of_processes_that_were_never_born_or_seen_nothing_is_known(gang):
    made = gang(None)
    assert ray_pool._why(made, made.processes) is None
    made.processes[0].born = None
    assert ray_pool._why(made, made.processes) is None
    assert ray_pool._why(made, []) is None


def test_what_a_process_calls_lost_is_what_another_died_of(gang):
    measured = Measurement(status="lost", error="a peer is gone", train_seconds=3.0)
    found = ray_pool._explained(gang(KILLED), Finished(1, measured, ()))
    assert (found.measurement.status, found.measurement.train_seconds) == ("oom_host", 3.0)
    assert found.measurement.error.startswith("worker 0: the kernel killed its process 0")
    nobody = gang()
    assert ray_pool._explained(nobody, Finished(1, measured, ())).measurement == measured
