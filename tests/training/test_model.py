import numpy as np
import pytest

from bench.records.net import parameter_count


@pytest.fixture
def model(tf, small):  # noqa: ARG001 -- TensorFlow has to be there
    """Call with settings; gives the Keras model, for a training split of mean 0.25 and deviation 0.5."""

    def build(seed=0, **settings):
        from bench.training.model import build_model

        return build_model(small(**settings), mean=0.25, deviation=0.5, seed=seed)

    return build


@pytest.fixture
def optimizer(tf, small):  # noqa: ARG001
    """Call with settings; gives the Keras optimizer."""

    def build(**settings):
        from bench.training.model import build_optimizer

        return build_optimizer(small(**settings))

    return build


def layers_of(model, kind):
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def start_of(model):
    return [variable.numpy() for variable in model.variables]


def test_a_dense_net_from_pixels_to_ten_logits(model):
    net = model(hidden=[30, 20], activation=["relu", "tanh"])
    assert net.input_shape == (None, 784)
    assert net.output_shape == (None, 10)
    assert net.count_params() == parameter_count((784, 30, 20, 10))
    dense = layers_of(net, "Dense")
    assert [layer.units for layer in dense] == [30, 20, 10]
    assert [layer.activation.__name__ for layer in dense] == ["relu", "tanh", "linear"]


def test_no_setting_adds_no_layer(model):
    kinds = {type(layer).__name__ for layer in model().layers}
    assert kinds == {"Dense", "Activation"}


def test_weights_start_glorot_uniform_and_biases_at_zero(model):
    kernel, bias = model(hidden=[50]).get_weights()[:2]
    limit = np.sqrt(6 / (784 + 50))  # Glorot and Bengio 2010
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not bias.any()


def test_the_seed_decides_the_start(model):
    settings = {"dropout": 0.5, "shift": 1}
    first, again, other = (start_of(model(seed=seed, **settings)) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_standardize_takes_the_training_splits_mean_and_deviation(model, tf):
    rescaling = layers_of(model(standardize=True), "Rescaling")[0]
    assert np.allclose(rescaling(tf.constant([[0.25, 0.75, 0.0]])), [[0.0, 1.0, -0.5]])


def test_dropout_follows_every_hidden_layer(model):
    net = model(hidden=[30, 20], dropout=0.3)
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds == ["Dense", "Dropout", "Dense", "Dropout", "Dense", "Activation"]
    assert [layer.rate for layer in layers_of(net, "Dropout")] == [0.3, 0.3]


def test_shift_comes_first_and_standardize_after_it_so_that_black_moves_in(model):
    kinds = [type(layer).__name__ for layer in model(shift=2, standardize=True).layers]
    assert kinds[:3] == ["RandomShift", "Rescaling", "Dense"]


def test_shift_and_dropout_layers_draw_from_seeds_of_their_own(model):
    net = model(seed=7, hidden=[30, 20], dropout=0.3, shift=1)
    random = [*layers_of(net, "RandomShift"), *layers_of(net, "Dropout")]
    states = {tuple(layer.seed_generator.state.numpy()) for layer in random}
    assert len(states) == 3


@pytest.mark.parametrize(
    ("precision", "compute"),
    [
        ("float32", "float32"),
        ("tf32", "float32"),
        ("mixed_bfloat16", "bfloat16"),
        ("mixed_float16", "float16"),
    ],
)
def test_precision_is_that_of_hidden_layers_and_never_of_weights_or_logits(model, tf, precision, compute):
    net = model(precision=precision)
    assert [layer.compute_dtype for layer in layers_of(net, "Dense")] == [compute] * 2
    assert {weight.dtype for weight in net.trainable_variables} == {"float32"}
    assert layers_of(net, "Dense")[0](tf.zeros((1, 784))).dtype == compute
    assert net(tf.zeros((1, 784))).dtype == tf.float32


@pytest.mark.parametrize(
    ("name", "kind", "momentum"),
    [("adam", "Adam", None), ("adamw", "AdamW", None), ("sgd", "SGD", 0.0), ("momentum", "SGD", 0.9)],
)
def test_optimizers_are_keras_own(optimizer, name, kind, momentum):
    made = optimizer(optimizer=name, learning_rate=0.02)
    assert type(made).__name__ == kind
    assert float(made.learning_rate) == pytest.approx(0.02)
    assert getattr(made, "momentum", None) == momentum


def test_an_optimizer_follows_the_schedule(optimizer):
    made = optimizer(schedule="linear", learning_rate=0.1, warmup_fraction=0.5)  # 125 of 250 steps
    assert float(made.learning_rate) == pytest.approx(0.1 / 125)


@pytest.mark.parametrize("precision", ["float32", "tf32", "mixed_bfloat16"])
def test_only_float16_needs_its_loss_scaled(optimizer, precision):
    assert type(optimizer(precision=precision)).__name__ == "Adam"
    scaled = optimizer(precision="mixed_float16")
    assert type(scaled).__name__ == "LossScaleOptimizer"
    assert type(scaled.inner_optimizer).__name__ == "Adam"


LARGE = {"batch_size": 5000, "hidden": [50], "activation": "tanh"}


def test_a_padded_layer_is_a_dense_layer_up_to_rounding(model, tf):
    padded, plain = model(**LARGE), model(**{**LARGE, "loop": "fit"})
    assert len(layers_of(padded, "PaddedDense")) == 2
    assert layers_of(plain, "PaddedDense") == []
    images = np.random.default_rng(0).random((20, 784), dtype=np.float32)
    found = []
    for net in (padded, plain):
        with tf.GradientTape() as tape:
            logits = net(images)
            objective = tf.reduce_sum(logits**2)
        gradients = tape.gradient(objective, net.trainable_variables)
        found.append([logits.numpy(), *(g.numpy() for g in gradients)])
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(start_of(padded), start_of(plain), strict=True))


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": 4000}, {"hidden": [64]}, {"precision": "mixed_bfloat16"}, {"loop": "fit"}],
)
def test_layers_are_padded_only_where_it_pays(model, settings):
    net = model(**{**LARGE, **settings})
    assert type(net.layers[0]).__name__ == "Dense"
