"""Training in timed windows of steps, whatever a step is: epochs, warm-up, and how long a window is."""

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bench.data.shapes import TRAIN_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import EpochResult, Report, Score, Windows, seconds_since
from bench.training.order import epoch_order
from bench.training.update import rate_of

WINDOW_SECONDS = 0.1  # long enough that the call around a window costs it under half a percent
WARMUP_SECONDS = 0.3


@dataclass(frozen=True)
class Window:
    """A timed window of steps: its seconds, and the sums of loss and of correct answers over its samples."""

    seconds: float
    steps: int
    loss: float
    correct: int


class WindowedLoop(ABC):
    """The part of a `TrainingLoop` that drives windows of steps, whose programs a subclass has."""

    def __init__(self, optimizer: Any, scenario: Scenario, seed: int) -> None:  # noqa: ANN401
        self._optimizer, self._scenario, self._seed = optimizer, scenario, seed
        self._window_steps = even_windows(scenario.steps_per_epoch, 1)

    def warm_up(self) -> None:
        """Runs for `WARMUP_SECONDS` and learns how many steps fill a window."""
        self._shuffle(epoch_order(TRAIN_SIZE, self._seed, 0))
        steps, spent, best = 1, 0.0, math.inf
        while spent < WARMUP_SECONDS:
            began = time.perf_counter_ns()
            self._run(1, 0, steps)
            taken = self._agreed(seconds_since(began))
            spent, best = spent + taken, min(best, taken / steps)
            steps = min(2 * steps, _steps_for(WINDOW_SECONDS, best), self._scenario.steps_per_epoch)
        self._window_steps = even_windows(self._scenario.steps_per_epoch, _steps_for(WINDOW_SECONDS, best))

    def train(self, report: Report) -> None:
        """All epochs; ends after the first window or validation whose loss is not finite, and reports it."""
        for epoch in range(1, self._scenario.epochs + 1):
            report("train")
            windows, score = self._epoch(epoch)
            report("evaluate")
            rate = float(rate_of(self._optimizer))
            began = time.perf_counter_ns()
            val = self.validate() if math.isfinite(score.loss) else None
            ended = time.perf_counter_ns()
            result = EpochResult(epoch, windows, (ended - began) / 1e9, ended, rate, score, val)
            report(result)
            if not result.finite:
                return

    def windows(self, epoch: int) -> Iterator[Window]:
        """Train `epoch` (from 1) in the order that is its own, yielding each window once it is done."""
        self._shuffle(epoch_order(TRAIN_SIZE, self._seed, epoch))
        first = 0
        for count in self._window_steps:
            began = time.perf_counter_ns()
            loss, correct = self._run(epoch, first, count)
            yield Window(seconds_since(began), count, loss, correct)
            first += count

    def validate(self) -> Score:
        """The validation split."""
        return self._split("val")

    def test(self) -> Score:
        """The test split, after training."""
        return self._split("test")

    @abstractmethod
    def _shuffle(self, order: NDArray[Any]) -> None:
        """The order of the training images from here on."""

    @abstractmethod
    def _run(self, epoch: int, first: int, count: int) -> tuple[float, int]:
        """Steps `first` to `first + count` of `epoch`: sums of loss and correct answers, once all is done."""

    @abstractmethod
    def _split(self, name: str) -> Score:
        """The score on the split `name`."""

    def _agreed(self, seconds: float) -> float:
        """What all processes of the run go by that measured `seconds`, each for itself."""
        return seconds

    def _epoch(self, epoch: int) -> tuple[Windows, Score]:
        done: list[Window] = []
        for window in self.windows(epoch):
            done.append(window)
            if not math.isfinite(window.loss):
                break
        steps = tuple(window.steps for window in done)
        seen = min(sum(steps) * self._scenario.global_batch, TRAIN_SIZE)
        score = Score(sum(w.loss for w in done) / seen, sum(w.correct for w in done) / seen)
        return Windows(tuple(window.seconds for window in done), steps), score


def _steps_for(seconds: float, per_step: float) -> int:
    return max(math.ceil(seconds / per_step), 1) if per_step > 0 else 1


def even_windows(steps: int, wanted: int) -> tuple[int, ...]:
    """Lengths of the windows of an epoch of `steps`: equal up to one step, none shorter than `wanted`.

    One window, of all the steps, where the epoch itself is shorter than that.
    """
    windows = max(steps // wanted, 1)
    ends = [steps * number // windows for number in range(windows + 1)]
    return tuple(end - start for start, end in itertools.pairwise(ends))
