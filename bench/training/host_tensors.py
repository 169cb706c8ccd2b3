"""Tensors in the host's memory, made without copies of what they hold."""

import math
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from numpy.typing import NDArray

ALIGNMENT = 64
"""Bytes. Memory that begins at a multiple of it is taken over, other is copied (EIGEN_MAX_ALIGN_BYTES)."""


def scaled_tensor(images: NDArray[np.uint8]) -> Any:  # noqa: ANN401 -- a tf.Tensor
    """Pixels of 0 to 255 as float32 of 0 to 1, in the shape of `images`.

    Most of what this costs in a new process is the memory that is touched for the first time: once here, four
    times where it is written as `tf.constant(images.astype("float32") / 255)`, for two arrays of NumPy's, the
    copy that `tf.constant` makes and that of TensorFlow.
    """
    scaled = _aligned(images.shape)
    np.divide(images, np.float32(255), out=scaled, dtype=np.float32)
    return tf.raw_ops.Identity(input=scaled)


def _aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    size = math.prod(shape) * 4
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size].view(np.float32).reshape(shape)
