"""The fused loop: one compiled program runs a window of steps on data that live on the device.

Python is left out of the hot path: a `tf.while_loop` inside one `tf.function(jit_compile=True)` gathers the
batch by permuted index, scales it, and takes the step. The number of steps is a tensor, so that compilation
(no step), warm-up and training are calls of the same program.
"""

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 -- only training modules import this file

from bench.data.datasets import Dataset
from bench.data.shapes import PIXELS, TRAIN_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import EpochResult, Report, Score, Windows, seconds_since
from bench.training.loss import cross_entropy
from bench.training.order import epoch_order

WINDOW_SECONDS = 0.1  # long enough that the call around a window costs it under half a percent
WARMUP_SECONDS = 0.3
EVAL_BATCH = 2_500  # divides the 10,000 images of either split


@dataclass(frozen=True)
class Window:
    """A timed window of steps: its seconds, and the sums of loss and of correct answers over its samples."""

    seconds: float
    steps: int
    loss: float
    correct: int


class FusedLoop:
    """Drives `model` and `optimizer` through compiled windows of steps. See `TrainingLoop`."""

    def __init__(self, model: Any, optimizer: Any, scenario: Scenario, seed: int) -> None:  # noqa: ANN401
        self._model, self._optimizer, self._scenario, self._seed = model, optimizer, scenario, seed
        self._window = tf.function(self._steps, jit_compile=scenario.jit)
        self._evaluate = tf.function(self._score, jit_compile=scenario.jit)
        self._window_steps = even_windows(scenario.steps_per_epoch, 1)
        self._traces = 0

    def compile(self) -> None:
        """Calls each program once with made-up data: the window with no step, the evaluation whole."""
        self._data = _made_up()
        self._order = tf.zeros(TRAIN_SIZE, tf.int32)
        self._run(0, 0)
        self._evaluate(*self._data["val"])

    def warm_up(self) -> None:
        """Runs for `WARMUP_SECONDS` and learns how many steps fill a window."""
        self._order = tf.constant(epoch_order(TRAIN_SIZE, self._seed, 0))
        steps, start, best = 1, time.perf_counter_ns(), math.inf
        while seconds_since(start) < WARMUP_SECONDS:
            began = time.perf_counter_ns()
            self._run(0, steps)
            taken = seconds_since(began)
            best = min(best, taken / steps)
            steps = min(2 * steps, _steps_for(WINDOW_SECONDS, best), self._scenario.steps_per_epoch)
        self._window_steps = even_windows(self._scenario.steps_per_epoch, _steps_for(WINDOW_SECONDS, best))

    def stage(self, dataset: Dataset) -> None:
        """Splits as (images uint8, labels int32) tensors on the device; waits until they are there."""
        self._data = {
            "train": _tensors(dataset.x_train, dataset.y_train),
            "val": _tensors(dataset.x_val, dataset.y_val),
            "test": _tensors(dataset.x_test, dataset.y_test),
        }
        for images, _ in self._data.values():
            images[0, 0].numpy()

    def train(self, report: Report) -> None:
        """All epochs; ends after the first window or validation whose loss is not finite, and reports it."""
        for epoch in range(1, self._scenario.epochs + 1):
            windows, score = self._epoch(epoch)
            rate = float(self._optimizer.learning_rate)
            began = time.perf_counter_ns()
            val = self.validate() if math.isfinite(score.loss) else None
            ended = time.perf_counter_ns()
            result = EpochResult(epoch, windows, (ended - began) / 1e9, ended, rate, score, val)
            report(result)
            if not result.finite:
                return

    def windows(self, epoch: int) -> Iterator[Window]:
        """Train `epoch` (from 1) in the order that is its own, yielding each window once it is done."""
        self._order = tf.constant(epoch_order(TRAIN_SIZE, self._seed, epoch))
        first = 0
        for count in self._window_steps:
            began = time.perf_counter_ns()
            loss, correct = self._run(first, count)
            yield Window(seconds_since(began), count, loss, correct)
            first += count

    def validate(self) -> Score:
        """The validation split."""
        return self._split("val")

    def test(self) -> Score:
        """The test split, after training."""
        return self._split("test")

    def traces(self) -> int:
        """How often TensorFlow has traced the two programs so far."""
        return self._traces

    def _epoch(self, epoch: int) -> tuple[Windows, Score]:
        done: list[Window] = []
        for window in self.windows(epoch):
            done.append(window)
            if not math.isfinite(window.loss):
                break
        steps = tuple(window.steps for window in done)
        seen = min(sum(steps) * self._scenario.global_batch, TRAIN_SIZE)
        score = Score(sum(w.loss for w in done) / seen, sum(w.correct for w in done) / seen)
        return Windows(tuple(window.seconds for window in done), steps), score

    def _run(self, first: int, count: int) -> tuple[float, int]:
        """Steps `first` to `first + count` of the epoch; reading the sums waits for the device."""
        bounds = tf.constant(first), tf.constant(count)
        loss, correct = self._window(*self._data["train"], self._order, *bounds)
        return float(loss), int(correct)

    def _steps(self, images: Any, labels: Any, order: Any, first: Any, count: Any) -> Any:  # noqa: ANN401
        """The program: sums of loss and of correct answers over the samples of the window's steps."""
        self._traces += 1  # Python runs only while TensorFlow traces

        def body(step: Any, loss: Any, correct: Any) -> Any:  # noqa: ANN401
            batch_images, batch_labels, weights = self._batch(images, labels, order, step)
            batch_loss, batch_correct = self._step(batch_images, batch_labels, weights)
            return step + 1, loss + batch_loss, correct + batch_correct

        start = (first, tf.constant(0.0), tf.constant(0))
        last = first + count
        _, loss, correct = tf.while_loop(lambda step, *_: step < last, body, start, parallel_iterations=1)
        return loss, correct

    def _batch(self, images: Any, labels: Any, order: Any, step: Any) -> Any:  # noqa: ANN401
        """A batch of fixed size; where the last of an epoch is smaller, the surplus weighs nothing."""
        size = self._scenario.global_batch
        if TRAIN_SIZE % size == 0:
            chosen, weights = tf.slice(order, [step * size], [size]), None
        else:
            positions = step * size + tf.range(size)
            weights = tf.cast(positions < TRAIN_SIZE, tf.float32)
            chosen = tf.gather(order, tf.minimum(positions, TRAIN_SIZE - 1))
        return tf.gather(images, chosen), tf.gather(labels, chosen), weights

    def _step(self, images: Any, labels: Any, weights: Any) -> Any:  # noqa: ANN401
        """Forward, backward and update; gives the batch's summed loss and correct answers."""
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._model(scaled(images), training=True)
            losses = cross_entropy(labels, logits, self._scenario.label_smoothing)
            total, samples = _weighted(losses, weights)
            mean = total / samples
            objective = self._optimizer.scale_loss(mean)
        self._optimizer.apply(tape.gradient(objective, variables), variables)
        hits, _ = _weighted(tf.cast(_correct(labels, logits), tf.float32), weights)
        return total, tf.cast(hits, tf.int32)

    def _split(self, name: str) -> Score:
        loss, correct = self._evaluate(*self._data[name])
        return Score(float(loss) / VAL_SIZE, int(correct) / VAL_SIZE)

    def _score(self, images: Any, labels: Any) -> Any:  # noqa: ANN401
        """The evaluation program: sums of loss and of correct answers over a split, in large batches."""
        self._traces += 1

        def body(step: Any, loss: Any, correct: Any) -> Any:  # noqa: ANN401
            x = tf.slice(images, [step * EVAL_BATCH, 0], [EVAL_BATCH, PIXELS])
            y = tf.slice(labels, [step * EVAL_BATCH], [EVAL_BATCH])
            logits = self._model(scaled(x), training=False)
            losses = cross_entropy(y, logits, self._scenario.label_smoothing)
            hits = tf.reduce_sum(tf.cast(_correct(y, logits), tf.int32))
            return step + 1, loss + tf.reduce_sum(losses), correct + hits

        start = (tf.constant(0), tf.constant(0.0), tf.constant(0))
        steps = VAL_SIZE // EVAL_BATCH
        _, loss, correct = tf.while_loop(lambda step, *_: step < steps, body, start, parallel_iterations=1)
        return loss, correct


def scaled(images: Any) -> Any:  # noqa: ANN401
    """Bytes 0..255 as float32 0..1."""
    return tf.cast(images, tf.float32) * (1.0 / 255.0)


def _correct(labels: Any, logits: Any) -> Any:  # noqa: ANN401
    return tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)


def _weighted(values: Any, weights: Any) -> Any:  # noqa: ANN401
    """Sum of `values` over the samples that count, and how many do."""
    if weights is None:
        return tf.reduce_sum(values), float(values.shape[0])
    return tf.reduce_sum(values * weights), tf.reduce_sum(weights)


def _tensors(images: Any, labels: Any) -> tuple[Any, Any]:  # noqa: ANN401
    return tf.constant(images), tf.constant(labels.astype(np.int32))


def _made_up() -> dict[str, tuple[Any, Any]]:
    """Black images in the shapes of the real ones, which nobody may touch before the clock starts."""
    train = tf.zeros((TRAIN_SIZE, PIXELS), tf.uint8), tf.zeros(TRAIN_SIZE, tf.int32)
    return {"train": train, "val": (train[0][:VAL_SIZE], train[1][:VAL_SIZE])}


def _steps_for(seconds: float, per_step: float) -> int:
    return max(math.ceil(seconds / per_step), 1) if per_step > 0 else 1


def even_windows(steps: int, wanted: int) -> tuple[int, ...]:
    """Lengths of the windows of an epoch of `steps`: equal up to one step, none shorter than `wanted`.

    One window, of all the steps, where the epoch itself is shorter than that.
    """
    windows = max(steps // wanted, 1)
    ends = [steps * number // windows for number in range(windows + 1)]
    return tuple(end - start for start, end in itertools.pairwise(ends))
