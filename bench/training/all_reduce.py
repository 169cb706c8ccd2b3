"""How long replicas take to sum up tensors when they do nothing else."""

import itertools
import time
from collections.abc import Iterable
from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file

from bench.records.scenario import Scenario
from bench.training.strategies import agreed_since, here, local_devices

SECONDS = 0.1


def gradient_shapes(scenario: Scenario) -> list[tuple[int, ...]]:
    """The shapes of a step's gradients: each layer's weights and biases."""
    return [shape for a, b in itertools.pairwise(scenario.widths) for shape in ((a, b), (b,))]


def all_reduce_seconds(strategy: Any, shapes: Iterable[tuple[int, ...]]) -> float | None:  # noqa: ANN401
    """Seconds in which the replicas of `strategy` sum up a float32 tensor of each of `shapes`, once.

    The sums go to where the strategy keeps variables of these shapes, as an optimizer has it, and from there
    every replica gets them. None where no replica waits for another. In a run of several processes all have
    to call this, and all are told the same.
    """
    if strategy is None or strategy.num_replicas_in_sync < 2:
        return None
    repeat = _repetition(strategy, list(shapes))
    repeat(tf.constant(1))
    began = time.perf_counter_ns()
    repeat(tf.constant(1))
    turns = max(int(SECONDS / agreed_since(strategy, began)), 1)
    began = time.perf_counter_ns()
    repeat(tf.constant(turns))
    return agreed_since(strategy, began) / turns


def _repetition(strategy: Any, shapes: list[tuple[int, ...]]) -> Any:  # noqa: ANN401
    """A function of how often; it returns when it is done.

    What is summed up are variables, and every replica looks at every sum, or TensorFlow would work out the
    one beforehand and leave the other away.
    """
    parts = [_zeros(device, shapes) for device in local_devices(strategy)]
    seen = [_zeros(device, [()])[0] for device in local_devices(strategy)]
    with strategy.scope():
        kept = [tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes]

    def look(sums: Any) -> None:  # noqa: ANN401
        seen[here(len(seen))[0]].assign_add(tf.add_n([tf.reshape(total, [-1])[0] for total in sums]))

    def body(turn: Any) -> Any:  # noqa: ANN401
        given = strategy.run(lambda: [variable.read_value() for variable in parts[here(len(parts))[0]]])
        pairs = list(zip(given, kept, strict=True))
        strategy.run(look, args=(strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, pairs),))
        return (turn + 1,)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def repeat(turns: Any) -> Any:  # noqa: ANN401
        tf.while_loop(lambda turn: turn < turns, body, (tf.constant(0),), parallel_iterations=1)
        return [variable.read_value() for variable in seen]

    return lambda turns: [value.numpy() for value in repeat(turns)]


def _zeros(device: str, shapes: list[tuple[int, ...]]) -> list[Any]:
    with tf.device(device):
        return [tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes]
