"""What a Keras optimizer's `apply` does, for gradients that have been summed up over the replicas.

`apply` itself sums up, and so can be neither compiled by XLA nor called where the sums are known. Its
updates would be some ten small operations for each variable: as one program they are one or two.
"""

from collections.abc import Sequence
from typing import Any

import keras  # noqa: TID253 -- only training modules import this file
import tensorflow as tf  # noqa: TID253


def update(optimizer: Any, weights: Sequence[Any], gradients: Sequence[Any]) -> None:  # noqa: ANN401
    """One step of `optimizer` on the copies of `weights` and of its state that are here.

    To be called in the strategy's update context (`strategy.extended.update`), in which a variable is the
    copy of it, or where there is no strategy. The optimizer has been built for `weights`. With a
    LossScaleOptimizer the gradients are of the scaled loss, and a step with a gradient that is not finite is
    left out, as Keras does.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        _update_scaled(optimizer, weights, gradients)
        return
    iterations = tf.convert_to_tensor(optimizer.iterations.value)
    move(optimizer, weights, gradients, iterations, rate_of(optimizer))
    optimizer.iterations.value.assign_add(1)


def rate_of(optimizer: Any) -> Any:  # noqa: ANN401
    """The learning rate of the optimizer's next step, a float32 scalar."""
    return tf.convert_to_tensor(optimizer.learning_rate, tf.float32)


def move(
    optimizer: Any,  # noqa: ANN401
    weights: Sequence[Any],
    gradients: Sequence[Any],
    iterations: Any,  # noqa: ANN401
    rate: Any,  # noqa: ANN401
) -> None:
    """Change `weights` and the optimizer's moments of them; `iterations` updates went before this one.

    The count is a value, since its variable may live elsewhere than the weights.
    """
    with keras.StatelessScope(state_mapping=[(optimizer.iterations, iterations)]):
        for weight, gradient in zip(weights, gradients, strict=True):
            variable = weight.value
            if optimizer.weight_decay:
                variable.assign_sub(tf.convert_to_tensor(variable) * optimizer.weight_decay * rate)
            optimizer.update_step(gradient, variable, rate)


def _update_scaled(optimizer: Any, weights: Sequence[Any], gradients: Sequence[Any]) -> None:  # noqa: ANN401
    """The numbers of Keras' LossScaleOptimizer without its branches.

    A GPU copies the condition of a branch to the host, and waits for it, in every step. To take the step and
    then choose between the values after and before it is part of programs that run anyway.
    """
    inner = optimizer.inner_optimizer
    scale, count = optimizer.dynamic_scale.value, optimizer.step_counter.value
    by, steps = tf.convert_to_tensor(scale), tf.convert_to_tensor(count)
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
    moved = [variable.value for variable in (*weights, *inner.variables)]
    before = [tf.convert_to_tensor(variable) for variable in moved]
    update(inner, weights, [gradient / by for gradient in gradients])
    for variable, value in zip(moved, before, strict=True):
        variable.assign(tf.where(finite, tf.convert_to_tensor(variable), value))
    grows = tf.equal(steps, optimizer.dynamic_growth_steps - 1)
    count.assign(tf.where(finite & ~grows, steps + 1, tf.zeros_like(steps)))
    scale.assign(by * tf.where(finite, tf.where(grows, 2.0, 1.0), 0.5))
