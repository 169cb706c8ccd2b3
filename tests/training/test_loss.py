import numpy as np
import pytest

LABELS = np.array([0, 3, 9, 3], np.int32)
LOGITS = np.random.default_rng(0).normal(0, 3, (4, 10)).astype(np.float32)


@pytest.fixture
def losses(tf):
    """Call with logits and smoothing; gives the loss of each sample."""
    from bench.training.loss import cross_entropy

    return lambda logits, smoothing: cross_entropy(
        tf.constant(LABELS), tf.constant(logits), smoothing
    ).numpy()


def reference(logits, smoothing):
    """Cross-entropy against targets written out: 1 − ε on the label, and ε / 10 everywhere."""
    logits = logits.astype(np.float64)
    targets = (1 - smoothing) * np.eye(10)[LABELS] + smoothing / 10
    log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -(targets * log_softmax).sum(axis=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 0.9])
def test_smoothing_is_cross_entropy_with_spread_targets(losses, smoothing):
    assert losses(LOGITS, smoothing) == pytest.approx(reference(LOGITS, smoothing), rel=1e-5)


def test_no_smoothing_is_the_plain_cross_entropy_bit_by_bit(tf, losses):
    plain = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=LOGITS)
    assert np.array_equal(losses(LOGITS, 0.0), plain.numpy())


def test_equal_logits_lose_the_entropy_of_ten_classes(losses):
    assert losses(np.zeros((4, 10), np.float32), 0.1) == pytest.approx([np.log(10)] * 4)


def test_large_logits_do_not_overflow(losses):
    logits = np.zeros((4, 10), np.float32)
    logits[:, 3] = 1e4
    # Right answers lose what is spread over the other nine classes: 0.1 × 9 / 10 × 1e4.
    assert losses(logits, 0.1)[[1, 3]] == pytest.approx([900, 900])
    assert losses(logits, 0.1)[[0, 2]] == pytest.approx([9900, 9900])


@pytest.fixture
def deterministic(tf):
    """TensorFlow with deterministic operations until the test ends."""
    from tensorflow.python.framework.config import disable_op_determinism

    yield tf.config.experimental.enable_op_determinism
    disable_op_determinism()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_deterministic_operations_give_the_same_loss_and_gradient_without_a_scatter(
    tf, deterministic, smoothing
):
    from bench.training.loss import cross_entropy

    def of(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = cross_entropy(tf.constant([2, 0, 1]), logits, smoothing)
        return loss, tape.gradient(loss, logits)

    logits = tf.constant([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0], [9.0, -9.0, 0.0]])
    usual = tf.function(of)(logits)
    deterministic()
    program = tf.function(of)
    for ours, theirs in zip(program(logits), usual, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6, atol=1e-7)
    operations = {
        operation.type for operation in program.get_concrete_function(logits).graph.get_operations()
    }
    assert not [name for name in operations if "Gather" in name or "Scatter" in name or "Segment" in name]
