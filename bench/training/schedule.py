"""Learning-rate schedules: constant, cosine or linear decay to zero, each after a linear warm-up."""

import math
from typing import Any

import keras  # noqa: TID253 -- subclasses a Keras schedule; only training modules import this file
import tensorflow as tf  # noqa: TID253

from bench.records.scenario import Scenario, Schedule
from bench.training.shares import updates_per_epoch


def learning_rate(scenario: Scenario) -> Any:  # noqa: ANN401 -- float or keras schedule
    """What the optimizer takes as its learning rate: a number where it never changes.

    A schedule runs over all updates of the run, since an optimizer counts these.
    """
    if scenario.schedule == "constant" and not scenario.warmup_fraction:
        return scenario.learning_rate
    updates = scenario.epochs * updates_per_epoch(scenario)
    warmup = round(scenario.warmup_fraction * updates)
    return WarmupDecay(scenario.learning_rate, scenario.schedule, warmup, updates)


@keras.saving.register_keras_serializable("bench")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # keras is untyped
    """Rises linearly to `peak` over `warmup` steps, then stays, or falls to zero at step `steps`.

    Step t (from 0) of the warm-up takes peak (t + 1) / warmup, so that no step has rate zero. After it, with
    x the share of the remaining steps gone: cosine takes peak (1 + cos πx) / 2 (Loshchilov and Hutter 2017,
    arXiv:1608.03983, without restarts), linear peak (1 − x).
    """

    def __init__(self, peak: float, schedule: Schedule, warmup: int, steps: int) -> None:
        self.peak, self.schedule, self.warmup, self.steps = peak, schedule, warmup, steps

    def __call__(self, step: Any) -> Any:  # noqa: ANN401 -- tensors
        """The rate, a float32 scalar, for the step counted from 0."""
        t = tf.cast(step, tf.float32)
        x = tf.clip_by_value((t - self.warmup) / max(self.steps - self.warmup, 1), 0.0, 1.0)
        decay = {
            "constant": lambda: tf.ones_like(x),
            "linear": lambda: 1.0 - x,
            "cosine": lambda: 0.5 * (1.0 + tf.cos(math.pi * x)),
        }[self.schedule]()
        rise = (t + 1.0) / max(self.warmup, 1)
        return self.peak * tf.where(t < self.warmup, rise, decay)

    def get_config(self) -> dict[str, Any]:
        """What rebuilds this schedule, as Keras asks of it."""
        return {"peak": self.peak, "schedule": self.schedule, "warmup": self.warmup, "steps": self.steps}
