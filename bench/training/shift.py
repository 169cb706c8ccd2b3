"""Augmentation: every training image shifted at random by a few whole pixels, a layer like any other."""

from typing import Any

import keras  # noqa: TID253 -- subclasses a Keras layer; only training modules import this file
import tensorflow as tf  # noqa: TID253

from bench.data.shapes import SIDE


@keras.saving.register_keras_serializable("bench")
class RandomShift(keras.layers.Layer):  # type: ignore[misc]  # keras is untyped
    """Shifts each image of a batch by whole pixels of its own, up to `pixels` each way; black moves in.

    Takes and gives shape (batch, 784), values 0..1; acts while training only. A shift is a choice among
    2 `pixels` + 1 rolled copies per axis: elementwise work that XLA fuses, where a gather would not.
    """

    def __init__(self, pixels: int, seed: int) -> None:
        super().__init__(dtype="float32", name="random_shift")
        self.pixels = pixels
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:  # noqa: ANN401 -- tensors
        """Images shifted, where `training`; else the images as they are."""
        if not training:
            return images
        batch = tf.shape(images)[0]
        offsets = keras.random.randint(
            (batch, 2), -self.pixels, self.pixels + 1, dtype="int32", seed=self.seed_generator
        )
        square = tf.reshape(images, (batch, SIDE, SIDE))
        square = self._along(square, offsets[:, 0], axis=1)
        square = self._along(square, offsets[:, 1], axis=2)
        return tf.reshape(square, (batch, SIDE * SIDE))

    def _along(self, square: Any, offsets: Any, axis: int) -> Any:  # noqa: ANN401
        chosen = square
        for offset in range(-self.pixels, self.pixels + 1):
            if offset:
                here = tf.equal(offsets, offset)[:, None, None]
                chosen = tf.where(here, _moved(square, offset, axis), chosen)
        return chosen


def _moved(square: Any, offset: int, axis: int) -> Any:  # noqa: ANN401
    """`square` moved by `offset` pixels along `axis`, zeros where nothing moved in."""
    begin, padding = [0, 0, 0], [[0, 0], [0, 0], [0, 0]]
    size = [-1, SIDE, SIDE]
    begin[axis] = max(-offset, 0)
    size[axis] = SIDE - abs(offset)
    padding[axis] = [max(offset, 0), max(-offset, 0)]
    return tf.pad(tf.slice(square, begin, size), padding)
