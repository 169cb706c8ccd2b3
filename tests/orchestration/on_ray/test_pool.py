"""Which of several dead processes a run is said to have died of. No Ray is started."""

from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError  # noqa: TID253

from bench.orchestration.on_ray import pool as ray_pool
from bench.orchestration.pool import Finished
from bench.orchestration.processes.death import Birth, OomKills, Remains
from bench.orchestration.scheduling.request import Allocation, Node
from bench.records.measurement import Measurement

FATAL = Remains(("F0000 00:00:1.2 7 a.cc:1] Check failed: x",))
PEER = Remains(("F0000 00:00:1.2 7 a.cc:1] worker 1 stopped sending heartbeats",))
KILLED, SILENT = Remains((), ("/group",)), Remains()


@pytest.fixture
def gang(monkeypatch):
    """Call with what is left of each process of a gang, None of one that nobody can look at."""

    def make(*left):
        allocations = [
            Allocation(Node(f"n{number}", f"n{number}", (0,)), (0,)) for number in range(len(left))
        ]
        processes = [
            SimpleNamespace(
                born=Birth(number, None, {"/group": 0}), spec=SimpleNamespace(allocation=allocation)
            )
            for number, allocation in enumerate(allocations)
        ]
        monkeypatch.setattr(ray_pool, "remains_of", lambda dead: list(left)[-len(dead) :])
        monkeypatch.setattr(ray_pool, "_first_gone", lambda _: None)
        return SimpleNamespace(
            worker=1,
            allocations=tuple(allocations),
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
    known = ray_pool._why(made := gang(*left), made.processes, OomKills())
    assert known[0] == status
    assert known[1].startswith(told)


def test_of_processes_that_were_never_born_or_seen_nothing_is_known(gang):
    made = gang(None)
    assert ray_pool._why(made, made.processes, OomKills()) is None
    made.processes[0].born = None
    assert ray_pool._why(made, made.processes, OomKills()) is None
    assert ray_pool._why(made, [], OomKills()) is None


def test_what_a_process_calls_lost_is_what_another_died_of(gang):
    measured = Measurement(status="lost", error="a peer is gone", train_seconds=3.0)
    found = ray_pool._explained(gang(KILLED), Finished(1, measured, ()), OomKills())
    assert (found.measurement.status, found.measurement.train_seconds) == ("oom_host", 3.0)
    assert found.measurement.error.startswith("worker 0: the kernel killed its process 0")
    nobody = gang()
    assert ray_pool._explained(nobody, Finished(1, measured, ()), OomKills()).measurement == measured


def test_a_kill_for_memory_explains_the_death_of_one_process(gang):
    """Of two that were born before it, in one control group."""
    oom_kills = OomKills()

    def why(made):
        [process] = made.processes
        return ray_pool._why(made, [process], oom_kills)[0]

    def remains(found):
        """What is left where the group now counts so many kills."""

        def look(dead):
            return [Remains((), ("/group",) if found > born.oom_kills["/group"] else ()) for _, born in dead]

        return look

    for found, status in ((1, "oom_host"), (1, "lost"), (3, "oom_host"), (3, "oom_host"), (3, "lost")):
        made = gang(SILENT)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ray_pool, "remains_of", remains(found))
            assert why(made) == status


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("Worker exits with an exit code 1. The process receives a SIGTERM.", "an exit code 1. The process"),
        ("Worker unexpectedly exits with a connection error code 2. End of file. Some common causes", None),
    ],
)
def test_what_ray_knows_of_an_end_is_told(gang, detail, told):
    made = gang(SILENT)
    error = ActorDiedError()
    error.args = (f"The actor died.\n\tpid: 7\nWorker exit type: USER Worker exit detail: {detail}\n",)
    error.error_msg = error.args[0]
    died = ray_pool._died(made, made.processes[0], error, OomKills())
    assert died.status == "lost"
    assert ("Ray says: " in died.error) == bool(told)
    assert told is None or told in died.error
