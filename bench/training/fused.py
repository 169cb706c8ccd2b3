"""The fused loop: one compiled program runs a window of steps on data that live on the device.

Python is left out of the hot path: a `tf.while_loop` inside one `tf.function(jit_compile=True)` gathers the
batch by permuted index, scales it, and takes the step. How many it takes are tensors, so that compilation,
warm-up and training are calls of the same program.

On a GPU the steps come in chunks, whose number of steps the compiler knows: before every turn of a loop whose
end it does not know, XLA's GPU runtime copies the condition to the host and waits for it (WhileThunk in
xla/backends/gpu/runtime/while_thunk.cc), which costs as much as the kernels of a small step.
"""

from typing import Any

import keras  # noqa: TID253 -- only training modules import this file
import numpy as np
import tensorflow as tf  # noqa: TID253
from numpy.typing import NDArray

from bench.data.datasets import Dataset
from bench.data.shapes import PIXELS, TRAIN_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import Score
from bench.training.loss import cross_entropy
from bench.training.replica import EVAL_BATCH, scaled
from bench.training.update import update
from bench.training.windowed import WindowedLoop, chunk_steps, stacked


class FusedLoop(WindowedLoop):
    """Drives `model` and `optimizer` through compiled windows of steps. See `TrainingLoop`.

    `chunk` is how many steps the compiler knows to follow each other: what suits the device unless said.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        optimizer: Any,  # noqa: ANN401
        scenario: Scenario,
        seed: int,
        chunk: int | None = None,
    ) -> None:
        chunk = min(chunk or _chunk(scenario), scenario.steps_per_epoch)
        super().__init__(optimizer, scenario, seed, chunk)
        self._model = model
        self._window = tf.function(self._steps, jit_compile=scenario.jit, autograph=False)
        self._evaluate = tf.function(self._score, jit_compile=scenario.jit, autograph=False)
        self._traces = 0

    def compile(self) -> None:
        """Calls each program with made-up data: a window of as few steps as there can be, the evaluation.

        With steps in it, in each of its loops, since a GPU makes ready on first execution what belongs to
        compilation: workspaces of libraries, graphs of kernels.
        """
        self._data = {name: self._held(*split) for name, split in _made_up().items()}
        self._shuffle(np.zeros(TRAIN_SIZE, np.int32))
        bounds = tf.TensorSpec(3, tf.int64)
        # As what it was traced to, since TensorFlow takes as long to look that up as XLA to be called.
        self._call = self._window.get_concrete_function(*self._data["train"], self._order, bounds)
        self._run(1, 0, self._chunk + bool(self._scenario.steps_per_epoch % self._chunk))
        self._split("val")

    def stage(self, dataset: Dataset) -> None:
        """Splits as bytes, images and labels, on the device; waits until they are there."""
        self._data = {
            "train": self._held(dataset.x_train, dataset.y_train),
            "val": self._held(dataset.x_val, dataset.y_val),
            "test": self._held(dataset.x_test, dataset.y_test),
        }
        tf.test.experimental.sync_devices()

    def traces(self) -> int:
        """How often TensorFlow has traced the two programs so far."""
        return self._traces

    def _held(self, images: Any, labels: Any) -> tuple[Any, Any]:  # noqa: ANN401
        return self._on_device(images), self._on_device(labels.astype(np.uint8, copy=False))

    def _on_device(self, array: NDArray[Any]) -> Any:  # noqa: ANN401
        """No 32-bit integers, which TensorFlow keeps in the host's memory and copies for every call.

        What XLA compiles takes tensors. Without it they are variables: of bytes, TensorFlow has a GPU kernel
        for gathering from a variable (ResourceGather) and none for gathering from a tensor.
        """
        return tf.constant(array) if self._scenario.jit else tf.Variable(array, trainable=False)

    def _shuffle(self, order: NDArray[Any]) -> None:
        self._order = self._on_device(order.astype(np.int64))
        tf.test.experimental.sync_devices()

    def _run(self, epoch: int, first: int, count: int) -> tuple[float, int, int]:  # noqa: ARG002
        """Reading the sums waits for the device."""
        bounds = tf.constant((first, *divmod(count, self._chunk)), tf.int64)
        loss, correct, taken = self._call(*self._data["train"], self._order, bounds).numpy()
        return float(loss), int(correct), int(taken)

    def _steps(self, images: Any, labels: Any, order: Any, bounds: Any) -> Any:  # noqa: ANN401
        """The program: sums of loss and correct answers over the samples of a window's steps, and the steps.

        `bounds` are the first step, how many chunks follow, and how many more steps, at the end of an epoch
        that chunks do not divide. Every place of a batch has sums of its own until the window's end, since
        an addition per sample costs nothing where the loss is computed, and a sum over them a kernel.
        """
        self._traces += 1  # Python runs only while TensorFlow traces
        size, chunk = self._scenario.global_batch, self._chunk
        first, chunks, rest = tf.unstack(tf.cast(bounds, tf.int32))

        def one(step: Any, losses: Any, hits: Any) -> Any:  # noqa: ANN401
            more_losses, more_hits = self._step(*self._batch(images, labels, order, step))
            return losses + more_losses, hits + more_hits

        def steps(begin: Any, count: Any, sums: Any) -> Any:  # noqa: ANN401
            return _repeat(count, lambda turn, *sums: one(begin + turn, *sums), sums)

        def chunk_of(turn: Any, *sums: Any) -> Any:  # noqa: ANN401
            return steps(first + turn * chunk, chunk, sums)[1:]

        sums = (tf.zeros(size), tf.zeros(size, tf.int32))
        done, *sums = steps(first, chunks, sums) if chunk == 1 else _repeat(chunks, chunk_of, sums)
        taken = done * chunk
        if self._scenario.steps_per_epoch % chunk:
            done, *sums = steps(first + taken, rest, sums)
            taken += done
        return stacked(*map(tf.reduce_sum, sums), taken)

    def _batch(self, images: Any, labels: Any, order: Any, step: Any) -> Any:  # noqa: ANN401
        """A batch of fixed size; where the last of an epoch is smaller, the surplus weighs nothing."""
        size = self._scenario.global_batch
        # A gather and no slice, whose beginning XLA takes for a constant: it would compile for every window.
        positions, weights = step * size + tf.range(size), None
        if TRAIN_SIZE % size:
            weights = tf.cast(positions < TRAIN_SIZE, tf.float32)
            positions = tf.minimum(positions, TRAIN_SIZE - 1)
        chosen = tf.gather(order, positions)
        return tf.gather(images, chosen), tf.cast(tf.gather(labels, chosen), tf.int32), weights

    def _step(self, images: Any, labels: Any, weights: Any) -> Any:  # noqa: ANN401
        """Forward, backward and update; gives each sample's loss, and 1 where its answer is correct."""
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._model(scaled(images), training=True)
            losses = _weighted(cross_entropy(labels, logits, self._scenario.label_smoothing), weights)
            samples = float(losses.shape[0]) if weights is None else tf.reduce_sum(weights)
            objective = self._optimizer.scale_loss(tf.reduce_sum(losses) / samples)
        self._apply(tape.gradient(objective, variables), variables)
        return losses, tf.cast(_weighted(tf.cast(_correct(labels, logits), tf.float32), weights), tf.int32)

    def _apply(self, gradients: Any, variables: Any) -> None:  # noqa: ANN401
        """One update. Keras' own for loss scaling branches, and a GPU waits for the host at each branch."""
        if isinstance(self._optimizer, keras.optimizers.LossScaleOptimizer):
            update(self._optimizer, variables, gradients)
        else:
            self._optimizer.apply(gradients, variables)

    def _rows(self, held: Any, begin: Any, size: int) -> Any:  # noqa: ANN401
        """`size` rows from `begin` on: a slice where XLA makes one, else a gather (see `_on_device`)."""
        if not self._scenario.jit:
            return tf.gather(held, begin + tf.range(size))
        return tf.slice(held, [begin, *[0] * (len(held.shape) - 1)], [size, *held.shape[1:]])

    def _split(self, name: str) -> Score:
        loss, correct = self._evaluate(*self._data[name]).numpy()
        return Score(float(loss) / VAL_SIZE, int(correct) / VAL_SIZE)

    def _score(self, images: Any, labels: Any) -> Any:  # noqa: ANN401
        """The evaluation program: sums of loss and of correct answers over a split, in large batches."""
        self._traces += 1

        def one(turn: Any, losses: Any, hits: Any) -> Any:  # noqa: ANN401
            x = self._rows(images, turn * EVAL_BATCH, EVAL_BATCH)
            y = tf.cast(self._rows(labels, turn * EVAL_BATCH, EVAL_BATCH), tf.int32)
            logits = self._model(scaled(x), training=False)
            more_losses = cross_entropy(y, logits, self._scenario.label_smoothing)
            return losses + more_losses, hits + tf.cast(_correct(y, logits), tf.int32)

        start = (tf.zeros(EVAL_BATCH), tf.zeros(EVAL_BATCH, tf.int32))
        return stacked(*map(tf.reduce_sum, _repeat(VAL_SIZE // EVAL_BATCH, one, start)[1:]))


def _repeat(times: Any, body: Any, state: Any) -> Any:  # noqa: ANN401
    """`body` of a turn, from 0, and the state, so many times; gives the turns taken before the last state.

    A number of `times` that is an int the compiler knows.

    No `maximum_iterations`, which would join the condition.
    """
    return tf.while_loop(
        lambda turn, *_: turn < times,
        lambda turn, *state: (turn + 1, *body(turn, *state)),
        (tf.constant(0), *state),
        parallel_iterations=1,
    )


def _chunk(scenario: Scenario) -> int:
    """Steps in a chunk on this process's device: only on a GPU a loop waits for the host at every turn."""
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    return chunk_steps(scenario.steps_per_epoch) if scenario.jit and on_gpu else 1


def _correct(labels: Any, logits: Any) -> Any:  # noqa: ANN401
    return tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)


def _weighted(values: Any, weights: Any) -> Any:  # noqa: ANN401
    """`values` of the samples that count, and 0 for the others."""
    return values if weights is None else values * weights


def _made_up() -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Black images in the shapes of the real ones, which nobody may touch before the clock starts."""
    sizes = {"train": TRAIN_SIZE, "val": VAL_SIZE}
    return {n: (np.zeros((size, PIXELS), np.uint8), np.zeros(size, np.uint8)) for n, size in sizes.items()}
