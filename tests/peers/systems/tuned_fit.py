"""`model.fit` as its documentation tunes it: float32, cached, prefetched, many steps per call, XLA."""

import keras
import numpy as np
import tensorflow as tf

from tests.peers.shapes import LEARNING_RATE
from tests.peers.systems.notebook_fit import Fit


class TunedFit(Fit):
    def compile(self):
        self.model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=min(self.shape.steps, 100),
            jit_compile=True,
        )

    def pipeline(self, images, labels):
        data = tf.data.Dataset.from_tensor_slices((images.astype(np.float32), labels.astype(np.int32)))
        data = data.cache().shuffle(len(images)).batch(self.shape.batch, drop_remainder=True)
        return data.prefetch(tf.data.AUTOTUNE)


prepare = TunedFit
