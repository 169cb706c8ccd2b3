"""What each seed came to: the seed, not the run, is what repeats a training.

Runs of one seed start from the same weights and see the same batches. So on one side they are copies up to
rounding, in however many sessions and on however many nodes, and between two sides they are a pair.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.pairing import Scenario
from bench.data.shapes import CLASSES, TRAIN_SIZE
from bench.records.measurement import Status
from bench.records.run_table import Mask, RunTable

Floats = NDArray[np.float64]
Seeds = NDArray[np.int64]

GUESSING = 1 / CLASSES
"""The accuracy of a run that diverged: its answers are no better than this."""
NEVER_TRAINED: tuple[Status, ...] = ("cancelled", "infeasible")
"""What says nothing of how well a side trains; any other end that is not ok is a failure."""


@dataclass(frozen=True, eq=False)
class BySeed:
    """A figure of each seed, by seed: the median over its runs. A run of unknown seed has one below 0."""

    seeds: Seeds
    values: Floats

    def __len__(self) -> int:
        return len(self.seeds)


class SeedRuns:
    """The runs of one side of a scenario that trained, however they ended."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario, runs = scenario, scenario.runs
        told = "status" in runs
        self._runs = runs.take(~runs.codes("status").among(NEVER_TRAINED)) if told else runs
        self.ok = self._runs.is_ok() if told else np.ones(len(runs), np.bool_)
        self.diverged = self._runs.codes("status").among(["diverged"])
        self._seeds = _seeds(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def accuracy(self, name: str) -> BySeed:
        """The column `name`, 0 to 1. A run that diverged counts as guessing; one that failed gave none."""
        column = self._runs.numbers(name)
        values = np.where(self.diverged, GUESSING, column.values)
        return self._by_seed(values, self.diverged | (self.ok & column.known))

    def has(self, name: str) -> bool:
        """Whether any run that ended ok gave `name`."""
        return bool((self._runs.numbers(name).known & self.ok).any())

    @property
    def steps_to_target(self) -> BySeed:
        """Training steps until the validation that found the target reached; infinite for a miss or failure.

        Empty where it is not known how many steps make an epoch.
        """
        batch = self._scenario.global_batch
        if batch is None:
            return self._by_seed(np.zeros(len(self)), np.zeros(len(self), np.bool_))
        return self._to_target("target_epoch", -(-TRAIN_SIZE // batch))

    @property
    def seconds_to_target(self) -> BySeed:
        """The same in seconds."""
        return self._to_target("target_seconds", 1)

    @property
    def reached(self) -> Mask:
        """Which runs reached the target and ended ok."""
        return (
            self._runs.numbers("target_seconds").known | self._runs.numbers("target_epoch").known
        ) & self.ok

    def _to_target(self, name: str, unit: int) -> BySeed:
        column = self._runs.numbers(name)
        values = np.where(column.known & self.ok, column.values * float(unit), math.inf)
        return self._by_seed(values, ~self.reached | column.known)

    def _by_seed(self, values: Floats, chosen: Mask) -> BySeed:
        """By seed the median of the `chosen` values."""
        seeds, values = self._seeds[chosen], values[chosen]
        order = np.lexsort((values, seeds))
        seeds, values = seeds[order], values[order]
        if (seeds[1:] != seeds[:-1]).all():
            return BySeed(seeds, values)
        distinct, first, number = np.unique(seeds, return_index=True, return_counts=True)
        lower, upper = values[first + (number - 1) // 2], values[first + number // 2]
        return BySeed(distinct, np.where(lower == upper, lower, (lower + upper) / 2))


def in_common(a: BySeed, b: BySeed) -> tuple[Seeds, Floats, Floats]:
    """The seeds that both have, and each side's values of them."""
    if np.array_equal(a.seeds, b.seeds) and (a.seeds >= 0).all():
        return a.seeds, a.values, b.values
    seeds, of_a, of_b = np.intersect1d(a.seeds, b.seeds, assume_unique=True, return_indices=True)
    known = seeds >= 0
    return seeds[known], a.values[of_a[known]], b.values[of_b[known]]


def _seeds(runs: RunTable) -> Seeds:
    column = runs.numbers("seed")
    seeds: Seeds = np.where(column.known, column.values, -1 - runs.rows).astype(np.int64)
    return seeds


def common_seeds(number: int) -> str:
    """How many seeds two sides share, in words: "no common seeds", "1 common seed", "5 common seeds"."""
    return f"{number or 'no'} common seed{'' if number == 1 else 's'}"
