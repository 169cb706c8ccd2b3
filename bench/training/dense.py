"""A dense layer whose matrix product has a width that the CPU's kernels like."""

from typing import Any

import keras  # noqa: TID253 -- only training modules import this file
import tensorflow as tf  # noqa: TID253

from bench.records.scenario import Scenario
from bench.training.shares import share_size

PACKET = 16
"""float32 numbers in a vector of AVX-512; what a width leaves over, XLA's CPU product takes one by one."""
NARROW = 64
LARGE_BATCH = 4096


class PaddedDense(keras.layers.Dense):  # type: ignore[misc]  # Keras is untyped
    """A dense layer with zero columns beside its kernel, up to a multiple of `PACKET`, for the product alone.

    Weights, outputs, shape (batch, units), and gradients are those of `keras.layers.Dense`.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401, ARG002
        """Activation of inputs × kernel + bias."""
        kernel = tf.convert_to_tensor(self.kernel)
        padded = tf.pad(kernel, [[0, 0], [0, -self.units % PACKET]])
        return self.activation(tf.matmul(inputs, padded)[:, : self.units] + self.bias)


def dense_layer(scenario: Scenario, units: int) -> type[keras.layers.Dense]:
    """The class for a layer of `units` under `scenario`, in this process.

    Padding pays for large batches of narrow nets on a CPU: a step of 50-50 at batch 10,000 takes a sixth
    less. At batch 1,000 it gives nothing, and at width 200 it costs a tenth. What counts is the batch of one
    replica; the chief of parameter_server does not know what its workers' replicas run on.
    """
    batch = share_size(scenario.global_batch, scenario.replicas)
    pays = scenario.loop == "fused" and batch >= LARGE_BATCH and units < NARROW
    known = scenario.strategy != "parameter_server" and not tf.config.list_logical_devices("GPU")
    return PaddedDense if pays and known and scenario.precision == "float32" else keras.layers.Dense
