"""What a suite will take, before it is run: counts that follow from its settings, and earlier times."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.statistics import median
from bench.records.net import model_flops_per_step, parameter_count
from bench.records.run_table import RunTable
from bench.records.scenario import Loop, Scenario
from bench.records.suite import Measure, Point

FLOPS_PER_SECOND = 1e11
STEP_SECONDS: dict[Loop, float] = {"fused": 5e-5, "fit": 5e-4}
GROUP_STEP_SECONDS = 5e-3
RUN_SECONDS = 1.0
OVERHEAD = ("build_seconds", "stage_seconds", "warmup_seconds")
WITHOUT_WALL = ("compile_seconds", "train_seconds", "eval_seconds")
RUN_COLUMNS = ("scenario_id", "node", "status", "compile_cached", "wall_seconds", *WITHOUT_WALL, *OVERHEAD)
"""Of `runs`, all that is read here."""


@dataclass(frozen=True)
class PlannedScenario:
    """One scenario of a suite: what one run of it takes. `seconds` is None where unknown."""

    sweep: str
    label: str
    scenario: Scenario
    parameters: int
    steps: int
    flops: int
    seconds: float | None


@dataclass(frozen=True)
class Span:
    """What is spent in the least number of rounds, and in the most."""

    least: float
    most: float


@dataclass(frozen=True)
class Forecast:
    """A suite's scenarios, and totals over all rounds of so many `sessions`.

    `seconds` leaves out scenarios without a time.
    """

    scenarios: tuple[PlannedScenario, ...]
    measure: Measure
    sessions: int = 1

    @property
    def runs(self) -> Span:
        """Runs of all sessions."""
        return self._total(len(self.scenarios))

    @property
    def flops(self) -> Span:
        """Floating-point operations of all runs' training steps."""
        return self._total(sum(planned.flops for planned in self.scenarios))

    @property
    def seconds(self) -> Span:
        """Time of the runs whose time is known, one after the other."""
        return self._total(sum(planned.seconds or 0.0 for planned in self.scenarios))

    @property
    def timed(self) -> int:
        """How many scenarios have a time."""
        return sum(planned.seconds is not None for planned in self.scenarios)

    def _total(self, per_round: float) -> Span:
        of_all = self.sessions * per_round
        return Span(self.measure.least_rounds * of_all, self.measure.most_rounds * of_all)


def forecast(
    points: Sequence[Point], measure: Measure, earlier: Mapping[str, float], sessions: int = 1
) -> Forecast:
    """`earlier` gives the seconds of one run by scenario id, as `earlier_seconds` does."""
    return Forecast(tuple(_planned(point, earlier) for point in points), measure, sessions)


def earlier_seconds(runs: RunTable, node: str | None) -> dict[str, float]:
    """Median seconds of a whole run, harness included, by scenario id: of ok runs on `node`, or on any.

    Those that did not compile have no `wall_seconds`, but count: of a session's rounds they are all but one.
    """
    wall, cached = runs.numbers("wall_seconds"), runs.codes("compile_cached").among([True])
    fit = np.where(cached, _sum(runs, WITHOUT_WALL), wall.values)
    whole = fit + _sum(runs, OVERHEAD)
    timed = runs.is_ok() & (wall.known | cached)
    if node is not None:
        timed &= runs.codes("node").among([node])
    groups = runs.groups("scenario_id", rows=runs.rows[timed])
    scenario_ids = runs.codes("scenario_id")
    return {scenario_ids[rows[0]]: median(whole[rows]) for rows in groups}


def _sum(runs: RunTable, names: Iterable[str]) -> NDArray[np.float64]:
    """The columns of each run together, what is missing as nothing."""
    total = np.zeros(len(runs))
    for name in names:
        column = runs.numbers(name)
        total = total + np.where(column.known, column.values, 0.0)
    return total


def expected_seconds(points: Iterable[Point], earlier: Mapping[str, float]) -> dict[str, float]:
    """Seconds of one run by scenario id: what it took earlier, else a guess from its FLOPs and its steps.

    The guess is good for an order only. It is scaled to those earlier times that there are.
    """
    guessed = {p.scenario.scenario_id: _guess(p.scenario) for p in points}
    known = {i: earlier[i] for i in guessed if i in earlier}
    scale = median([known[i] / guessed[i] for i in known]) if known else 1.0
    return {i: scale * seconds for i, seconds in guessed.items()} | known


def _guess(scenario: Scenario) -> float:
    """On a small machine: 10^11 FLOP/s shared by the workers, and what a step and an epoch cost besides."""
    flops = model_flops_per_step(scenario.widths, 1) * scenario.samples
    aside = STEP_SECONDS[scenario.loop] if scenario.replicas == 1 else GROUP_STEP_SECONDS
    return flops / (FLOPS_PER_SECOND * scenario.workers) + scenario.steps * aside + RUN_SECONDS


def _planned(point: Point, earlier: Mapping[str, float]) -> PlannedScenario:
    scenario = point.scenario
    per_sample = model_flops_per_step(scenario.widths, 1)
    return PlannedScenario(
        sweep=point.sweep,
        label=point.label,
        scenario=scenario,
        parameters=parameter_count(scenario.widths),
        steps=scenario.steps,
        flops=per_sample * scenario.samples,
        seconds=earlier.get(scenario.scenario_id),
    )
