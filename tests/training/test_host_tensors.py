"""Pixels as tensors in memory that is written once."""

import numpy as np


def test_scaled_pixels_are_those_of_the_notebook(tf):
    from bench.training.host_tensors import scaled_tensor

    images = np.arange(3 * 784, dtype=np.uint32).astype(np.uint8).reshape(3, 784)
    scaled = scaled_tensor(images)
    assert scaled.dtype == tf.float32
    assert np.array_equal(scaled.numpy(), images.astype("float32") / 255)


def test_tensorflow_takes_their_memory_over(tf):
    from bench.training.host_tensors import _memory

    memory = _memory((1000, 784))
    memory[:] = 0.5
    taken = tf.raw_ops.Identity(input=memory)
    memory[0, 0] = 0.25
    assert float(taken[0, 0]) == 0.25
