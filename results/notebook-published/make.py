"""Writes the notebook's published figures as a session: `python results/notebook-published/make.py`.

One run per setting on a machine that the notebook does not name. `wall_seconds` is its only time:
compilation, training and validation of the whole fit. What sets a figure apart from a run of bench is in its
flags: `warm-start` (the model had been trained with another batch size before) and `unscaled-test` (the test
images were left at 0 to 255, so test accuracies are lower than they should be). The two learning rates were
also trained once from fresh weights, and these are the figures here.
"""

from dataclasses import dataclass
from pathlib import Path

from bench.records.entries import JournalContent
from bench.records.measurement import Epoch, Measurement
from bench.records.suite import Point, read_suite
from bench.records.tables import Identity, Row, epoch_row, run_row
from bench.records.writing import write_tables

FOLDER = Path(__file__).parent
SUITE = FOLDER.parent.parent / "scenarios" / "notebook-fit.toml"
SESSION = "notebook-published"


@dataclass(frozen=True)
class Published:
    """Percent and seconds, as the notebook prints them."""

    train: float
    val: float
    test: float
    seconds: float
    flags: tuple[str, ...] = ("published", "unscaled-test")


FIGURES = {
    "baseline/baseline": Published(98.95, 97.73, 97.14, 34.0),
    "batch-size/batch_size=10000": Published(76.62, 81.09, 78.98, 7.05),
    "batch-size/batch_size=1": Published(
        96.73, 95.98, 95.79, 502.28, ("published", "unscaled-test", "warm-start")
    ),
    "learning-rate/learning_rate=0.0001": Published(91.91, 93.12, 92.36, 13.06),
    "learning-rate/learning_rate=0.02": Published(95.61, 95.24, 94.09, 12.69),
    "wide-sigmoid/wide-sigmoid": Published(100.00, 98.30, 97.86, 960.17),
}

# The baseline's epochs: seconds, training accuracy and loss, validation accuracy and loss.
BASELINE = (
    (11, 0.9186, 0.2754, 0.9593, 0.1344),
    (9, 0.9673, 0.1076, 0.9697, 0.0963),
    (3, 0.9784, 0.0692, 0.9729, 0.0898),
    (5, 0.9852, 0.0477, 0.9762, 0.0812),
    (6, 0.9895, 0.0340, 0.9773, 0.0884),
)


def content() -> JournalContent:
    """The session's rows."""
    points = {f"{point.sweep}/{point.label}": point for point in read_suite(SUITE).points}
    runs = [
        _run(points[name], order, figures) for order, (name, figures) in enumerate(FIGURES.items(), start=1)
    ]
    baseline = next(row for row in runs if row["sweep"] == "baseline")
    epochs = [_epoch(baseline["run_id"], number) for number in range(1, len(BASELINE) + 1)]
    machine = {"session_id": SESSION, "machine": "unknown", "node": "unknown"}
    return JournalContent({"session_id": SESSION}, runs, epochs, [machine])


def _run(point: Point, order: int, figures: Published) -> Row:
    scenario = point.scenario
    identity = Identity(
        run_id=f"{SESSION}-{scenario.scenario_id}-1",
        session_id=SESSION,
        suite=SESSION,
        sweep=point.sweep,
        scenario_id=scenario.scenario_id,
        label=point.label,
        round=1,
        order=order,
        attempt=1,
        started_at=None,
        machine="unknown",
        node="unknown",
    )
    measured = Measurement(
        status="ok",
        flags=figures.flags,
        wall_seconds=figures.seconds,
        steps=scenario.steps,
        samples=scenario.samples,
        train_accuracy=figures.train / 100,
        val_accuracy=figures.val / 100,
        test_accuracy=figures.test / 100,
    )
    return {**run_row(identity, scenario, scenario.seed, measured), "seed": None}


def _epoch(run_id: str, number: int) -> Row:
    _, accuracy, loss, val_accuracy, val_loss = BASELINE[number - 1]
    elapsed = float(sum(epoch[0] for epoch in BASELINE[:number]))
    epoch = Epoch(number, 500, None, None, elapsed, 1e-3, loss, accuracy, val_loss, val_accuracy, (), ())
    return epoch_row(run_id, epoch)


if __name__ == "__main__":
    write_tables(FOLDER, [content()])
