"""The surface of batch size and learning rate: where training reaches its target, and how soon."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.analysis.origin import Origin
from bench.analysis.settings import NAMES, scenario_settings, setting_text
from bench.analysis.summary import ScenarioSummary
from bench.records.run_table import Rows, RunTable
from bench.records.scenario import of_group

Outcome = Literal["reached", "partly", "missed", "not-learning", "diverged", "out-of-memory", "failed"]

_AXES = (*of_group("batch"), "learning_rate")
_OTHERS = tuple(name for name in NAMES if name not in _AXES)
RUN_COLUMNS = ("run_id", "scenario_id", *NAMES)
"""Of `runs`, all that is read here."""
_FAILURES: Mapping[str, Outcome] = {
    "diverged": "diverged",
    "oom_device": "out-of-memory",
    "oom_host": "out-of-memory",
}


@dataclass(frozen=True)
class Cell:
    """What came of one batch size at one learning rate, over the rounds.

    `target_seconds` is the median over all `runs`, those that missed the target as infinite.
    `best_val_accuracy` (0 to 1) is the median over those that ended ok, None where none did. The outcome is
    "reached" where every run got there and "partly" where some did; where none did, it is what most came
    to: "missed" (at chance all the while: "not-learning"), or a failure, which goes first where as many
    missed.
    """

    outcome: Outcome
    runs: int
    reached: int
    target_seconds: float
    best_val_accuracy: float | None


@dataclass(frozen=True)
class Surface:
    """The cells of a sweep in one session on one machine: batches down, learning rates across, both upwards.

    A cell is None where that scenario was not run. `label` names the other settings in which this surface
    differs from others of its sweep, such as "loop=fit".
    """

    suite: str
    sweep: str
    label: str
    origin: Origin
    target_accuracy: float
    batches: tuple[int, ...]
    learning_rates: tuple[float, ...]
    cells: tuple[tuple[Cell | None, ...], ...]

    @property
    def fastest(self) -> Cell | None:
        """The cell with the shortest median time; None where no median is finite."""
        timed = [cell for row in self.cells for cell in row if cell and math.isfinite(cell.target_seconds)]
        return min(timed, key=lambda cell: cell.target_seconds, default=None)


@dataclass(frozen=True)
class _Key:
    """What the scenarios of one surface share."""

    suite: str
    sweep: str
    origin: Origin
    settings: tuple[tuple[str, Any], ...]


def surfaces(summaries: Iterable[ScenarioSummary], runs: RunTable) -> list[Surface]:
    """A surface per sweep and origin of `summaries` where both axes vary and there is a target.

    Takes the `runs` that were summed up, for their settings. Scenarios that differ in anything but the two
    axes lie on surfaces of their own.
    """
    of_scenario = scenario_settings(runs, _with_place(runs))
    groups: dict[_Key, dict[tuple[int, float], Cell]] = {}
    for summary in summaries:
        if settings := of_scenario.get(summary.scenario_id):
            key = _Key(summary.suite, summary.sweep, summary.origin, _other_settings(settings))
            place = _global_batch(settings), settings["learning_rate"]
            groups.setdefault(key, {})[place] = _cell(summary)
    kept = {key: cells for key, cells in groups.items() if _varies(cells)}
    return [_surface(key, cells, _label(key, kept)) for key, cells in kept.items()]


def _surface(key: _Key, cells: Mapping[tuple[int, float], Cell], label: str) -> Surface:
    batches, rates = (tuple(sorted(set(axis))) for axis in zip(*cells, strict=True))
    return Surface(
        suite=key.suite,
        sweep=key.sweep,
        label=label,
        origin=key.origin,
        target_accuracy=dict(key.settings)["target_accuracy"],
        batches=batches,
        learning_rates=rates,
        cells=tuple(tuple(cells.get((batch, rate)) for rate in rates) for batch in batches),
    )


def _varies(cells: Iterable[tuple[int, float]]) -> bool:
    return all(len(set(axis)) > 1 for axis in zip(*cells, strict=True))


def _cell(summary: ScenarioSummary) -> Cell:
    seconds = summary.target_seconds
    return Cell(
        outcome=_outcome(summary),
        runs=summary.target_runs,
        reached=summary.target_reached,
        target_seconds=math.inf if seconds is None else seconds,
        best_val_accuracy=summary.best_val_accuracy,
    )


def _outcome(summary: ScenarioSummary) -> Outcome:
    if summary.target_reached:
        return "reached" if summary.target_reached == summary.target_runs else "partly"
    if summary.failures:
        status, count = summary.failures[0]
        if count >= summary.ok:
            return _FAILURES.get(status, "failed")
    return "not-learning" if dict(summary.flags).get("not-learning", 0) >= summary.ok else "missed"


def _with_place(runs: RunTable) -> Rows:
    """Of which all is known that says where its scenario lies on which surface; it may not be, in a copy."""
    target, rate, batch, per_replica = (
        runs.codes(name).indices >= 0
        for name in ("target_accuracy", "learning_rate", "batch_size", "batch_per_replica")
    )
    return runs.rows[target & rate & (batch | per_replica)]


def _global_batch(settings: Mapping[str, Any]) -> int:
    """Training samples per step over all replicas."""
    replicas = (settings["workers"] or 1) * (settings["devices"] or 1)
    return int(settings["batch_size"] or settings["batch_per_replica"] * replicas)


def _other_settings(settings: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """All settings but the axes; which kind of batch was given is one of them."""
    batch = "global" if settings["batch_size"] else "per-replica"
    return (("batch", batch), *((name, settings[name]) for name in _OTHERS))


def _label(key: _Key, all_keys: Iterable[_Key]) -> str:
    """The settings that not all surfaces of the sweep share, in the notation of a scenario's label."""
    family = [other for other in all_keys if (other.suite, other.sweep) == (key.suite, key.sweep)]
    seen = [set(pairs) for pairs in zip(*(other.settings for other in family), strict=True)]
    varied = [pair for pair, values in zip(key.settings, seen, strict=True) if len(values) > 1]
    return " ".join(f"{name}={setting_text(value)}" for name, value in varied if name != "target_accuracy")
