"""Tensors in the host's memory, made without copies of what they hold."""

import math
import mmap
from typing import Any

import numpy as np
import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from numpy.typing import NDArray


def scaled_tensor(images: NDArray[np.uint8]) -> Any:  # noqa: ANN401 -- a tf.Tensor
    """Pixels of 0 to 255 as float32 of 0 to 1, in the shape of `images`.

    Most of what this costs in a new process is the memory that is touched for the first time: once here, four
    times where it is written as `tf.constant(images.astype("float32") / 255)`, for two arrays of NumPy's, the
    copy that `tf.constant` makes and that of TensorFlow.
    """
    scaled = _memory(images.shape)
    np.divide(images, np.float32(255), out=scaled, dtype=np.float32)
    return tf.raw_ops.Identity(input=scaled)


def _memory(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What TensorFlow takes over, and does not copy: it begins at a multiple of EIGEN_MAX_ALIGN_BYTES, 64.

    Straight from the kernel, in pages of the usual size, unless it gives huge ones to all. For its own arrays
    NumPy asks for these, and waits for up to half a second while the kernel moves others to make room.
    """
    pages = mmap.mmap(-1, max(math.prod(shape), 1) * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32, math.prod(shape)).reshape(shape)
