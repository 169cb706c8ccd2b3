"""What follows from the widths of a dense net."""

import itertools
from functools import lru_cache


@lru_cache
def model_flops_per_step(widths: tuple[int, ...], batch: int) -> int:
    """Floating-point operations of one step's matrix products: exact, biases and activations left out.

    With d_l the layer widths and B the batch: B (6 Σ_{l≥1} d_{l−1} d_l − 2 d_0 d_1). Forward, gradient of
    the weights and gradient of the inputs take 2 B d_{l−1} d_l each; the first layer needs no gradient of
    its inputs.
    """
    products = [a * b for a, b in itertools.pairwise(widths)]
    return batch * (6 * sum(products) - 2 * products[0])


@lru_cache
def parameter_count(widths: tuple[int, ...]) -> int:
    """Trainable weights and biases of the dense net."""
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))
