"""The order of the training images: one permutation of them all per epoch, the same for either loop."""

import numpy as np
from numpy.typing import NDArray


def epoch_order(samples: int, seed: int, epoch: int) -> NDArray[np.int32]:
    """A permutation of range(samples) for `epoch` (from 1), shape (samples,), int32; `seed` repeats it."""
    return np.random.default_rng([seed, epoch]).permutation(samples).astype(np.int32)
