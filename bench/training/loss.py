"""The loss of either loop."""

from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file


def cross_entropy(labels: Any, logits: Any, smoothing: float) -> Any:  # noqa: ANN401 -- tensors
    """Softmax cross-entropy per sample, shape (batch,), of int labels (batch,) and logits (batch, classes).

    With smoothing ε the target is 1 − ε on the label and ε spread over all classes (Szegedy et al. 2016,
    arXiv:1512.00567): (1 − ε) H(label) + ε (logsumexp z − mean z).
    """
    hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    if not smoothing:
        return hard
    spread = tf.reduce_logsumexp(logits, axis=1) - tf.reduce_mean(logits, axis=1)
    return (1.0 - smoothing) * hard + smoothing * spread
