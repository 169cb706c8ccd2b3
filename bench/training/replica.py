"""What one replica computes: gradients of its share of a batch, the score of its share of a split.

Functions of values, since XLA can neither read a variable that lives elsewhere nor wait for other replicas:
reading variables, summing up and updating are for those who call.
"""

from typing import Any

import keras  # noqa: TID253 -- only training modules import this file
import tensorflow as tf  # noqa: TID253

from bench.data.shapes import TRAIN_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from bench.training.loss import cross_entropy
from bench.training.shares import share_size

EVAL_BATCH = 2_500
_SPREAD = 0x9E3779B9  # odd, and far from the small steps by which the seeds of two layers differ

Split = tuple[Any, Any]
"""Images as bytes (samples, 784) and labels (samples,): tensors or variables on the replica's device."""


class Replica:
    """The programs of every replica of `model`, told apart by their number `share` (a scalar, from 0).

    `alone` says that a replica updates by itself: its gradient is then the mean over its own share. Else it
    is the part that it adds to the mean over the whole global batch.
    """

    def __init__(self, model: Any, optimizer: Any, scenario: Scenario, alone: bool = False) -> None:  # noqa: ANN401
        self._model, self._optimizer, self._scenario, self._alone = model, optimizer, scenario, alone
        self._size = share_size(scenario.global_batch, scenario.replicas)
        self._first_seeds = [variable.numpy() for variable in model.non_trainable_variables]
        self.traces = 0
        self.gradients = tf.function(self._gradients, jit_compile=scenario.jit, autograph=False)
        """(values, split, order, share, step, draw) -> gradients, summed loss, correct answers.

        `values` are those of `inputs`, `order` the epoch's, `step` counts within the epoch, and `draw` over
        the run, for the random layers. All scalars are int32, the correct answers int64.
        """
        self.score = tf.function(self._score, jit_compile=scenario.jit, autograph=False)
        """(values, split, share) -> summed loss and correct answers of the share of a split."""

    def inputs(self) -> list[Any]:
        """The values that a program takes: trainable weights, and the scale of the loss if there is one."""
        variables = list(self._model.trainable_variables)
        if self._scaled:
            variables.append(self._optimizer.dynamic_scale)
        return [tf.convert_to_tensor(variable.value) for variable in variables]

    @property
    def _scaled(self) -> bool:
        return isinstance(self._optimizer, keras.optimizers.LossScaleOptimizer)

    def _weights(self, values: Any) -> list[Any]:  # noqa: ANN401
        return list(values[: len(self._model.trainable_variables)])

    def _gradients(self, values: Any, split: Split, order: Any, share: Any, step: Any, draw: Any) -> Any:  # noqa: ANN401
        self.traces += 1  # Python runs only while TensorFlow traces
        weights = self._weights(values)
        images, labels, mask = self._batch(split, order, share, step)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits, _ = self._model.stateless_call(
                weights, self._seeds(share, draw), scaled(images), training=True
            )
            losses = cross_entropy(labels, logits, self._scenario.label_smoothing)
            loss = _summed(losses, mask)
            objective = loss / self._samples(step, mask)
            if self._scaled:
                objective *= values[-1]
        return tape.gradient(objective, weights), loss, _summed(_hits(labels, logits), mask)

    def _batch(self, split: Split, order: Any, share: Any, step: Any) -> Any:  # noqa: ANN401
        """The replica's images, their labels, and 1 for each that counts; None where all do."""
        images, labels = split
        batch, places = self._scenario.global_batch, share * self._size + tf.range(self._size)
        # A gather and no slice, whose beginning XLA takes for a constant: it would compile for every step.
        positions, mask = step * batch + places, None
        if batch % self._scenario.replicas or TRAIN_SIZE % batch:
            mask = tf.cast((places < batch) & (positions < TRAIN_SIZE), tf.float32)
            positions = tf.minimum(positions, TRAIN_SIZE - 1)
        chosen = tf.gather(order, positions)
        return tf.gather(images, chosen), tf.cast(tf.gather(labels, chosen), tf.int32), mask

    def _samples(self, step: Any, mask: Any) -> Any:  # noqa: ANN401
        """Over how many samples the gradient is a mean."""
        if mask is None:
            return float(self._size if self._alone else self._scenario.global_batch)
        if self._alone:
            return tf.maximum(tf.reduce_sum(mask), 1.0)
        batch = self._scenario.global_batch
        return tf.cast(tf.minimum(batch, TRAIN_SIZE - step * batch), tf.float32)

    def _seeds(self, share: Any, draw: Any) -> list[Any]:  # noqa: ANN401
        """The states of the random layers, each of which draws once a step: a seed, and what it has drawn.

        Replica 0 draws what one device would, every other one numbers of its own.
        """
        apart = tf.stack(
            [tf.cast(share, tf.uint32) * tf.constant(_SPREAD, tf.uint32), tf.cast(draw, tf.uint32)]
        )
        return [tf.constant(first, tf.uint32) + apart for first in self._first_seeds]

    def _score(self, values: Any, split: Split, share: Any) -> Any:  # noqa: ANN401
        self.traces += 1
        weights, seeds = self._weights(values), [tf.constant(first) for first in self._first_seeds]
        size = share_size(VAL_SIZE, self._scenario.replicas)
        steps = share_size(size, EVAL_BATCH)
        batch = share_size(size, steps)

        def body(step: Any, loss: Any, correct: Any) -> Any:  # noqa: ANN401
            places = step * batch + tf.range(batch)
            positions = share * size + places
            mask = tf.cast((places < size) & (positions < VAL_SIZE), tf.float32)
            chosen = tf.minimum(positions, VAL_SIZE - 1)
            y = tf.cast(tf.gather(split[1], chosen), tf.int32)
            logits, _ = self._model.stateless_call(
                weights, seeds, scaled(tf.gather(split[0], chosen)), training=False
            )
            losses = cross_entropy(y, logits, self._scenario.label_smoothing)
            return step + 1, loss + _summed(losses, mask), correct + _summed(_hits(y, logits), mask)

        start = (tf.constant(0), tf.constant(0.0), tf.constant(0, tf.int64))
        _, loss, correct = tf.while_loop(lambda step, *_: step < steps, body, start, parallel_iterations=1)
        return loss, correct


def scaled(images: Any) -> Any:  # noqa: ANN401
    """Bytes 0..255 as float32 0..1."""
    return tf.cast(images, tf.float32) * (1.0 / 255.0)


def _hits(labels: Any, logits: Any) -> Any:  # noqa: ANN401
    return tf.cast(tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels), tf.int64)


def _summed(values: Any, mask: Any) -> Any:  # noqa: ANN401
    return tf.reduce_sum(values if mask is None else values * tf.cast(mask, values.dtype))
