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
