"""parameter_server in processes of its own: one worker trains as one device, several do not wait."""

import pytest

from tests.training.gangs import gang
from tests.training.replicas import EVEN, RANDOM, UNEVEN, ok, runs, same_as, same_bits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_worker(told):
    return told("parameter_server", [UNEVEN, RANDOM, RANDOM], leaders="chief", chief=1, worker=1, ps=2)


@pytest.fixture(scope="module")
def two_workers(told):
    return told("parameter_server", [EVEN, RANDOM], leaders="chief", chief=1, worker=2, ps=1)


@pytest.mark.parametrize("case", [0, 1], ids=["uneven", "random-layers"])
def test_one_worker_of_a_parameter_server_trains_as_one_device(one_worker, of_one_device, case):
    """Its random layers draw the same numbers, too, and two servers share the weights."""
    (measured,) = one_worker.measured[case]
    same_as(of_one_device(**(UNEVEN, RANDOM)[case]), measured)


def test_a_second_run_in_the_same_processes_is_the_first_bit_by_bit(one_worker):
    same_bits(one_worker.measured[1], one_worker.measured[2])


def test_workers_that_do_not_wait_have_nothing_that_sums_up(two_workers):
    for measured in two_workers.measured[0]:
        assert measured["all_reduce_implementation"] is None


def test_workers_of_a_parameter_server_sum_up_nothing(one_worker, two_workers):
    for found in (one_worker, two_workers):
        assert [one["all_reduce_seconds"] for case in found.measured for one in case] == [None] * len(
            found.measured
        )
        assert found.rates == [None]


def test_two_workers_that_do_not_wait_learn_no_worse_than_one_device(two_workers, of_one_device):
    """Twice as many updates, each from half of a batch: at most 3 points of accuracy behind."""
    for (measured,), case in zip(two_workers.measured, (EVEN, RANDOM), strict=True):
        epochs = ok(measured)["epochs"]
        one = of_one_device(**case)
        assert epochs[-1]["val_accuracy"] > one.epochs[-1].val.accuracy - 0.03
        assert epochs[0]["train_loss"] < 2.3 * 0.8
        assert [e["window_steps"] for e in epochs] == [[sum(w.windows.steps)] for w in one.epochs]
    assert two_workers.measured[0][0]["epochs"][1]["train_loss"] < epochs[0]["train_loss"]


def test_every_update_of_every_worker_counts(two_workers):
    """A linear schedule is at its end when all 261 + 260 updates have been counted, and not before."""
    ((measured,),) = two_workers.measured[1:]
    assert measured["epochs"][0]["learning_rate"] == pytest.approx(0, abs=1e-9)


def test_a_run_whose_server_is_killed_is_lost(forks, tmp_path):
    cases = runs([{"epochs": 10_000, "jit": False}], strategy="parameter_server", workers=1)
    with gang(forks, tmp_path, "parameter_server", cases, chief=1, worker=1, ps=1) as found:
        (chief,) = found["chief"]
        chief.phase("train")
        found["ps"][0].process.kill()
        measured = chief.next("run")
    assert measured["status"] == "lost"
