"""Training in timed windows of steps, whatever a step is: epochs, warm-up, and how long a window is."""

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf  # noqa: TID253 -- only training modules import this file
from numpy.typing import NDArray

from bench.data.shapes import TRAIN_SIZE
from bench.records.scenario import Scenario
from bench.training.epoch import EpochResult, Report, Score, Windows, seconds_since
from bench.training.order import epoch_order
from bench.training.update import rate_of

WINDOW_SECONDS = 0.1  # long enough that the call around a window costs it under half a percent
WARMUP_CALL_SECONDS = 0.02  # so long that what is around a call is lost in it
WARMUP_CALLS = 2
WARMUP_GAIN = 0.01
MOST_WARMUP_SECONDS = 0.3
LEAST_WARMUP_SECONDS = {"CPU": 0.0, "GPU": 0.3}  # a GPU's clocks rise in steps, for tenths of a second
EMPTY_WINDOWS = 10
LONGEST_CHUNK = 50
SHORTEST_CHUNK = 16  # a wait for the host in so many steps is lost among them


@dataclass(frozen=True)
class Window:
    """A timed window of steps: its seconds, and the sums of loss and of correct answers over its samples.

    Steps are those that the program counted, whatever it was asked for, and samples those of their batches.
    """

    seconds: float
    steps: int
    samples: int
    loss: float
    correct: int


class WindowedLoop(ABC):
    """The part of a `TrainingLoop` that drives windows of steps, whose programs a subclass has.

    Steps are run in whole chunks of `chunk`, but for what an epoch has left at its end.
    """

    empty_seconds: float | None = None
    """What a window without any step takes, known after the warm-up: the call around every window."""

    def __init__(self, optimizer: Any, scenario: Scenario, seed: int, chunk: int = 1) -> None:  # noqa: ANN401
        self._optimizer, self._scenario, self._seed, self._chunk = optimizer, scenario, seed, chunk
        self._window_steps = even_windows(scenario.steps_per_epoch, 1, chunk)

    def warm_up(self) -> None:
        """Runs until steps take no less time; learns how many fill a window, and what an empty one takes."""
        self._shuffle(epoch_order(TRAIN_SIZE, self._seed, 0))
        wanted = _steps_for(WINDOW_SECONDS, self._settled())
        self._window_steps = even_windows(self._scenario.steps_per_epoch, wanted, self._chunk)
        self.empty_seconds = self._empty_window()

    def _settled(self) -> float:
        """The least time per step, once so many calls in a row have not gained over 1 % on it.

        Calls grow until they take `WARMUP_CALL_SECONDS`, and only then count. What does not settle is given
        `MOST_WARMUP_SECONDS`.
        """
        least = LEAST_WARMUP_SECONDS[_device()]
        steps, spent, best, settled = self._chunk, 0.0, math.inf, 0
        while spent < least or (settled < WARMUP_CALLS and spent < MOST_WARMUP_SECONDS):
            full = steps == self._whole(_steps_for(WARMUP_CALL_SECONDS, best))
            taken = self._timed(steps)
            gained = taken / steps < (1 - WARMUP_GAIN) * best
            settled = settled + 1 if full and not gained else 0
            spent, best = spent + taken, min(best, taken / steps)
            steps = self._whole(min(2 * steps, _steps_for(WARMUP_CALL_SECONDS, best)))
        return best

    def _whole(self, steps: int) -> int:
        """At least so many steps, in whole chunks; at most an epoch's."""
        return min(-(-steps // self._chunk) * self._chunk, self._scenario.steps_per_epoch)

    def train(self, report: Report) -> None:
        """All epochs; ends after the first window or validation whose loss is not finite, and reports it."""
        for epoch in range(1, self._scenario.epochs + 1):
            report("train")
            windows, score, samples = self._epoch(epoch)
            report("evaluate")
            rate = float(rate_of(self._optimizer))
            began = time.perf_counter_ns()
            val = self.validate() if math.isfinite(score.loss) else None
            ended = time.perf_counter_ns()
            result = EpochResult(epoch, windows, (ended - began) / 1e9, ended, rate, score, val, samples)
            report(result)
            if not result.finite:
                return

    def windows(self, epoch: int) -> Iterator[Window]:
        """Train `epoch` (from 1) in the order that is its own, yielding each window once it is done."""
        self._shuffle(epoch_order(TRAIN_SIZE, self._seed, epoch))
        first = 0
        for count in self._window_steps:
            began = time.perf_counter_ns()
            loss, correct, taken = self._run(epoch, first, count)
            seconds = seconds_since(began)
            samples = self._samples(first + taken) - self._samples(first)
            yield Window(seconds, taken, samples, loss, correct)
            first += taken

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
    def _run(self, epoch: int, first: int, count: int) -> tuple[float, int, int]:
        """Steps `first` to `first + count` of `epoch`, once all is done: sums of loss and of correct answers.

        And how many steps it was, by the program's own count.
        """

    @abstractmethod
    def _split(self, name: str) -> Score:
        """The score on the split `name`."""

    def _empty_window(self) -> float | None:
        """Seconds of a window without any step; None where a window is no single call.

        The least of several, which nothing disturbed: what is taken off windows must not be too much.
        """
        return min(self._timed(0) for _ in range(EMPTY_WINDOWS))

    def _timed(self, steps: int) -> float:
        began = time.perf_counter_ns()
        self._run(1, 0, steps)
        return self._agreed(seconds_since(began))

    def _agreed(self, seconds: float) -> float:
        """What all processes of the run go by that measured `seconds`, each for itself."""
        return seconds

    def _samples(self, steps: int) -> int:
        """How many samples the first `steps` of an epoch see: the last step has what the others left."""
        return min(steps * self._scenario.global_batch, TRAIN_SIZE)

    def _epoch(self, epoch: int) -> tuple[Windows, Score, int]:
        done: list[Window] = []
        for window in self.windows(epoch):
            done.append(window)
            if not math.isfinite(window.loss):
                break
        steps = tuple(window.steps for window in done)
        samples = sum(window.samples for window in done)
        score = Score(sum(w.loss for w in done) / samples, sum(w.correct for w in done) / samples)
        return Windows(tuple(window.seconds for window in done), steps, self.empty_seconds), score, samples


def stacked(*numbers: Any) -> Any:  # noqa: ANN401
    """All of them as one float64 tensor of one axis, since each tensor is fetched by a call of its own."""
    return tf.stack([tf.cast(number, tf.float64) for number in numbers])


def _device() -> Literal["CPU", "GPU"]:
    return "GPU" if tf.config.list_logical_devices("GPU") else "CPU"


def _steps_for(seconds: float, per_step: float) -> int:
    return max(math.ceil(seconds / per_step), 1) if per_step > 0 else 1


def even_windows(steps: int, wanted: int, chunk: int = 1) -> tuple[int, ...]:
    """Lengths of the windows of an epoch of `steps`: equal up to one `chunk`, none shorter than `wanted`.

    Each is of whole chunks, but for what the epoch has left, which goes to the last. One window, of all the
    steps, where the epoch itself is shorter than that.
    """
    chunks = steps // chunk
    windows = max(chunks // -(-wanted // chunk), 1)
    ends = [chunks * number // windows * chunk for number in range(windows)]
    return tuple(end - start for start, end in itertools.pairwise([*ends, steps]))


def chunk_steps(steps: int) -> int:
    """How many of an epoch's `steps` make a chunk: all of few, else the most that divide them, else a few.

    Where no divisor is large enough to be worth a chunk, the last steps of an epoch are in none.
    """
    if steps <= LONGEST_CHUNK:
        return steps
    divisors = (size for size in range(LONGEST_CHUNK, SHORTEST_CHUNK - 1, -1) if steps % size == 0)
    return next(divisors, LONGEST_CHUNK)
