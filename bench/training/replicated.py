"""The fused loop of several replicas that train in step: mirrored, central_storage, multi_worker_mirrored.

A window of steps is one `tf.function` with a `tf.while_loop` in it, so Python is left out of the hot path
here, too. XLA compiles the gradients of one replica and the update of one copy of the weights; around them
`strategy.run` starts the replicas, and between them the strategy sums up, which XLA cannot.
"""

from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from numpy.typing import NDArray

from bench.data.datasets import Dataset
from bench.data.shapes import PIXELS, TRAIN_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import Score
from bench.training.replica import Replica
from bench.training.strategies import agreed, here, local_devices
from bench.training.update import update
from bench.training.windowed import WindowedLoop

SIZES = {"train": TRAIN_SIZE, "val": VAL_SIZE, "test": VAL_SIZE}


class ReplicatedLoop(WindowedLoop):
    """Drives the replicas of `model` and `optimizer` under `strategy`. See `TrainingLoop`.

    Each replica has all of the data on its device. Of each step's global batch, which is that of one device,
    it takes a share, and the sum of the replicas' gradients is one device's mean gradient.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        optimizer: Any,  # noqa: ANN401
        scenario: Scenario,
        seed: int,
        strategy: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(optimizer, scenario, seed)
        self._strategy = strategy
        self._weights = model.trainable_variables
        self._replica = Replica(model, optimizer, scenario)
        self._window = tf.function(self._steps, autograph=False)
        self._evaluate = tf.function(self._score, autograph=False)
        self._updates: dict[str, Any] = {}
        self._traces = 0

    def compile(self) -> None:
        """One step on made-up data, since XLA compiles a program when it is first run, and the evaluation."""
        devices = local_devices(self._strategy)
        self._data = {name: [_room(device, size) for device in devices] for name, size in SIZES.items()}
        self._orders = [_variable(device, (TRAIN_SIZE,), tf.int64) for device in devices]
        self._sums = [
            (_variable(device, (), tf.float32), _variable(device, (), tf.int64)) for device in devices
        ]
        self._run(1, 0, 1)
        self._split("val")

    def stage(self, dataset: Dataset) -> None:
        """Splits as bytes on the device of every replica; waits until they are there."""
        splits = {
            "train": (dataset.x_train, dataset.y_train),
            "val": (dataset.x_val, dataset.y_val),
            "test": (dataset.x_test, dataset.y_test),
        }
        for name, split in splits.items():
            for room in self._data[name]:
                for variable, array in zip(room, split, strict=True):
                    _fill(variable, array.astype(np.uint8, copy=False))
                    variable.sparse_read([0]).numpy()

    def traces(self) -> int:
        """How often TensorFlow has traced the windows, the replicas' programs and the updates so far."""
        return self._traces + self._replica.traces

    def _agreed(self, seconds: float) -> float:
        return agreed(self._strategy, seconds)

    def _shuffle(self, order: NDArray[Any]) -> None:
        for variable in self._orders:
            _fill(variable, order.astype(np.int64))

    def _run(self, epoch: int, first: int, count: int) -> tuple[float, int, int]:
        """Reading the sums waits for all replicas."""
        before = (epoch - 1) * self._scenario.steps_per_epoch
        bounds = (tf.constant(number) for number in (first, count, before))
        loss, correct, taken = self._window(self._data["train"], self._orders, self._sums, *bounds)
        return float(loss), int(correct), int(taken)

    def _split(self, name: str) -> Score:
        loss, correct = self._evaluate(self._data[name])
        return Score(float(loss) / VAL_SIZE, int(correct) / VAL_SIZE)

    def _steps(self, splits: Any, orders: Any, sums: Any, first: Any, count: Any, before: Any) -> Any:  # noqa: ANN401
        """The program: sums of loss and correct answers over the samples of a window's steps, and the steps.

        The data are variables, since a loop carries a variable by its handle, wherever its memory is; and
        arguments, since TensorFlow keeps what a function refers to. Each replica sums up beside its data.
        """
        self._traces += 1  # Python runs only while TensorFlow traces

        def replica(step: Any) -> Any:  # noqa: ANN401
            own, share = here(len(orders))
            gradients, loss, correct = self._replica.gradients(
                self._replica.inputs(), splits[own], orders[own], share, step, before + step
            )
            sums[own][0].assign_add(loss)
            sums[own][1].assign_add(correct)
            return gradients

        def body(step: Any) -> Any:  # noqa: ANN401
            self._update(self._strategy.run(replica, args=(step,)))
            return (step + 1,)

        for variable in (variable for pair in sums for variable in pair):
            variable.assign(tf.zeros((), variable.dtype))
        last = first + count
        (reached,) = tf.while_loop(lambda step: step < last, body, (first,), parallel_iterations=1)
        totals = self._strategy.run(lambda: tuple(v.read_value() for v in sums[here(len(orders))[0]]))
        return [*self._summed(totals), reached - first]

    def _update(self, gradients: Any) -> None:  # noqa: ANN401
        """Sum up over the replicas, then update each copy of the weights."""
        extended = self._strategy.extended
        variables = [weight.value for weight in self._weights]
        pairs = list(zip(gradients, variables, strict=True))
        summed = extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, pairs)
        extended.update(variables[0], self._update_copy, args=tuple(summed), group=False)

    def _update_copy(self, copy: Any, *gradients: Any) -> None:  # noqa: ANN401
        """The update of what is where `copy` is, a program of its own: it refers to these very variables."""

        def program(gradients: Any) -> None:  # noqa: ANN401
            self._traces += 1
            update(self._optimizer, self._weights, gradients)

        if copy.device not in self._updates:
            jit = self._scenario.jit
            self._updates[copy.device] = tf.function(program, jit_compile=jit, autograph=False)
        self._updates[copy.device](gradients)

    def _score(self, splits: Any) -> Any:  # noqa: ANN401
        """The evaluation program: each replica its share of a split."""
        self._traces += 1

        def replica() -> Any:  # noqa: ANN401
            own, share = here(len(splits))
            return self._replica.score(self._replica.inputs(), splits[own], share)

        return self._summed(self._strategy.run(replica))

    def _summed(self, totals: Any) -> Any:  # noqa: ANN401
        return [self._strategy.reduce("SUM", total, axis=None) for total in totals]


def _room(device: str, size: int) -> tuple[Any, Any]:
    """Variables for a split on `device`: black images until it is staged."""
    return _variable(device, (size, PIXELS), tf.uint8), _variable(device, (size,), tf.uint8)


def _variable(device: str, shape: tuple[int, ...], dtype: Any) -> Any:  # noqa: ANN401
    """No 32-bit integers: TensorFlow keeps variables of these in the host's memory."""
    with tf.device(device):
        return tf.Variable(tf.zeros(shape, dtype), trainable=False)


def _fill(variable: Any, array: NDArray[Any]) -> None:  # noqa: ANN401
    with tf.device(variable.device):
        variable.assign(array)
