"""How figures change along an axis of a sweep: one line for each value of all that varies beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.origin import Origin
from bench.analysis.settings import NAMES, scenario_settings, setting_text, varied
from bench.analysis.summary import ScenarioSummary
from bench.records.run_table import RunTable

FEWEST = 3
"""Two values make a pair, not a trend."""


@dataclass(frozen=True)
class Line:
    """Scenarios of one origin that differ in the axis alone: its value and the summary, upwards.

    `name` says in which settings they differ from those of the other lines, such as "loop=fit"; it is empty
    where they do in none.
    """

    name: str
    origin: Origin
    points: tuple[tuple[float, ScenarioSummary], ...]


@dataclass(frozen=True)
class Trend:
    """A sweep along `axis`, the name of a setting whose values are numbers.

    Of "hidden" they are the units of each layer, where all layers of a net have as many.
    """

    suite: str
    sweep: str
    axis: str
    lines: tuple[Line, ...]


def trends(summaries: Iterable[ScenarioSummary], runs: RunTable) -> list[Trend]:
    """A trend for each sweep of `summaries` that has an axis of three or more numbers, the longest of them.

    Takes the `runs` that were summed up, for their settings.
    """
    known = scenario_settings(runs, runs.rows)
    settings = {scenario_id: _with_layers(its) for scenario_id, its in known.items()}
    sweeps: dict[tuple[str, str], list[ScenarioSummary]] = {}
    for summary in summaries:
        sweeps.setdefault((summary.suite, summary.sweep), []).append(summary)
    found = (_trend(suite, sweep, members, settings) for (suite, sweep), members in sweeps.items())
    return [trend for trend in found if trend]


def _with_layers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """With one value for all layers in place of a list of equal ones, and the number of layers beside it."""
    layers: dict[str, Sequence[Any]] = {name: settings[name] or () for name in ("hidden", "activation")}
    alike = {name: values[0] for name, values in layers.items() if len(set(values)) == 1}
    return {**settings, **alike, "layers": len(layers["hidden"])}


def _trend(
    suite: str, sweep: str, members: Sequence[ScenarioSummary], settings: Mapping[str, dict[str, Any]]
) -> Trend | None:
    rows = [settings[summary.scenario_id] for summary in members]
    different = varied(rows, (*NAMES, "layers"))
    numbers = {name: _numbers(rows, name) for name in different}
    axis = max(numbers, key=lambda name: len(numbers[name]), default=None)
    if axis is None or len(numbers[axis]) < FEWEST:
        return None
    others = [name for name in different if name != axis]
    lines: dict[tuple[str, Origin], list[tuple[float, ScenarioSummary]]] = {}
    for summary, row in zip(members, rows, strict=True):
        name = " ".join(_part(name, row.get(name)) for name in others)
        lines.setdefault((name, summary.origin), []).append((row[axis], summary))
    upwards = (Line(*key, tuple(sorted(points, key=lambda point: point[0]))) for key, points in lines.items())
    return Trend(suite, sweep, axis, tuple(upwards))


def _part(name: str, value: object) -> str:
    return f"{name} unset" if value is None else f"{name}={setting_text(value)}"


def _numbers(rows: Iterable[Mapping[str, Any]], name: str) -> set[float]:
    """The values of a setting; none where one of them is no number."""
    values = [row.get(name) for row in rows]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return set()
    return {float(value) for value in values if isinstance(value, int | float)}
