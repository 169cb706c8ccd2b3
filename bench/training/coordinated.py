"""The fused loop of parameter_server: a chief hands out stretches of steps, which workers take on their own.

Nobody waits for anybody: a worker reads the weights from the servers, computes the gradient of its share of
a global batch, and has the servers update, whatever the others did meanwhile. A step of the tables is a
whole global batch, and so as many updates as there are workers.
"""

import functools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from numpy.typing import NDArray

from bench.data.datasets import Dataset
from bench.data.shapes import PIXELS, TEST_SIZE, TRAIN_SIZE, VAL_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import Score
from bench.training.replica import Replica
from bench.training.shares import share_size, steps_of
from bench.training.update import move, rate_of
from bench.training.windowed import WindowedLoop, stacked

SIZES = {"train": TRAIN_SIZE, "val": VAL_SIZE, "test": TEST_SIZE}
STRETCHES = 8  # of an epoch, at most, for each worker: so many that a fast one can take over from a slow one


class CoordinatedLoop(WindowedLoop):
    """Coordinates the workers of `strategy`, from the chief of its cluster. See `TrainingLoop`.

    An epoch is one window, at whose end all workers have done. A worker that is lost is waited for without
    end, since TensorFlow expects it back: whoever started the processes has to end them all.
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
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        self._weights = model.trainable_variables
        self._replica = Replica(model, optimizer, scenario, alone=True)
        self._stretch = tf.function(self._steps, autograph=False)
        self._evaluate = {
            name: tf.function(functools.partial(self._score, name), autograph=False)
            for name in ("val", "test")
        }
        self._updates = self._programs()
        self._stretch_steps = scenario.steps_per_epoch
        self._traces = 0

    def compile(self) -> None:
        """One step and the evaluation on made-up data, once per worker: each is busy while it compiles."""
        self._workers = _workers()
        for name, size in SIZES.items():
            self._put(f"{name} images", np.zeros((size, PIXELS), np.uint8))
            self._put(f"{name} labels", np.zeros(size, np.uint8))
        self._shuffle(np.zeros(TRAIN_SIZE, np.int64))
        self._done([(self._stretch, (0, 0, 1, 0)) for _ in self._workers])
        for program in self._evaluate.values():
            self._done([(program, (0,)) for _ in self._workers])

    def warm_up(self) -> None:
        """Learns how many steps make a stretch that outweighs handing it out."""
        super().warm_up()
        steps = self._scenario.steps_per_epoch
        self._stretch_steps = max(*self._window_steps, share_size(steps, STRETCHES))
        self._window_steps = (steps,)

    def stage(self, dataset: Dataset) -> None:
        """Every split as bytes to the device of every worker; returns when they are there."""
        for name in SIZES:
            self._put(f"{name} images", getattr(dataset, f"x_{name}"))
            self._put(f"{name} labels", getattr(dataset, f"y_{name}").astype(np.uint8, copy=False))

    def traces(self) -> int:
        """How often TensorFlow has traced the stretches, the evaluation and the updates so far."""
        return self._traces + self._replica.traces

    def _shuffle(self, order: NDArray[Any]) -> None:
        self._put("order", order.astype(np.int64))

    def _put(self, name: str, array: NDArray[Any]) -> None:
        """`array` to the variable `name` of every worker, which it keeps under that name by itself."""
        value = tf.constant(array)
        for device in self._workers:
            with tf.device(device):
                handle = tf.raw_ops.VarHandleOp(dtype=value.dtype, shape=value.shape, shared_name=name)
                tf.raw_ops.AssignVariableOp(resource=handle, value=value)

    def _run(self, epoch: int, first: int, count: int) -> tuple[float, int, int]:
        """A step is done once every worker that has a share of it has taken that."""
        before = (epoch - 1) * self._scenario.steps_per_epoch
        parts = list(self._parts(first, first + count))
        loss, correct, updates = self._done([(self._stretch, (*part, before)) for part in parts])
        missing = sum(steps for _, _, steps in parts) - int(updates)
        return float(loss), int(correct), count - missing

    def _parts(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Share, first step and number of steps of each stretch, the shares by turns."""
        for start in range(first, end, self._stretch_steps):
            for share in range(self._scenario.replicas):
                stop = min(start + self._stretch_steps, end, steps_of(share, self._scenario))
                if stop > start:
                    yield share, start, stop - start

    def _empty_window(self) -> float | None:
        """A window is many calls, handed out while others run."""
        return None

    def _split(self, name: str) -> Score:
        shares = range(self._scenario.replicas)
        loss, correct = self._done([(self._evaluate[name], (share,)) for share in shares])
        return Score(float(loss) / VAL_SIZE, int(correct) / VAL_SIZE)

    def _done(self, calls: list[tuple[Any, tuple[int, ...]]]) -> NDArray[np.float64]:
        """The sum of what the calls give, once the workers have done them all."""
        given = [
            self._coordinator.schedule(program, args=tuple(tf.constant(number) for number in numbers))
            for program, numbers in calls
        ]
        self._coordinator.join()
        return np.asarray(np.sum([result.fetch() for result in given], axis=0), np.float64)

    def _steps(self, share: Any, first: Any, count: Any, before: Any) -> Any:  # noqa: ANN401
        """A stretch of updates by one worker: sums of loss and correct answers over its samples; how many."""
        self._traces += 1  # Python runs only while TensorFlow traces
        images, labels, order = _Held("train images"), _Held("train labels"), _Held("order")

        def body(step: Any, loss: Any, correct: Any) -> Any:  # noqa: ANN401
            def replica() -> Any:  # noqa: ANN401
                split = images.read(), labels.read()
                draw = before + step
                return self._replica.gradients(self._replica.inputs(), split, order.read(), share, step, draw)

            gradients, more_loss, more_correct = self._strategy.run(replica)
            self._update(gradients)
            return step + 1, loss + more_loss, correct + more_correct

        start, last = (first, tf.constant(0.0), tf.constant(0, tf.int64)), first + count
        end, loss, correct = tf.while_loop(lambda step, *_: step < last, body, start, parallel_iterations=1)
        return stacked(loss, correct, end - first)

    def _update(self, gradients: Any) -> None:  # noqa: ANN401
        """Each server updates the weights that it keeps.

        The count is added to, and not set, so that updates of workers at the same time all count.
        """
        iterations, rate = self._optimizer.iterations.value, rate_of(self._optimizer)
        before = tf.convert_to_tensor(iterations)
        for device, (numbers, program) in self._updates.items():
            with tf.device(device):
                program([gradients[number] for number in numbers], before, rate)
        iterations.assign_add(1)

    def _programs(self) -> dict[str, tuple[list[int], Any]]:
        """By server: the numbers of the weights that it keeps, and the program that updates them."""
        kept: dict[str, list[int]] = defaultdict(list)
        for number, weight in enumerate(self._weights):
            kept[weight.value.device].append(number)
        return {device: (numbers, self._program(numbers)) for device, numbers in kept.items()}

    def _program(self, numbers: list[int]) -> Any:  # noqa: ANN401
        weights = [self._weights[number] for number in numbers]

        def program(gradients: Any, iterations: Any, rate: Any) -> None:  # noqa: ANN401
            self._traces += 1
            move(self._optimizer, weights, gradients, iterations, rate)

        return tf.function(program, jit_compile=self._scenario.jit, autograph=False)

    def _score(self, name: str, share: Any) -> Any:  # noqa: ANN401
        """One worker's evaluation of a share of the split `name`."""
        self._traces += 1
        split = _Held(f"{name} images").read(), _Held(f"{name} labels").read()
        return stacked(*self._strategy.run(lambda: self._replica.score(self._replica.inputs(), split, share)))


class _Held:
    """A variable that the worker keeps by its name, as the worker's program sees it."""

    def __init__(self, name: str) -> None:
        split, _, part = name.partition(" ")
        size = SIZES.get(split, TRAIN_SIZE)
        self._shape = (size, PIXELS) if part == "images" else (size,)
        self._dtype = tf.uint8 if part else tf.int64
        self._handle = tf.raw_ops.VarHandleOp(dtype=self._dtype, shape=self._shape, shared_name=name)

    def read(self) -> Any:  # noqa: ANN401
        """The value, which is not copied."""
        value = tf.raw_ops.ReadVariableOp(resource=self._handle, dtype=self._dtype)
        return tf.ensure_shape(value, self._shape)


def _workers() -> list[str]:
    """The device of each worker that trains: its GPU where it has one."""
    devices = [tf.DeviceSpec.from_string(device.name) for device in tf.config.list_logical_devices()]
    found: dict[int, str] = {}
    for kind in ("CPU", "GPU"):
        of_kind = [spec for spec in devices if spec.job == "worker" and spec.device_type == kind]
        found |= {spec.task: spec.to_string() for spec in reversed(of_kind)}
    return [found[task] for task in sorted(found)]
