"""What the processes of a slot tell, and what that makes of its job. No Ray is started."""

import pytest

from bench.orchestration.on_ray.endings import Broken
from bench.orchestration.on_ray.progress import Progress
from bench.orchestration.pool import EpochDone, Finished, Job, PhaseBegan, Probed, Result, Task
from bench.orchestration.pool import Started as AllStarted
from bench.orchestration.processes.group import specs
from bench.orchestration.processes.work import Limits, Probing, Results, Started
from bench.orchestration.scheduling.request import Allocation, Node, Request
from bench.records.measurement import Epoch, Measurement
from bench.records.scenario import Scenario

EPOCH = Epoch(1, 1, 1.0, 0.1, 1.1, 0.001, 0.5, 0.8, 0.4, 0.9, (1.0,), (1,))
OK = Measurement(status="ok", step_seconds=0.1, peak_host_bytes=5)
KILLED = Broken("oom_host", "the kernel killed its process 7")
ENDED_ITSELF = Broken("failed", "its process 7 ended itself: Check failed: x")
VANISHED = Broken("lost", "its process 7 is gone without a reason")
LOST_A_PEER = Measurement(status="lost", error="a peer is gone", train_seconds=3.0)
STOPPED = Broken("lost", "its process 7 is gone without a reason", stopped=True)
TASK = Task("r", Scenario(dataset="digits", hidden=[16], batch_size=100), 0)


def results(*measured):
    return Results(tuple(Result(one, (EPOCH,)) for one in measured))


@pytest.fixture
def progress():
    """Of one process or of a group of workers, each on a node of its own."""

    def make(workers=1, strategy="multi_worker_mirrored", what=None, tasks=1):
        allocations = tuple(
            Allocation(Node(f"n{number}", f"n{number}", (0,)), (0,)) for number in range(workers)
        )
        servers = int(strategy == "parameter_server")
        strategy = strategy if workers > 1 else "one_device"
        request = Request("cpu", 1, 0, None, strategy, workers=workers, servers=servers)
        processes = specs(request, allocations)
        return Progress(4, 1, what or Job((TASK,) * tasks), request, processes), processes

    return make


def test_one_process_is_all_there_is(progress):
    job, (only,) = progress()
    assert job.told(only, [Started(), "build"]) == [AllStarted(4), PhaseBegan(4, "build")]
    assert job.told(only, ["train", EPOCH]) == [PhaseBegan(4, "train"), EpochDone(4, EPOCH)]
    assert not job.needless
    job.ended(only, results(OK))
    assert job.open == []
    assert job.conclusion() == Finished(4, (Result(OK, (EPOCH,)),))


def test_nothing_is_told_before_all_have_started(progress):
    job, (first, second) = progress(2)
    assert job.told(first, [Started(), "build"]) == []
    assert job.told(first, [EPOCH]) == []
    started = [AllStarted(4), PhaseBegan(4, "build"), EpochDone(4, EPOCH)]
    assert job.told(second, [Started()]) == started
    assert job.told(first, ["train"]) == [PhaseBegan(4, "train")]


def test_a_group_is_over_once_all_workers_are(progress):
    job, (first, second) = progress(2)
    job.ended(second, results(Measurement(status="ok", peak_host_bytes=9)))
    assert (job.needless, job.open) == (False, [first])
    job.ended(first, results(OK))
    (result,) = job.conclusion().results
    assert (result.measurement.step_seconds, result.measurement.peak_host_bytes) == (0.1, 9)
    assert result.epochs == (EPOCH,)


def test_of_a_parameter_server_s_job_only_the_chief_ends_by_itself(progress):
    job, (chief, *others) = progress(2, "parameter_server")
    assert [spec.task_type for spec in others] == ["worker", "worker", "ps"]
    job.ended(chief, results(OK))
    assert job.needless
    assert job.open == others
    for spec in others:
        job.ended(spec, STOPPED)
    assert job.conclusion() == Finished(4, (Result(OK, (EPOCH,)),))


def test_a_probe_is_of_those_that_train(progress):
    job, (chief, *workers, server) = progress(2, "parameter_server", Probing(("float32",)))
    job.ended(workers[1], Limits(None))
    assert not job.needless
    job.ended(workers[0], Limits(None))
    assert (job.needless, job.open) == (True, [chief, server])
    assert job.conclusion() == Probed(4, (None, None))
    job, (first, second) = progress(2, what=Probing(("float32",)))
    job.ended(first, KILLED)
    job.ended(second, STOPPED)
    assert job.conclusion() == Probed(4, (None, None))


@pytest.mark.parametrize(
    ("ends", "status", "error"),
    [
        ([(1, KILLED), (0, STOPPED)], "oom_host", "worker 1 on n1: the kernel killed its process 7"),
        ([(0, results(LOST_A_PEER)), (1, KILLED)], "oom_host", "worker 1 on n1: the kernel killed"),
        ([(0, Broken("lost", "a peer")), (1, ENDED_ITSELF)], "failed", "worker 1 on n1: its process 7 ended"),
        ([(1, ENDED_ITSELF), (0, KILLED)], "failed", "worker 1 on n1: its process 7 ended"),
        ([(0, results(LOST_A_PEER)), (1, VANISHED)], "lost", "worker 1 on n1: its process 7 is gone"),
        ([(0, results(LOST_A_PEER)), (1, STOPPED)], "lost", "a peer is gone"),
        ([(1, VANISHED), (0, STOPPED)], "lost", "worker 1 on n1: its process 7 is gone"),
        ([(0, STOPPED), (1, STOPPED)], "failed", "the process ended its run without a result"),
    ],
)
def test_the_first_that_has_a_reason_of_its_own_is_the_one(progress, ends, status, error):
    job, processes = progress(2)
    for number, end in ends:
        job.ended(processes[number], end)
        assert job.needless
    (result,) = job.conclusion().results
    assert result.measurement.status == status
    assert result.measurement.error.startswith(error)


def test_what_the_leader_has_told_is_kept(progress):
    """Of a run that was cut short its epochs, of one that lost a peer all that it measured."""
    job, (first, second) = progress(2)
    job.told(first, [Started()])
    job.told(second, [Started()])
    job.told(first, [EPOCH])
    job.ended(second, VANISHED)
    job.ended(first, STOPPED)
    (result,) = job.conclusion().results
    assert result.epochs == (EPOCH,)
    job, (first, second) = progress(2)
    job.ended(first, results(LOST_A_PEER))
    job.ended(second, KILLED)
    (result,) = job.conclusion().results
    assert (result.measurement.train_seconds, result.epochs) == (3.0, (EPOCH,))


def test_who_dies_once_the_run_is_over_changes_nothing(progress):
    job, (first, second) = progress(2)
    job.ended(first, results(OK))
    assert job.decided
    job.ended(second, VANISHED)
    assert job.conclusion(broken=True) == Finished(4, (Result(OK, (EPOCH,)),), broken=True)


def test_a_worker_that_failed_fails_the_run_and_no_figure_of_it_counts(progress):
    job, (first, second) = progress(2)
    job.ended(first, results(OK))
    job.ended(second, results(Measurement(status="failed", error="x")))
    (result,) = job.conclusion().results
    assert result.measurement == Measurement(status="failed", error="worker 1 on n1: x")


def test_a_result_for_each_task(progress):
    job, (only,) = progress(tasks=2)
    job.ended(only, results(OK, Measurement(status="failed", error="x")))
    assert [one.measurement.status for one in job.conclusion().results] == ["ok", "failed"]
    job, (only,) = progress(tasks=2)
    job.told(only, [Started(), EPOCH])
    job.ended(only, VANISHED)
    first, second = job.conclusion().results
    assert (first.measurement, first.epochs) == (second.measurement, (EPOCH,))
    assert second.epochs == ()


def test_one_of_several_that_is_lost_makes_it_worth_a_look_at_the_nodes(progress):
    job, (first, _) = progress(2)
    assert not job.lost
    job.ended(first, results(LOST_A_PEER))
    assert job.lost
    assert not job.decided
    job, (only,) = progress()
    job.ended(only, VANISHED)
    assert not job.lost
