"""The loss of either loop."""

from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from tensorflow.python.framework.config import is_op_determinism_enabled  # noqa: TID253


def cross_entropy(labels: Any, logits: Any, smoothing: float) -> Any:  # noqa: ANN401 -- tensors
    """Softmax cross-entropy per sample, shape (batch,), of int labels (batch,) and logits (batch, classes).

    With smoothing ε the target is 1 − ε on the label and ε spread over all classes (Szegedy et al. 2016,
    arXiv:1512.00567): (1 − ε) H(label) + ε (logsumexp z − mean z).
    """
    hard = _hard(labels, logits)
    if not smoothing:
        return hard
    spread = tf.reduce_logsumexp(logits, axis=1) - tf.reduce_mean(logits, axis=1)
    return (1.0 - smoothing) * hard + smoothing * spread


def _hard(labels: Any, logits: Any) -> Any:  # noqa: ANN401
    """H(label), the same whether operations have to be deterministic or not, up to rounding.

    Where they have to, TensorFlow would gather by the label, and scatter in the gradient: of all operations
    the one that costs a GPU most to do in a fixed order. A product with 0 and 1 has no such gradient.
    """
    if not is_op_determinism_enabled():
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    one_hot = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return tf.nn.softmax_cross_entropy_with_logits(labels=one_hot, logits=logits)
