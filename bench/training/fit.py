"""The fit loop: `model.fit` as the notebook and most users call it, with validation after every epoch."""

import math
import time
from contextlib import nullcontext
from typing import Any

import keras  # noqa: TID253 -- only training modules import this file
import numpy as np
import tensorflow as tf  # noqa: TID253

from bench.data.datasets import Dataset
from bench.data.shapes import CLASSES, PIXELS, TRAIN_SIZE, VAL_SIZE
from bench.errors import BenchError
from bench.records.scenario import Scenario
from bench.training.epoch import MISCOUNTED, EpochResult, Report, Score, Windows
from bench.training.host_tensors import scaled_tensor
from bench.training.loss import cross_entropy
from bench.training.order import epoch_order
from bench.training.update import rate_of

WARMUP_BATCHES = 3
HOST = "CPU:0"


class FitLoop:
    """Drives `model` and `optimizer` through `model.fit`. See `TrainingLoop`.

    The input pipeline is `from_tensor_slices`, shuffled whole, batched. The shuffle is one gather by the
    epoch's permutation in place of `Dataset.shuffle`, whose order no other loop could follow; the two cost
    the same (measured side by side at batch 1, 100 and 10,000). All of it is in the host's memory, where
    tf.data works: tensors on a GPU would be copied back for it. What brings a batch to the device is Keras'
    compiled step, which takes it as an argument straight from the iterator, with no prefetching in between.
    Autotuning is off, see `_untuned`.

    Under a `strategy` Keras deals each batch out to the replicas, and TensorFlow fetches the parts to their
    devices ahead of the step. Where they cannot share it evenly, the
    replicas' means weigh alike all the same, whatever the number of samples behind each.

    How many samples an epoch or an evaluation saw is what Keras' own mean of the loss counted.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        optimizer: Any,  # noqa: ANN401
        scenario: Scenario,
        seed: int,
        strategy: Any = None,  # noqa: ANN401
    ) -> None:
        self._model, self._optimizer, self._scenario, self._seed = model, optimizer, scenario, seed
        self._strategy = strategy
        self._batch = scenario.global_batch
        self._traces = 0

    def compile(self) -> None:
        """`model.compile`, then one batch of each size that an epoch has, through training and evaluation."""
        with self._strategy.scope() if self._strategy is not None else nullcontext():
            self._model.compile(
                optimizer=self._optimizer,
                loss=self._loss,
                metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
                jit_compile=self._scenario.jit,
            )
        self._fit_made_up(self._batch + TRAIN_SIZE % self._batch)

    def warm_up(self) -> None:
        """A few more batches through the compiled functions."""
        self._fit_made_up(min(WARMUP_BATCHES * self._batch, TRAIN_SIZE))

    def stage(self, dataset: Dataset) -> None:
        """Tensors of images scaled to 0..1 and of labels, as the notebook has them."""
        with tf.device(HOST):
            self._order = tf.Variable(epoch_order(TRAIN_SIZE, self._seed, 1))
            self._train = self._shuffled(_tensors(dataset.x_train, dataset.y_train))
            self._val = self._batched(_tensors(dataset.x_val, dataset.y_val))
            self._test = self._batched(_tensors(dataset.x_test, dataset.y_test))

    def train(self, report: Report) -> None:
        """One `model.fit` over all epochs; ends after an epoch with a loss that is not finite."""
        follow = _Follow(self._order, self._batch, self._seed, report)
        self._model.fit(
            self._train,
            epochs=self._scenario.epochs,
            validation_data=self._val,
            shuffle=False,  # the pipeline has done it
            verbose=0,
            callbacks=[follow],
        )

    def test(self) -> Score:
        """The test split, after training."""
        loss, accuracy = self._model.evaluate(self._test, verbose=0)
        _check_evaluated(self._model)
        return Score(float(loss), float(accuracy))

    def traces(self) -> int:
        """How often TensorFlow has traced Keras' train and test steps so far: the loss is in either."""
        return self._traces

    def _loss(self, labels: Any, logits: Any) -> Any:  # noqa: ANN401 -- tensors
        self._traces += 1
        labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)  # Keras hands labels over as floats
        return cross_entropy(labels, logits, self._scenario.label_smoothing)

    def _fit_made_up(self, samples: int) -> None:
        """`model.fit` and validation on `samples` made-up images: no one may touch the real ones yet."""
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (samples, PIXELS), dtype=np.uint8)
        size = min(self._batch + VAL_SIZE % self._batch, VAL_SIZE)
        with tf.device(HOST):
            train = self._batched(_tensors(images, rng.integers(0, CLASSES, samples, dtype=np.uint8)))
            val = self._batched(_tensors(np.resize(images, (size, PIXELS)), np.zeros(size, np.uint8)))
        self._model.fit(train, epochs=1, validation_data=val, shuffle=False, verbose=0)

    def _batched(self, split: tuple[Any, Any]) -> Any:  # noqa: ANN401 -- a tf.data.Dataset, untyped
        return _untuned(tf.data.Dataset.from_tensor_slices(split).batch(self._batch))

    def _shuffled(self, split: tuple[Any, Any]) -> Any:  # noqa: ANN401
        """Evaluated anew whenever an epoch iterates over it, and so in the order set for that epoch."""

        def epoch(_: Any) -> Any:  # noqa: ANN401
            order = self._order.read_value()
            return tf.data.Dataset.from_tensor_slices(tuple(tf.gather(tensor, order) for tensor in split))

        batches = tf.data.Dataset.from_tensors(0).flat_map(epoch).batch(self._batch)
        counted = batches.apply(tf.data.experimental.assert_cardinality(self._scenario.steps_per_epoch))
        return _untuned(counted)


class _Follow(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Sets each epoch's order, times training apart from validation, reports. Adds nothing to a batch."""

    def __init__(self, order: Any, batch: int, seed: int, report: Report) -> None:  # noqa: ANN401
        super().__init__()
        self._order, self._batch, self._seed, self._send = order, batch, seed, report
        self._began = self._trained = self._validating = self._samples = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ANN401, ARG002
        """Keras counts epochs from 0, the tables from 1."""
        with tf.device(HOST):
            self._order.assign(epoch_order(TRAIN_SIZE, self._seed, epoch + 1))
        self._send("train")
        self._began = time.perf_counter_ns()

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ANN401, ARG002
        """Validation starts where training ends: once the device has taken the last step."""
        self.model.trainable_variables[-1].numpy()
        self._trained = time.perf_counter_ns()
        self._samples = _counted(self.model)
        self._send("evaluate")
        self._validating = time.perf_counter_ns()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ANN401
        """`logs` holds the running training metrics and the validation's."""
        ended = time.perf_counter_ns()
        train = Score(float(logs["loss"]), float(logs["accuracy"]))
        val = None
        if math.isfinite(train.loss):
            val = Score(float(logs["val_loss"]), float(logs["val_accuracy"]))
        seconds, steps = (self._trained - self._began) / 1e9, -(-self._samples // self._batch)
        windows, validating = Windows((seconds,), (steps,)), (ended - self._validating) / 1e9
        rate = float(rate_of(self.model.optimizer))
        result = EpochResult(epoch + 1, windows, validating, ended, rate, train, val, self._samples)
        self._send(result)
        _check_evaluated(self.model)
        self.model.stop_training = not result.finite


def _untuned(batches: Any) -> Any:  # noqa: ANN401
    """`batches` without tf.data's autotuning, which has nothing to choose here: neither workers nor buffers.

    Its thread sleeps for twice as long after every look, and hears only by chance that its iterator is to go
    (`Model::OptimizeLoop` asks whether it has been cancelled, and `CancellationManager::StartCancel` says so
    only after it has woken it). Every epoch but the first, and the end of `fit`, then wait for up to as long
    as the epoch before took. Seen in TensorFlow 2.21. Under a strategy TensorFlow adds pipelines of its own,
    one for each replica, which are tuned whatever these say.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def _counted(model: Any) -> int:  # noqa: ANN401
    """How many samples `model` has seen since its metrics were reset: as an epoch or an evaluation began."""
    loss = next(metric for metric in model.metrics if metric.name == "loss")
    return int(tf.convert_to_tensor(loss.count))  # over all replicas, where each counts for itself


def _check_evaluated(model: Any) -> None:  # noqa: ANN401
    """Raise BenchError where the evaluation that has just ended left out images, or saw some twice."""
    seen = _counted(model)
    if seen != VAL_SIZE:  # as many as the test split has
        raise BenchError(f"Keras evaluated {seen:,} of {VAL_SIZE:,} images; {MISCOUNTED}")


def _tensors(images: Any, labels: Any) -> tuple[Any, Any]:  # noqa: ANN401 -- arrays in, tensors out
    return scaled_tensor(images), tf.constant(labels.astype(np.int32))
