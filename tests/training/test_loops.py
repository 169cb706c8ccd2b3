"""Both loops, on the digits: what they compute, that they agree, and what falls into their windows."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from bench.data.shapes import TEST_SIZE, TRAIN_SIZE, VAL_SIZE
from bench.training.order import epoch_order

pytestmark = pytest.mark.slow

LOOPS = ["fused", "fit"]
PLAIN: dict = {}
REMAINDER = {"batch_size": 192, "optimizer": "momentum", "learning_rate": 0.05}  # 260 of 192, then 80
EVERYTHING = {
    "dropout": 0.2,
    "shift": 1,
    "standardize": True,
    "label_smoothing": 0.1,
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_fraction": 0.1,
}
NO_JIT = {"jit": False, "dropout": 0.3, "optimizer": "sgd", "learning_rate": 0.1}
BFLOAT16 = {"precision": "mixed_bfloat16", "hidden": [64], "batch_size": 100}
# Plain SGD takes a gradient at its size: a loss scale undone twice, or not at all, would show.
FLOAT16 = {**BFLOAT16, "precision": "mixed_float16", "optimizer": "sgd", "learning_rate": 0.1}
PADDED = {"batch_size": 5000, "hidden": [50], "learning_rate": 0.01}
CASES = [
    pytest.param(PLAIN, id="adam"),
    pytest.param(REMAINDER, id="remainder-momentum"),
    pytest.param(EVERYTHING, id="dropout-shift-standardize-smoothing-cosine-adamw"),
    pytest.param(NO_JIT, id="no-jit-dropout-sgd"),
    pytest.param(PADDED, id="padded"),
]


def same_bits(first, second):
    return [name for name in first if first[name].tobytes() != second[name].tobytes()] == []


@pytest.mark.parametrize("settings", CASES)
def test_the_loops_agree_from_the_same_seed(train, small, settings):
    fused, fit = (train(small(loop=loop, **settings), seed=3) for loop in LOOPS)
    assert same_bits(fused.start, fit.start)
    for ours, theirs in zip(fused.weights, fit.weights, strict=True):
        assert np.abs(ours - theirs).max() < 1e-5
    ours, theirs = fused.epochs[0], fit.epochs[0]
    assert ours.train.loss == pytest.approx(theirs.train.loss, rel=1e-5)
    assert ours.train.accuracy == pytest.approx(theirs.train.accuracy, abs=2 / TRAIN_SIZE)
    assert ours.val.loss == pytest.approx(theirs.val.loss, rel=1e-4)
    assert ours.val.accuracy == pytest.approx(theirs.val.accuracy, abs=2 / VAL_SIZE)
    assert fused.test.loss == pytest.approx(fit.test.loss, rel=1e-4)
    assert fused.test.accuracy == pytest.approx(fit.test.accuracy, abs=2 / TEST_SIZE)
    assert ours.learning_rate == theirs.learning_rate


@pytest.mark.parametrize("settings", CASES)
@pytest.mark.parametrize("loop", LOOPS)
def test_an_epoch_reports_its_steps_its_windows_and_scores_that_show_learning(train, small, loop, settings):
    scenario = small(loop=loop, **settings)
    run = train(scenario, seed=3)
    (epoch,) = run.epochs
    assert epoch.epoch == 1
    assert sum(epoch.windows.steps) == scenario.steps_per_epoch
    assert len(epoch.windows.steps) == len(epoch.windows.seconds)
    assert min(epoch.windows.steps) > 0
    assert min(epoch.windows.seconds) > 0
    assert epoch.eval_seconds > 0
    assert epoch.val.accuracy > epoch.train.accuracy > 0.3  # training scores are from before and between
    assert run.test.accuracy == pytest.approx(epoch.val.accuracy, abs=0.1)
    assert epoch.finite


@pytest.mark.parametrize("settings", CASES)
@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_is_traced_while_training(train, small, loop, settings):
    assert train(small(loop=loop, **settings), seed=3).new_traces == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_the_same_run_twice_is_the_same_bit_by_bit(train, train_afresh, small, loop):
    scenario = small(loop=loop, **EVERYTHING)
    first, second = train(scenario, seed=3), train_afresh(scenario, seed=3)
    assert same_bits(first.values, second.values)
    assert first.epochs[0].val == second.epochs[0].val
    assert first.test == second.test


def test_another_seed_is_another_run(train, small):
    first, second = (train(small(jit=False), seed=seed) for seed in (3, 4))
    assert first.epochs[0].train != second.epochs[0].train


def test_xla_changes_nothing_but_rounding(train, small):
    compiled, plain = train(small(), seed=3), train(small(jit=False), seed=3)
    for ours, theirs in zip(compiled.weights, plain.weights, strict=True):
        assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("loop", LOOPS)
def test_warming_up_and_restoring_leaves_every_value_as_it_was(build_loop, small, loop):
    built = build_loop(small(loop=loop, dropout=0.3, shift=1, precision="mixed_float16"))
    start = built.values()
    assert any("seed_generator" in name for name in start)
    built.loop.compile()
    built.loop.warm_up()
    warm = built.values()
    changed = [name for name in start if start[name].tobytes() != warm[name].tobytes()]
    assert any("kernel" in name for name in changed)
    assert any("iteration" in name for name in changed)
    assert any("seed_generator" in name for name in changed)
    built.variables.restore()
    assert same_bits(start, built.values())


@pytest.mark.parametrize("batch", [192, 20_000])
def test_fit_compiles_every_batch_size_that_training_and_validation_have(
    build_loop, small, digits, monkeypatch, batch
):
    """Keras compiles a program per shape: one that first comes up in training would be compiled there."""
    built = build_loop(small(loop="fit", batch_size=batch))
    shapes = []

    def fit(train, validation_data, **_):
        shapes.append(tuple({len(labels) for _, labels in split} for split in (train, validation_data)))

    monkeypatch.setattr(built.model, "fit", fit)
    built.loop.compile()
    built.loop.stage(digits)
    built.loop.train(lambda _: None)
    assert shapes[0] == shapes[1]
    assert len(shapes[1][0]) == (1 if TRAIN_SIZE % batch == 0 else 2)


@pytest.mark.parametrize("loop", LOOPS)
def test_epochs_count_from_one_and_follow_the_schedule_and_an_order_of_their_own(train, small, loop):
    run = train(small(loop=loop, jit=False, batch_size=1000, epochs=2, schedule="linear", learning_rate=0.01))
    first, second = run.epochs
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.learning_rate == pytest.approx(0.005)  # what the step after the epoch takes
    assert second.learning_rate == pytest.approx(0, abs=1e-9)
    assert second.ended_ns - first.ended_ns > 1e9 * (second.windows.total_seconds + second.eval_seconds)
    assert second.train.loss < first.train.loss


@pytest.mark.parametrize("loop", LOOPS)
def test_training_and_validation_are_told_of_before_each_of_them(train, small, loop):
    run = train(small(loop=loop, jit=False, batch_size=1000, epochs=2, schedule="linear", learning_rate=0.01))
    assert run.events == ["train", "evaluate", run.epochs[0], "train", "evaluate", run.epochs[1]]


@pytest.mark.parametrize("loop", LOOPS)
def test_an_epochs_last_step_may_be_the_one_that_diverges(train, small, loop):
    # One step per epoch: its loss is that of the first weights, and only validation sees the second ones.
    run = train(
        small(
            loop=loop,
            jit=False,
            hidden=[32, 32],
            epochs=3,
            learning_rate=1e30,
            batch_size=50_000,
            activation="relu",
        )
    )
    (epoch,) = run.epochs
    assert epoch.train.loss == pytest.approx(math.log(10), rel=0.2)
    assert not math.isfinite(epoch.val.loss)
    assert not epoch.finite


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "settings", [pytest.param(BFLOAT16, id="bfloat16"), pytest.param(FLOAT16, id="float16")]
)
def test_mixed_precision_learns_the_digits(train, small, loop, settings):
    run = train(small(loop=loop, **settings))
    assert all(np.isfinite(weight).all() for weight in run.weights)
    assert all(weight.dtype == np.float32 for weight in run.weights)
    assert run.epochs[0].val.accuracy > 0.8


@pytest.mark.parametrize("loop", LOOPS)
def test_float16_scales_the_loss_exactly_once(train, small, loop):
    """Keras wraps the optimizer that it is given by itself, unless it is wrapped already."""
    import keras

    optimizer = train(small(loop=loop, **FLOAT16)).optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(optimizer.inner_optimizer, keras.optimizers.LossScaleOptimizer)
    assert int(optimizer.iterations) == 500  # no step was left out for a gradient that was not finite
    assert int(optimizer.step_counter) == 500
    assert float(optimizer.dynamic_scale) == 2.0**15


def test_one_step_in_float16_is_one_step_in_float32_up_to_its_rounding(train, small):
    step = {"batch_size": 50_000, "optimizer": "sgd", "learning_rate": 0.1}
    full, half = train(small(**step)), train(small(precision="mixed_float16", **step))
    steps = [ours - theirs for ours, theirs in zip(full.weights, list(full.start.values()), strict=False)]
    for ours, theirs, step in zip(full.weights, half.weights, steps, strict=True):
        assert np.abs(ours - theirs).max() < 0.05 * np.abs(step).max()


@pytest.fixture(scope="module")
def by_hand(digits):
    """Call with a run's first weights; gives NumPy's in float64 after an epoch, and the loss of each batch.

    One hidden layer of tanh, softmax cross-entropy, and Adam as Kingma and Ba (2015) speed it up at the end
    of their section 2, with Keras' 1e-7 for epsilon.
    """

    def train(weights, scenario, seed):
        weights = [weight.astype(np.float64) for weight in weights]
        means, squares = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
        order, losses = epoch_order(TRAIN_SIZE, seed, 1), []
        for step, batch in enumerate(np.split(order, scenario.steps_per_epoch), start=1):
            loss, gradients = gradients_of(weights, digits.x_train[batch] / 255, digits.y_train[batch])
            losses.append(loss)
            rate = scenario.learning_rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for weight, gradient, mean, square in zip(weights, gradients, means, squares, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                weight -= rate * mean / (np.sqrt(square) + 1e-7)
        return SimpleNamespace(weights=weights, losses=losses)

    return train


def gradients_of(weights, x, labels):
    w1, b1, w2, b2 = weights
    hidden = np.tanh(x @ w1 + b1)
    logits = hidden @ w2 + b2
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    targets = np.eye(10)[labels]
    d_logits = (np.exp(log_softmax) - targets) / len(x)
    d_hidden = d_logits @ w2.T * (1 - hidden**2)
    loss = -(targets * log_softmax).sum() / len(x)
    return loss, [x.T @ d_hidden, d_hidden.sum(axis=0), hidden.T @ d_logits, d_logits.sum(axis=0)]


def test_twenty_steps_are_those_of_numpy(train, small, by_hand):
    scenario = small(batch_size=2500)
    run = train(scenario, seed=3)
    first = [run.start[name] for name in run.start if "kernel" in name or "bias" in name][:4]
    expected = by_hand(first, scenario, seed=3)
    assert len(expected.losses) == 20
    for ours, theirs in zip(run.weights, expected.weights, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4
    assert run.epochs[0].train.loss == pytest.approx(np.mean(expected.losses), rel=1e-5)


@pytest.mark.parametrize(
    ("steps", "wanted", "windows"),
    [
        (10, 3, (3, 3, 4)),
        (101, 10, (10, 10, 10, 10, 10, 10, 10, 10, 10, 11)),  # and no window of one step at the end
        (12, 4, (4, 4, 4)),
        (5, 100, (5,)),
        (3, 1, (1, 1, 1)),
    ],
)
def test_windows_of_an_epoch_are_even_and_long_enough(tf, steps, wanted, windows):  # noqa: ARG001
    from bench.training.windowed import even_windows

    assert even_windows(steps, wanted) == windows


@pytest.mark.parametrize(
    ("steps", "wanted", "chunk", "windows"),
    [
        (250, 40, 50, (50, 50, 50, 50, 50)),
        (250, 60, 50, (100, 150)),
        (261, 40, 50, (50, 50, 50, 50, 61)),  # what chunks leave goes to the last window
        (261, 1000, 50, (261,)),
        (5, 1, 5, (5,)),
    ],
)
def test_windows_are_of_whole_chunks(tf, steps, wanted, chunk, windows):  # noqa: ARG001
    from bench.training.windowed import even_windows

    assert even_windows(steps, wanted, chunk) == windows


@pytest.mark.parametrize(
    ("steps", "chunk"),
    [
        (50_000, 50),
        (782, 46),
        (500, 50),
        (391, 23),
        (98, 49),
        (50, 50),
        (5, 5),  # an epoch that is short is a chunk
        (1563, 50),  # 3 × 521 has no divisor worth a chunk: 13 steps are left
    ],
)
def test_chunks_divide_an_epoch_where_they_can(tf, steps, chunk):  # noqa: ARG001
    from bench.training.windowed import chunk_steps

    assert chunk_steps(steps) == chunk


@pytest.mark.parametrize(("window_seconds", "windows"), [(1e-12, (1,) * 20), (1e9, (20,))])
def test_windows_are_as_long_as_they_must_be(build_loop, digits, small, monkeypatch, window_seconds, windows):
    # The warm-up learns how many steps fill a window: one at least, an epoch at most.
    from bench.training import windowed

    monkeypatch.setattr(windowed, "WINDOW_SECONDS", window_seconds)
    loop = build_loop(small(batch_size=2500)).loop
    loop.compile()
    loop.warm_up()
    loop.stage(digits)
    assert tuple(window.steps for window in loop.windows(1)) == windows
