"""The update that replicas share, held against what Keras' own `apply` does to the same weights."""

import numpy as np
import pytest

CASES = [
    {"optimizer": "adam"},
    {"optimizer": "adamw", "schedule": "cosine", "warmup_fraction": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.1},
    {"optimizer": "momentum", "schedule": "linear"},
    {"optimizer": "adam", "precision": "mixed_float16"},
]
START = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
GRADIENTS = [np.float32([[1, -2, 3], [0.5, 0, -1]]) * factor for factor in (1, -0.5, 2)]


@pytest.fixture
def stepped(tf, small):
    """Call with a way to update, gradients and settings; gives the values after one update for each."""
    import keras

    from bench.training.model import build_optimizer

    def take(way, gradients, **settings):
        optimizer = build_optimizer(small(**settings))
        weight = keras.Variable(START)
        optimizer.build([weight])
        for gradient in gradients:
            way(optimizer, [weight], [tf.constant(gradient)])
        return {variable.path: variable.numpy() for variable in [weight, *optimizer.variables]}

    return take


def by_keras(optimizer, weights, gradients):
    optimizer.apply(gradients, weights)


@pytest.mark.parametrize("settings", CASES)
def test_it_does_to_weights_and_state_what_keras_does(stepped, settings):
    from bench.training.update import update

    ours, theirs = stepped(update, GRADIENTS, **settings), stepped(by_keras, GRADIENTS, **settings)
    for mine, kerases in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, kerases, rtol=1e-6)


def test_a_gradient_of_a_scaled_loss_that_is_not_finite_is_left_out_and_halves_the_scale(stepped):
    from bench.training.update import update

    endless = np.full_like(GRADIENTS[0], np.inf)
    gradients = [GRADIENTS[0], endless, GRADIENTS[1]]
    settings = {"optimizer": "momentum", "precision": "mixed_float16"}
    ours, theirs = stepped(update, gradients, **settings), stepped(by_keras, gradients, **settings)
    for mine, kerases in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, kerases, rtol=1e-6)
    assert 2.0**14 in [value.max() for value in ours.values()]


def test_the_scale_doubles_after_as_many_finite_steps_as_keras_counts(stepped):
    from bench.training.update import update

    def soon(way):
        def call(optimizer, weights, gradients):
            optimizer.dynamic_growth_steps = 2
            way(optimizer, weights, gradients)

        return call

    settings = {"optimizer": "sgd", "precision": "mixed_float16"}
    ours, theirs = (
        stepped(soon(update), GRADIENTS, **settings),
        stepped(soon(by_keras), GRADIENTS, **settings),
    )
    for mine, kerases in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(mine, kerases, rtol=1e-6)
    assert 2.0**16 in [value.max() for value in ours.values()]
