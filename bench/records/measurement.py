"""What a run measured: the part of its row that the process that trained fills in."""

from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal[
    "ok", "diverged", "oom_device", "oom_host", "timeout", "lost", "failed", "infeasible", "cancelled"
]
STATUSES: tuple[Status, ...] = get_args(Status)
Flag = Literal["unstable", "throttled", "contended", "retraced", "not-learning", "retried", "published"]


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run: a row of the `epochs` table, less the run's id. Accuracies are 0 to 1.

    `elapsed_seconds` runs from the first touch of the data to the end of the epoch's validation.
    Training scores are means over the epoch's batches as they passed, as Keras gives them.
    """

    epoch: int
    steps: int
    train_seconds: float | None
    eval_seconds: float | None
    elapsed_seconds: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    window_seconds: tuple[float, ...]
    window_steps: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """What came of a run; None where it did not get so far. Seconds, bytes, joules; accuracies 0 to 1.

    `train_seconds` holds training steps alone, `eval_seconds` the validations between them. `wall_seconds`
    is what the notebook measured: compilation, training and validation. `target_seconds` runs from the
    first touch of the data to the end of the first validation at or past the target.
    """

    status: Status
    error: str | None = None
    flags: tuple[str, ...] = ()
    device_name: str | None = None
    import_seconds: float | None = None
    build_seconds: float | None = None
    stage_seconds: float | None = None
    compile_seconds: float | None = None
    warmup_seconds: float | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    wall_seconds: float | None = None
    target_seconds: float | None = None
    target_epoch: int | None = None
    steps: int | None = None
    samples: int | None = None
    step_seconds: float | None = None
    step_seconds_mad: float | None = None
    samples_per_second: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    best_val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    flops_per_second: float | None = None
    limit_seconds: float | None = None
    limit_fraction: float | None = None
    bound_by: str | None = None
    peak_host_bytes: int | None = None
    peak_device_bytes: int | None = None
    energy_joules: float | None = None
    others_cpu_fraction: float | None = None
    threads: int | None = None
    affinity: tuple[int, ...] | None = None
    niceness: int | None = None
