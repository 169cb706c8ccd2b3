"""How accurate a scenario is as its training goes on, over the rounds."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.analysis.origin import Origin, platforms
from bench.analysis.statistics import median
from bench.records.arrow_columns import Codes, Mask, Rows, codes, numbers
from bench.records.run_table import RunTable, grouped

EPOCH_COLUMNS = ("run_id", "epoch", "elapsed_seconds", "val_accuracy", "val_loss")
"""Of `epochs`, all that is read here."""


@dataclass(frozen=True)
class Curve:
    """Validation after each epoch of a scenario's ok runs in one session on one machine; accuracies 0 to 1.

    `elapsed_seconds`, `val_accuracy` and `val_loss` are medians over `runs` runs, from the first touch of
    the data to the end of the epoch's validation; `low` to `high` is from the worst accuracy to the best.
    """

    suite: str
    sweep: str
    label: str
    origin: Origin
    target_accuracy: float | None
    runs: int
    epochs: tuple[int, ...]
    elapsed_seconds: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    val_loss: tuple[float | None, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves(runs: RunTable, epochs: pa.Table) -> list[Curve]:
    """A curve for each scenario, session, machine and software, as they first come up.

    Of `epochs` it takes `EPOCH_COLUMNS`. Where runs of a scenario differ in how many epochs they had, the
    shortest says how long the curve is.
    """
    known = _Epochs.of(runs, epochs)
    ok, origin = runs.is_ok() & known.has(len(runs)), platforms(runs)
    keys = [runs.codes(name) for name in ("suite", "sweep", "scenario_id", "session_id")]
    groups = grouped([*keys, origin], runs.rows[ok])
    found = (_curve(runs, rows, known, origin) for rows in groups)
    return [curve for curve in found if curve.epochs]


@dataclass(frozen=True, eq=False)
class _Epochs:
    """Epochs after which there was a validation, by run and number, each once; a run's begin at `first`.

    All arrays but `first` have an item for each epoch.
    """

    run: Rows
    number: NDArray[Any]
    first: Rows
    elapsed_seconds: NDArray[Any]
    val_accuracy: NDArray[Any]
    val_loss: NDArray[np.float64]

    @classmethod
    def of(cls, runs: RunTable, epochs: pa.Table) -> Self:
        """Those of `runs`; of epochs that a run has twice the last counts."""
        columns = {name: numbers(epochs.column(name)) for name in EPOCH_COLUMNS if name != "run_id"}
        ids, run_ids = codes(epochs.column("run_id")), runs.codes("run_id")
        row_of = dict(zip(run_ids.of(runs.rows), runs.rows.tolist(), strict=True))
        rows = np.array([*(row_of.get(run_id, -1) for run_id in ids.values), -1])[ids.indices]
        number = columns["epoch"].values
        there = np.flatnonzero((rows >= 0) & columns["val_accuracy"].known & columns["elapsed_seconds"].known)
        order = there[np.lexsort((there, number[there], rows[there]))]
        run, number = rows[order], number[order]
        last = np.ones(len(order), np.bool_)
        last[:-1] = (run[1:] != run[:-1]) | (number[1:] != number[:-1])
        order, run, number = order[last], run[last], number[last]
        loss = columns["val_loss"]
        return cls(
            run=run,
            number=number,
            first=np.searchsorted(run, np.arange(len(runs) + 1)),
            elapsed_seconds=columns["elapsed_seconds"].values[order],
            val_accuracy=columns["val_accuracy"].values[order],
            val_loss=np.where(loss.known, loss.values, math.nan)[order],
        )

    def has(self, runs: int) -> Mask:
        """Which of so many runs have any."""
        return np.diff(self.first[: runs + 1]) > 0

    def shared(self, rows: Rows) -> list[tuple[int, Rows]]:
        """The epochs that all of these runs had, and where they are."""
        places = np.concatenate([np.arange(self.first[row], self.first[row + 1]) for row in rows])
        places = places[np.argsort(self.number[places], kind="stable")]
        numbers, starts, counts = np.unique(self.number[places], return_index=True, return_counts=True)
        found = zip(numbers.tolist(), starts.tolist(), counts.tolist(), strict=True)
        return [(number, places[at : at + count]) for number, at, count in found if count == len(rows)]


def _curve(runs: RunTable, rows: Rows, epochs: _Epochs, platform: Codes) -> Curve:
    first, shared = rows[0], epochs.shared(rows)
    accuracies = [epochs.val_accuracy[at] for _, at in shared]
    return Curve(
        **{name: runs.codes(name)[first] for name in ("suite", "sweep", "label", "target_accuracy")},
        origin=Origin(runs.codes("session_id")[first], *platform[first]),
        runs=len(rows),
        epochs=tuple(number for number, _ in shared),
        elapsed_seconds=tuple(median(epochs.elapsed_seconds[at]) for _, at in shared),
        val_accuracy=tuple(map(median, accuracies)),
        val_loss=tuple(_median_loss(epochs.val_loss[at]) for _, at in shared),
        low=tuple(one.min().item() for one in accuracies),
        high=tuple(one.max().item() for one in accuracies),
    )


def _median_loss(losses: NDArray[np.float64]) -> float | None:
    """Of those that are numbers: a loss that is none was told by the run's status."""
    known = losses[~np.isnan(losses)]
    return median(known) if known.size else None
