"""The notebook's own loop: float64 images, `shuffle(n).batch(b)`, `model.fit` as Keras has it by default."""

import time

import keras
import tensorflow as tf

from tests.peers.shapes import LEARNING_RATE


def keras_model(shape):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((784,))]
    for width, activation in zip(shape.hidden, shape.activation, strict=True):
        layers.append(keras.layers.Dense(width, activation=activation))
    return keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])


class Fit:
    def __init__(self, shape, dataset):
        self.shape, self.data = shape, dataset
        self.model = keras_model(shape)
        self.compile()
        self.batches = self.pipeline(dataset.x_train / 255, dataset.y_train)

    def compile(self):
        optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self.model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    def pipeline(self, images, labels):
        data = tf.data.Dataset.from_tensor_slices((images, labels))
        return data.shuffle(len(images)).batch(self.shape.batch)

    def train(self, steps):
        batches = self.batches.repeat().take(steps)
        began = time.perf_counter()
        self.model.fit(batches, epochs=1, verbose=0)
        return time.perf_counter() - began

    def accuracy(self):
        return self.model.evaluate(self.data.x_val / 255, self.data.y_val, batch_size=1000, verbose=0)[1]


prepare = Fit
