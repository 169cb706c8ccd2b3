"""The fused loop: one compiled program runs a window of steps on data that live on the device.

Python is left out of the hot path: a `tf.while_loop` inside one `tf.function(jit_compile=True)` gathers the
batch by permuted index, scales it, and takes the step. The number of steps is a tensor, so that compilation
(no step), warm-up and training are calls of the same program.
"""

from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from numpy.typing import NDArray

from bench.data.datasets import Dataset
from bench.data.shapes import PIXELS, TRAIN_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import Score
from bench.training.loss import cross_entropy
from bench.training.replica import EVAL_BATCH, scaled
from bench.training.windowed import WindowedLoop


class FusedLoop(WindowedLoop):
    """Drives `model` and `optimizer` through compiled windows of steps. See `TrainingLoop`."""

    def __init__(self, model: Any, optimizer: Any, scenario: Scenario, seed: int) -> None:  # noqa: ANN401
        super().__init__(optimizer, scenario, seed)
        self._model = model
        self._window = tf.function(self._steps, jit_compile=scenario.jit)
        self._evaluate = tf.function(self._score, jit_compile=scenario.jit)
        self._traces = 0

    def compile(self) -> None:
        """Calls each program once with made-up data: the window with no step, the evaluation whole."""
        self._data = _made_up()
        self._order = tf.zeros(TRAIN_SIZE, tf.int32)
        self._run(1, 0, 0)
        self._evaluate(*self._data["val"])

    def stage(self, dataset: Dataset) -> None:
        """Splits as (images uint8, labels int32) tensors on the device; waits until they are there."""
        self._data = {
            "train": _tensors(dataset.x_train, dataset.y_train),
            "val": _tensors(dataset.x_val, dataset.y_val),
            "test": _tensors(dataset.x_test, dataset.y_test),
        }
        for images, _ in self._data.values():
            images[0, 0].numpy()

    def traces(self) -> int:
        """How often TensorFlow has traced the two programs so far."""
        return self._traces

    def _shuffle(self, order: NDArray[Any]) -> None:
        self._order = tf.constant(order)

    def _run(self, epoch: int, first: int, count: int) -> tuple[float, int]:  # noqa: ARG002
        """Reading the sums waits for the device."""
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
