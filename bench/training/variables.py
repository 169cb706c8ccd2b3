"""The values that a run starts from, in every place where they are kept."""

from contextlib import suppress
from typing import Any


class Variables:
    """Every value that a run starts from: weights, optimizer state, and the state of random layers.

    A strategy keeps a variable once for each replica, or once for all on some other device or process.
    """

    def __init__(self, variables: list[Any]) -> None:
        self._copies = [_copies(variable.value) for variable in variables]
        self._start = [copies[0].numpy() for copies in self._copies]

    def restore(self) -> None:
        """Back to the start, bit by bit."""
        for copies, value in zip(self._copies, self._start, strict=True):
            _assign(copies, value)

    def release(self) -> None:
        """Give their memory back, after which they hold nothing.

        An optimizer's update registers a gradient with TensorFlow for good, and that keeps the handles of
        all variables: the next run of the process would count them in its peak of memory.
        """
        with suppress(Exception):  # a device that has failed must not hide what went wrong before
            for copies, value in zip(self._copies, self._start, strict=True):
                _assign(copies, value.ravel()[:0])


def _copies(variable: Any) -> list[Any]:  # noqa: ANN401
    import tensorflow as tf

    return list(variable.values) if isinstance(variable, tf.distribute.DistributedValues) else [variable]


def _assign(copies: list[Any], value: Any) -> None:  # noqa: ANN401
    """Straight to the variable's memory, whatever the shape: three times as fast as Keras' way around it."""
    import tensorflow as tf

    for copy in copies:
        tf.raw_ops.AssignVariableOp(resource=copy.handle, value=value)
