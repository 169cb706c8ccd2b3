"""Each run's step time against its scenario's, in the order of time: what the machine did meanwhile."""

import datetime
from dataclasses import dataclass

import numpy as np

from bench.analysis.statistics import median
from bench.records.run_table import RunRecord, RunTable


@dataclass(frozen=True)
class Standing:
    """A run, and `ratio`: its step time over its scenario's median on its machine in its session."""

    sweep: str
    label: str
    machine: str
    node: str
    round: int
    started_at: datetime.datetime
    ratio: float
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Standings:
    """The last runs that have something to stand against, in the order in which they began.

    `left_out` is how many earlier ones there are.
    """

    runs: tuple[Standing, ...]
    left_out: int


def standings(runs: RunTable, most: int) -> Standings:
    """Of the ok runs of scenarios that have several; `most` at most.

    Those that say no time are left out.
    """
    steps, began = runs.numbers("step_seconds"), runs.numbers("started_at")
    timed = runs.is_ok() & steps.known & began.known & (steps.values != 0)
    groups = runs.groups(
        "session_id", "scenario_id", "machine", "machine_id", "software_id", rows=runs.rows[timed]
    )
    groups = [rows for rows in groups if len(rows) > 1]
    if not groups:
        return Standings((), 0)
    ratios = np.concatenate([steps.values[rows] / median(steps.values[rows]) for rows in groups])
    rows = np.concatenate(groups)
    last = np.argsort(began.values[rows], kind="stable")[-most:]
    shown = zip(runs.records(rows[last]), ratios[last].tolist(), strict=True)
    return Standings(tuple(_standing(run, ratio) for run, ratio in shown), len(rows) - len(last))


def _standing(run: RunRecord, ratio: float) -> Standing:
    assert run.started_at is not None
    return Standing(
        sweep=run.sweep,
        label=run.label,
        machine=run.machine or "",
        node=run.node or "",
        round=run.round,
        started_at=run.started_at,
        ratio=ratio,
        flags=run.flags,
    )
