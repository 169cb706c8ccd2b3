"""How accurate a scenario is as its training goes on, over the rounds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.analysis.statistics import median
from bench.records.tables import Row

EPOCH_COLUMNS = ("run_id", "epoch", "elapsed_seconds", "val_accuracy", "val_loss")
"""Of `epochs`, all that is read here."""


@dataclass(frozen=True)
class Curve:
    """Validation after each epoch of a scenario's ok runs on one machine; accuracies 0 to 1.

    `elapsed_seconds`, `val_accuracy` and `val_loss` are medians over `runs` runs, from the first touch of
    the data to the end of the epoch's validation; `low` to `high` is from the worst accuracy to the best.
    """

    suite: str
    sweep: str
    label: str
    machine: str
    target_accuracy: float | None
    runs: int
    epochs: tuple[int, ...]
    elapsed_seconds: tuple[float, ...]
    val_accuracy: tuple[float, ...]
    val_loss: tuple[float | None, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves(runs: Iterable[Row], epochs: Iterable[Row]) -> list[Curve]:
    """A curve for each scenario and machine, as they first come up; of rows of `runs` and `epochs`.

    Where runs of a scenario differ in how many epochs they had, the shortest says how long the curve is.
    """
    of_run: dict[str, dict[int, Row]] = {}
    for epoch in epochs:
        if epoch["val_accuracy"] is not None and epoch["elapsed_seconds"] is not None:
            of_run.setdefault(epoch["run_id"], {})[epoch["epoch"]] = epoch
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in {row["run_id"]: row for row in runs}.values():
        if row["status"] == "ok" and row["run_id"] in of_run:
            key = (row["suite"], row["sweep"], row["scenario_id"], row["machine"] or "")
            groups.setdefault(key, []).append(row)
    found = (_curve(rows, [of_run[row["run_id"]] for row in rows]) for rows in groups.values())
    return [curve for curve in found if curve.epochs]


def _curve(rows: Sequence[Row], epochs: Sequence[dict[int, Row]]) -> Curve:
    first = rows[0]
    shared = sorted(set.intersection(*(set(found) for found in epochs)))
    every = [[found[number] for found in epochs] for number in shared]
    accuracies = [[one["val_accuracy"] for one in at] for at in every]
    return Curve(
        suite=first["suite"],
        sweep=first["sweep"],
        label=first["label"],
        machine=first["machine"] or "",
        target_accuracy=first.get("target_accuracy"),
        runs=len(rows),
        epochs=tuple(shared),
        elapsed_seconds=tuple(median([one["elapsed_seconds"] for one in at]) for at in every),
        val_accuracy=tuple(map(median, accuracies)),
        val_loss=tuple(_median_loss(at) for at in every),
        low=tuple(map(min, accuracies)),
        high=tuple(map(max, accuracies)),
    )


def _median_loss(epochs: Iterable[Row]) -> float | None:
    """Of those that are numbers: a loss that is none was told by the run's status."""
    losses = (epoch["val_loss"] for epoch in epochs)
    known = [loss for loss in losses if loss is not None and not math.isnan(loss)]
    return median(known) if known else None
