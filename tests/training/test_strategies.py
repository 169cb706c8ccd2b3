"""Every strategy, in processes of its own, against one device; and what becomes of a run that loses one.

Replicas sum up in another order than one device, and XLA cuts the work up otherwise: that and rounding is
all that they may differ by. Seen over 250 to 500 steps of float32: 3e-7 of the loss.
"""

import pytest

from bench.data.shapes import TEST_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from tests.training.gangs import gang

pytestmark = pytest.mark.slow

SAME = 1e-5
"""Relative tolerance of losses."""
BASE = {"dataset": "digits", "hidden": [32], "activation": "tanh", "batch_size": 200, "epochs": 1}
EVEN = {"epochs": 2, "learning_rate": 0.002}
# 248 batches of 201, which neither two replicas nor three can share evenly, and one of 152.
UNEVEN = {
    "batch_size": 201,
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_fraction": 0.1,
    "standardize": True,
    "label_smoothing": 0.1,
}
# 192 has a last batch of 80, which the first of two workers takes alone.
RANDOM = {
    "batch_size": 192,
    "dropout": 0.2,
    "shift": 1,
    "optimizer": "momentum",
    "schedule": "linear",
    "jit": False,
}
PLAIN = {"batch_size": 2000, "jit": False, "optimizer": "sgd", "learning_rate": 0.1}
BFLOAT16 = {"batch_size": 2000, "precision": "mixed_bfloat16"}
# Plain SGD takes a gradient at its size: a loss scale undone twice, or not at all, would show.
FLOAT16 = {**BFLOAT16, "precision": "mixed_float16", "optimizer": "sgd", "learning_rate": 0.1}
FIT = {"loop": "fit", "jit": False, "batch_size": 2000}
SEED = 3


def runs(cases, **replicas):
    return [{**BASE, **case, **replicas} for case in cases]


@pytest.fixture(scope="module")
def of_one_device(train):
    """Call with settings; gives a run of one device with them."""
    return lambda **settings: train(Scenario(**BASE | settings), SEED)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Call with a strategy, cases and counts of processes; gives what those tell that train."""

    def train_all(strategy, cases, devices=1, leaders="worker", **counts):
        replicas = {"strategy": strategy, "devices": devices}
        replicas |= {"workers": counts["worker"]} if counts else {}
        replicas |= {"servers": counts["ps"]} if "ps" in counts else {}
        folder = tmp_path_factory.mktemp(strategy)
        with gang(folder, strategy, runs(cases, **replicas), devices=devices, probe=True, **counts) as found:
            started = [process.next("started") for process in found[leaders]]
            measured = [[process.next("run") for process in found[leaders]] for _ in cases]
            rates = [process.next("all-reduce") for process in found[leaders]]
        return Told(started, measured, rates)

    return train_all


class Told:
    """What the processes of a gang told: devices, measurements by case and process, and the rate of sums."""

    def __init__(self, started, measured, rates):
        self.started, self.measured, self.rates = started, measured, rates


@pytest.fixture(scope="module")
def two(told):
    return told("mirrored", [EVEN, UNEVEN, RANDOM, RANDOM, PLAIN, BFLOAT16, FLOAT16, FIT], devices=2)


@pytest.fixture(scope="module")
def three(told):
    return told("mirrored", [EVEN, UNEVEN], devices=3)


@pytest.fixture(scope="module")
def central(told):
    return told("central_storage", [EVEN, UNEVEN, RANDOM, RANDOM, FLOAT16], devices=2)


@pytest.fixture(scope="module")
def pair(told):
    return told("multi_worker_mirrored", [EVEN, UNEVEN, RANDOM, RANDOM], worker=2)


@pytest.fixture(scope="module")
def one_worker(told):
    return told("parameter_server", [UNEVEN, RANDOM, RANDOM], leaders="chief", chief=1, worker=1, ps=2)


@pytest.fixture(scope="module")
def two_workers(told):
    return told("parameter_server", [EVEN, RANDOM], leaders="chief", chief=1, worker=2, ps=1)


def ok(measured):
    assert measured["error"] is None
    assert measured["status"] == "ok"
    assert "retraced" not in measured["flags"]
    return measured


def same_as(one, measured):
    """Whether a measurement tells of the run that one device made."""
    ok(measured)
    assert len(measured["epochs"]) == len(one.epochs)
    for ours, theirs in zip(measured["epochs"], one.epochs, strict=True):
        assert ours["steps"] == sum(ours["window_steps"]) == sum(theirs.windows.steps)
        assert ours["learning_rate"] == pytest.approx(theirs.learning_rate, rel=1e-6, abs=1e-9)
        assert ours["train_loss"] == pytest.approx(theirs.train.loss, rel=SAME)
        assert ours["train_accuracy"] == pytest.approx(theirs.train.accuracy, abs=1e-4)
        assert ours["val_loss"] == pytest.approx(theirs.val.loss, rel=SAME)
        assert ours["val_accuracy"] == pytest.approx(theirs.val.accuracy, abs=2 / VAL_SIZE)
    assert measured["test_loss"] == pytest.approx(one.test.loss, rel=SAME)
    assert measured["test_accuracy"] == pytest.approx(one.test.accuracy, abs=2 / TEST_SIZE)


@pytest.mark.parametrize("gang_of", ["two", "three", "central", "pair"])
@pytest.mark.parametrize("case", [0, 1], ids=["even", "uneven"])
def test_replicas_in_step_train_as_one_device(request, of_one_device, gang_of, case):
    for measured in request.getfixturevalue(gang_of).measured[case]:
        same_as(of_one_device(**(EVEN, UNEVEN)[case]), measured)


@pytest.mark.parametrize("case", [0, 1], ids=["uneven", "random-layers"])
def test_one_worker_of_a_parameter_server_trains_as_one_device(one_worker, of_one_device, case):
    """Its random layers draw the same numbers, too, and two servers share the weights."""
    (measured,) = one_worker.measured[case]
    same_as(of_one_device(**(UNEVEN, RANDOM)[case]), measured)


def test_without_xla_replicas_train_as_one_device(two, of_one_device):
    same_as(of_one_device(**PLAIN), two.measured[4][0])


def test_fit_of_replicas_is_fused_of_replicas_and_fit_of_one_device(two, of_one_device):
    same_as(of_one_device(**{**FIT, "loop": "fused"}), two.measured[7][0])
    same_as(of_one_device(**FIT), two.measured[7][0])


@pytest.mark.parametrize(("gang_of", "case"), [("two", 6), ("central", 4)])
def test_replicas_scale_the_loss_of_float16_once(request, of_one_device, gang_of, case):
    one = of_one_device(**FLOAT16)
    for measured in request.getfixturevalue(gang_of).measured[case]:
        assert ok(measured)["epochs"][0]["train_loss"] == pytest.approx(one.epochs[0].train.loss, rel=1e-3)
        assert measured["compute_dtype"] == "float16"


@pytest.mark.parametrize(
    ("gang_of", "implementation"),
    [("two", "RING"), ("central", "ReductionToOneDevice"), ("pair", "RING"), ("two_workers", None)],
)
def test_how_the_replicas_sum_up_is_read_back(request, gang_of, implementation):
    for measured in request.getfixturevalue(gang_of).measured[0]:
        assert measured["all_reduce_implementation"] == implementation


def test_replicas_train_in_bfloat16(two, of_one_device):
    (measured,) = two.measured[5]
    one = of_one_device(**BFLOAT16)
    assert ok(measured)["epochs"][0]["train_loss"] == pytest.approx(one.epochs[0].train.loss, rel=1e-2)
    assert measured["compute_dtype"] == "bfloat16"


@pytest.mark.parametrize(
    ("gang_of", "first", "again"), [("two", 2, 3), ("central", 2, 3), ("pair", 2, 3), ("one_worker", 1, 2)]
)
def test_a_second_run_in_the_same_processes_is_the_first_bit_by_bit(request, gang_of, first, again):
    measured = request.getfixturevalue(gang_of).measured
    for one, other in zip(measured[first], measured[again], strict=True):
        for score in ("val_loss", "val_accuracy", "test_loss", "test_accuracy", "train_accuracy"):
            assert ok(one)[score] == ok(other)[score]


@pytest.mark.parametrize("gang_of", ["two", "central", "pair"])
def test_random_layers_of_replicas_learn_with_numbers_of_their_own(request, of_one_device, gang_of):
    one = of_one_device(**RANDOM).epochs[0]
    for measured in request.getfixturevalue(gang_of).measured[2]:
        (epoch,) = ok(measured)["epochs"]
        assert abs(epoch["train_loss"] / one.train.loss - 1) > 10 * SAME
        assert epoch["train_loss"] == pytest.approx(one.train.loss, rel=0.05)


def test_the_processes_of_a_run_tell_the_same(pair):
    for first, second in pair.measured:
        for score in ("steps", "train_loss", "train_accuracy", "val_loss", "test_loss", "all_reduce_seconds"):
            assert first[score] == second[score]
        assert [e["window_steps"] for e in first["epochs"]] == [e["window_steps"] for e in second["epochs"]]


def test_each_replica_has_a_device_of_its_own(two, three, pair):
    assert [len(started) for started in two.started] == [2]
    assert [len(started) for started in three.started] == [3]
    assert [len(started) for started in pair.started] == [2, 2]  # TensorFlow lists those of both


@pytest.mark.parametrize("gang_of", ["two", "three", "central", "pair"])
def test_what_summing_up_takes_is_measured(request, gang_of):
    found = request.getfixturevalue(gang_of)
    assert all(0 < one["all_reduce_seconds"] < 1 for case in found.measured for one in case)
    assert all(1e5 < rate < 1e13 for rate in found.rates)
    assert len(set(found.rates)) == 1


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


def test_a_run_whose_peer_is_killed_is_lost(tmp_path):
    cases = runs([{"epochs": 10_000, "jit": False}], strategy="multi_worker_mirrored", workers=2)
    with gang(tmp_path, "multi_worker_mirrored", cases, worker=2) as found:
        first, second = found["worker"]
        first.phase("train")
        second.process.kill()
        measured = first.next("run")  # TensorFlow gives up after 30 s, the test after 300
    assert measured["status"] == "lost"
    assert measured["compile_seconds"] > 0


def test_a_run_whose_server_is_killed_is_lost(tmp_path):
    cases = runs([{"epochs": 10_000, "jit": False}], strategy="parameter_server", workers=1)
    with gang(tmp_path, "parameter_server", cases, chief=1, worker=1, ps=1) as found:
        (chief,) = found["chief"]
        chief.phase("train")
        found["ps"][0].process.kill()
        measured = chief.next("run")
    assert measured["status"] == "lost"
