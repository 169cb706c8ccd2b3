"""The runs that every strategy is to train as one device does, and how near to it."""

import pytest

from bench.data.shapes import TEST_SIZE, VAL_SIZE

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


class Told:
    """What the processes of a gang told: devices, measurements by case and process, and the rate of sums."""

    def __init__(self, started, measured, rates):
        self.started, self.measured, self.rates = started, measured, rates


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


def same_bits(first, again):
    """Whether every process of a gang scored twice the same."""
    for one, other in zip(first, again, strict=True):
        for score in ("val_loss", "val_accuracy", "test_loss", "test_accuracy", "train_accuracy"):
            assert ok(one)[score] == ok(other)[score]
