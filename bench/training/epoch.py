"""What a loop reports of an epoch, and the windows its time was measured in."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bench.data.datasets import Dataset
from bench.records.measurement import Phase
from bench.training.windows import without_call

MISCOUNTED = "something in the process cuts epochs short, or repeats parts of them"


@dataclass(frozen=True)
class Windows:
    """Consecutive timed stretches of steps, synchronised at their ends: `steps[i]` took `seconds[i]`.

    `empty_seconds` is what a stretch without any step takes, None where that is not known.
    """

    seconds: tuple[float, ...]
    steps: tuple[int, ...]
    empty_seconds: float | None = None

    @property
    def total_seconds(self) -> float:
        """Training time of all the windows: their steps alone."""
        return sum(without_call(self.seconds, self.empty_seconds))


@dataclass(frozen=True)
class Score:
    """Mean loss and accuracy (0 to 1) over a split, or over an epoch's training batches as they passed."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class EpochResult:
    """One epoch: its training windows, its scores, and when it ended on the run's clock.

    `learning_rate` is what the step after the epoch would take. `val` is None where the training loss is
    not finite: such weights are not validated. `samples` is how many training images the steps saw. One of
    the two is counted by whoever took the steps, and the other follows from the batches: the fused programs
    count steps, Keras counts images.
    """

    epoch: int
    windows: Windows
    eval_seconds: float
    ended_ns: int
    learning_rate: float
    train: Score
    val: Score | None
    samples: int

    @property
    def finite(self) -> bool:
        """Whether neither loss is NaN or infinite. Validation sees what the epoch's last step left."""
        return math.isfinite(self.train.loss) and (self.val is None or math.isfinite(self.val.loss))


Report = Callable[[EpochResult | Phase], None]


class TrainingLoop(Protocol):
    """One way to drive a model and an optimizer. The calls come in the order in which they stand here."""

    def compile(self) -> None:
        """Trace and compile all that training and evaluation will call, on made-up data if on any."""

    def warm_up(self) -> None:
        """Run the compiled programs on made-up data; leaves weights and optimizer state changed."""

    def stage(self, dataset: Dataset) -> None:
        """Bring the data to the device."""

    def train(self, report: Report) -> None:
        """All epochs, each followed by validation and reported; ends early where a loss is not finite.

        Before each of the two the phase is reported, "train" or "evaluate", outside of what is timed.
        """

    def test(self) -> Score:
        """The test split, after training."""

    def traces(self) -> int:
        """How often TensorFlow has traced this loop's functions so far."""


def seconds_since(start_ns: int) -> float:
    """Seconds on the monotonic clock since `start_ns`, a reading of `time.perf_counter_ns`."""
    return (time.perf_counter_ns() - start_ns) / 1e9
