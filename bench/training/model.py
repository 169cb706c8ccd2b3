"""The Keras model and optimizer of a scenario: built once, driven by either loop."""

from typing import Any

from bench.data.shapes import CLASSES, PIXELS
from bench.records.scenario import Scenario

MOMENTUM = 0.9  # the value that optimizer = "momentum" means everywhere in the field


def build_model(scenario: Scenario, mean: float, deviation: float, seed: int) -> Any:  # noqa: ANN401 -- a keras.Model, untyped
    """A dense net from pixels scaled to 0..1, shape (batch, 784), to logits, shape (batch, 10), in float32.

    `mean` and `deviation` are the training split's, for `standardize`. Weights start as Keras starts them
    (Glorot uniform, zero biases) from `seed`; the shift and dropout layers draw from seeds of their own.
    The last layer gives logits: the loss applies the softmax, which is the same mathematics as a softmax
    layer and cross-entropy, without the loss of digits.
    """
    import keras

    from bench.training.dense import dense_layer
    from bench.training.shift import RandomShift

    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(keras_policy(scenario))
    layers: list[Any] = [keras.Input((PIXELS,))]
    if scenario.shift:
        layers.append(RandomShift(scenario.shift, seed=seed))
    if scenario.standardize:
        layers.append(keras.layers.Rescaling(1 / deviation, offset=-mean / deviation))
    for depth, (width, activation) in enumerate(zip(scenario.hidden, scenario.activation, strict=True)):
        layers.append(dense_layer(scenario, width)(width, activation=activation, name=f"hidden_{depth}"))
        if scenario.dropout:
            layers.append(keras.layers.Dropout(scenario.dropout, seed=seed + 1 + depth))
    layers += [
        dense_layer(scenario, CLASSES)(CLASSES, name="logits"),
        keras.layers.Activation("linear", dtype="float32"),
    ]
    return keras.Sequential(layers)


def build_optimizer(scenario: Scenario) -> Any:  # noqa: ANN401 -- a keras optimizer, untyped
    """The scenario's optimizer with its learning-rate schedule; loss-scaled where precision is float16."""
    import keras

    from bench.training.schedule import learning_rate

    rate = learning_rate(scenario)
    optimizer = {
        "adam": lambda: keras.optimizers.Adam(rate),
        "adamw": lambda: keras.optimizers.AdamW(rate),
        "sgd": lambda: keras.optimizers.SGD(rate),
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=MOMENTUM),
    }[scenario.optimizer]()
    if scenario.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def keras_policy(scenario: Scenario) -> str:
    """The Keras dtype policy; tf32 is float32 whose matrix products the GPU rounds."""
    return "float32" if scenario.precision == "tf32" else scenario.precision
