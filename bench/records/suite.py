"""A suite: a TOML file of sweeps, read, checked and expanded before anything is started."""

import itertools
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.errors import SuiteError, reason
from bench.records.explain import as_toml, explain, unknown_key
from bench.records.scenario import INT_LIMIT, PositiveInt, Scenario, of_group
from bench.records.toml_text import toml_text

Settings = Mapping[str, Any]
_SWEEP_KEYS = ("name", "matrix", "exclude")
_SUITE_KEYS = ("title", "measure", "sweep")
_BATCH_KEYS = frozenset(of_group("batch"))
_MAX_SCENARIOS = 100_000  # more would take years to run, and minutes to list


INTERVAL_RUNS = 7
"""The fewest runs with the 97 % interval of their median that a precision is told by: even from the least to
the largest of six covers it with 1 - 2 / 2**6 = 96.9 % only (Thompson 1936)."""
MAX_ROUNDS = 20
"""How many rounds there are at most up to a precision, unless said."""
_REPETITION_KEYS = frozenset({"rounds", "precision", "max_rounds"})


class Measure(BaseModel):
    """How the scenarios are measured: the `[measure]` table of a suite.

    Without `precision` there are `rounds` rounds. With it there are at least so many, and each scenario goes
    on until the interval of its median step time in the session lies within ±`precision` (a share of 1) of
    the median, for `max_rounds` at most. That is a 97 % interval, so that 95 % hold after a look at every
    round. With `exclusive` each run has its nodes to itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rounds: PositiveInt = 4
    precision: float | None = None
    max_rounds: PositiveInt | None = None
    timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3600.0
    retries: Annotated[int, Field(ge=0, lt=INT_LIMIT)] = 1
    exclusive: bool = False

    @property
    def least_rounds(self) -> int:
        """Rounds of a scenario whose runs end ok, at least: fewer than seven tell no precision."""
        return self.rounds if self.precision is None else max(self.rounds, INTERVAL_RUNS)

    @property
    def most_rounds(self) -> int:
        """Rounds of any scenario, at most."""
        return self.max_rounds or self.rounds

    @model_validator(mode="before")
    @classmethod
    def _with_a_limit(cls, given: Any) -> Any:  # noqa: ANN401 -- whatever a suite holds
        if given.get("precision") is not None and given.get("max_rounds") is None:
            return {**given, "max_rounds": MAX_ROUNDS}
        return given

    @field_validator("precision", mode="before")
    @classmethod
    def _share(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1:
            return value
        other = "; the precision of arithmetic is a setting of a [[sweep]]" if isinstance(value, str) else ""
        raise ValueError(
            f"precision: must be a share between 0 and 1, such as 0.01 for ±1 %, not {as_toml(value)}{other}"
        )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.max_rounds is None:
            return self
        if self.precision is None:
            raise ValueError(
                "max_rounds: only limits the rounds up to a precision; "
                "add precision = 0.01, say, or drop it and give rounds"
            )
        remedy = f"give {self.least_rounds} or more"
        if self.max_rounds < self.rounds:
            raise ValueError(f"max_rounds: {self.max_rounds} is less than rounds = {self.rounds}; {remedy}")
        if self.max_rounds < INTERVAL_RUNS:
            raise ValueError(
                f"max_rounds: from {self.max_rounds} runs no precision can be told at 97 %; {remedy}"
            )
        return self


@dataclass(frozen=True)
class Point:
    """A scenario and the names it goes by: its sweep's, and what sets it apart within the sweep."""

    sweep: str
    label: str
    scenario: Scenario


@dataclass(frozen=True)
class Suite:
    """A suite with its scenarios expanded, in the order of the file."""

    name: str
    title: str
    measure: Measure
    points: tuple[Point, ...]
    text: str

    def only(self, pattern: str) -> "Suite":
        """The points whose sweep, label, `sweep/label` or scenario id match the glob `pattern`.

        Raises SuiteError where none does, as for an empty pattern.
        """
        kept = tuple(p for p in self.points if _matches(p, pattern))
        if not kept:
            known = ", ".join(dict.fromkeys(p.sweep for p in self.points))
            raise SuiteError(f"{self.name}: --only {pattern!r} matches no scenario; its sweeps are {known}")
        return Suite(self.name, self.title, self.measure, kept, self.text)


def read_suite(
    path: Path,
    overrides: Settings | None = None,
    rounds: int | None = None,
    timeout_seconds: float | None = None,
) -> Suite:
    """Read, check and expand the suite at `path`; `overrides` replace settings (and axes) of every sweep.

    `timeout_seconds` takes the place of that in `[measure]`; `rounds` replaces its whole rule of repetition:
    there are exactly so many, whatever precision it asks for.

    Raises SuiteError, one line with file, sweep, key and remedy.
    """
    text = toml_text(path, SuiteError, "give the path of a suite, such as scenarios/quick.toml")
    name = os.fsencode(path.stem).decode(errors="replace")  # recorded, as UTF-8
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
        why = reason(error).partition(";")[0]
        raise SuiteError(f"{path}: not valid TOML: {why}; mend the file there") from error
    measure = {"rounds": rounds, "timeout_seconds": timeout_seconds}
    given = {key: value for key, value in measure.items() if value is not None}
    return parse_suite(document, str(path), name, text, overrides or {}, given)


def parse_suite(
    document: Settings, where: str, name: str, text: str, overrides: Settings, measure: Settings
) -> Suite:
    """The suite that a parsed TOML `document` describes; `overrides` and `measure` go before what it says.

    Raises SuiteError as `read_suite` does.
    """
    for key in document:
        if key not in _SUITE_KEYS:
            raise SuiteError(f"{where}: {unknown_key(key, _SUITE_KEYS)}")
    sweeps = document.get("sweep")
    if isinstance(sweeps, dict):
        raise SuiteError(f"{where}: sweep: one table is not enough; write [[sweep]], in double brackets")
    if not isinstance(sweeps, list) or not sweeps or not all(isinstance(s, dict) for s in sweeps):
        raise SuiteError(f"{where}: no sweep; add at least one [[sweep]] table")
    measured = _measure(document.get("measure", {}), where, measure)
    points: list[Point] = []
    for number, sweep in enumerate(sweeps, start=1):
        points += _expand(sweep, number, where, overrides, _MAX_SCENARIOS - len(points))
    _refuse_twins(points, where, overrides)
    title = document.get("title", name)
    if not isinstance(title, str):
        raise SuiteError(f"{where}: title: must be a string, not {as_toml(title)}")
    return Suite(name, title, measured, tuple(points), text)


def _measure(table: object, where: str, overrides: Settings) -> Measure:
    if not isinstance(table, dict):
        raise SuiteError(f"{where}: measure: a table is needed; write [measure], in single brackets")
    replaced = _REPETITION_KEYS if "rounds" in overrides else frozenset()
    try:
        return Measure(**{**{k: v for k, v in table.items() if k not in replaced}, **overrides})
    except ValidationError as error:
        raise SuiteError(f"{where}: [measure]: {explain(error, Measure.model_fields)}") from error


def _expand(sweep: Settings, number: int, where: str, overrides: Settings, most: int) -> list[Point]:
    """The points of one `[[sweep]]` table: the product of its axes, less what `exclude` names."""
    name = sweep.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise SuiteError(
            f'{where}: sweep {number}: name: give each sweep a name on one line, such as name = "batch-size"'
        )
    where = f'{where}: sweep "{name}"'
    fixed = {k: v for k, v in sweep.items() if k not in _SWEEP_KEYS}
    axes = _axes(sweep.get("matrix", {}), fixed, where)
    fixed, axes = _override(fixed, axes, overrides)
    excludes = _excludes(sweep.get("exclude", []), where)
    _refuse_too_many(axes, where, most)
    points, left_out = [], set[int]()
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        scenario = _scenario({**fixed, **chosen}, where)
        hits = {i for i, exclude in enumerate(excludes) if _covers(exclude, scenario)}
        left_out |= hits
        if not hits:
            points.append(Point(name, _label(chosen) or name, scenario))
    for i, exclude in enumerate(excludes):
        if i not in left_out and not overrides:
            raise SuiteError(f"{where}: exclude: {as_toml(exclude)} leaves nothing out; mend or drop it")
    if not points:
        raise SuiteError(f"{where}: exclude: leaves no scenario; drop one of its entries")
    return points


def _axes(matrix: object, fixed: Settings, where: str) -> dict[str, list[Any]]:
    if not isinstance(matrix, dict):
        raise SuiteError(f"{where}: matrix: give axes, such as matrix.batch_size = [1, 10, 100]")
    for key, values in matrix.items():
        if key not in Scenario.model_fields:
            raise SuiteError(f"{where}: matrix.{unknown_key(key, Scenario.model_fields)}")
        if not isinstance(values, list) or not values:
            raise SuiteError(
                f"{where}: matrix.{key}: a list of at least one value is needed, not {as_toml(values)}"
            )
        if key == "seed":
            raise SuiteError(
                f"{where}: matrix.seed: a seed makes no new scenario; "
                "raise [measure] rounds to repeat with other seeds"
            )
        if key in fixed:
            raise SuiteError(f"{where}: {key}: set both as a fixed setting and as matrix.{key}; drop one")
    return dict(matrix)


def _override(
    fixed: Settings, axes: Mapping[str, list[Any]], overrides: Settings
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """An override takes the place of a fixed setting or a whole axis; a batch, of either kind of batch."""
    replaced = set(overrides) | (_BATCH_KEYS if _BATCH_KEYS & set(overrides) else set())
    kept = {k: v for k, v in fixed.items() if k not in replaced}
    return {**kept, **overrides}, {k: v for k, v in axes.items() if k not in replaced}


def _excludes(value: object, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(e, dict) and e for e in value):
        raise SuiteError(
            f'{where}: exclude: a list of tables is needed, such as [{{batch_size = 1, loop = "fit"}}]'
        )
    for key in itertools.chain.from_iterable(value):
        if key not in Scenario.model_fields:
            raise SuiteError(f"{where}: exclude: {unknown_key(key, Scenario.model_fields)}")
    return value


def _refuse_too_many(axes: Mapping[str, list[Any]], where: str, most: int) -> None:
    """`most` is what the sweeps before have left of the limit."""
    number = math.prod(len(values) for values in axes.values())
    if number > most:
        others = f" beside {_MAX_SCENARIOS - most:,} others" if most < _MAX_SCENARIOS else ""
        raise SuiteError(
            f"{where}: matrix: {number:,} scenarios{others} are more than {_MAX_SCENARIOS:,}; "
            "give shorter axes"
        )


def _covers(exclude: Settings, scenario: Scenario) -> bool:
    layers = len(scenario.hidden)
    return all(
        _same(_as_list(getattr(scenario, key)), _per_layer(value, layers) if key == "activation" else value)
        for key, value in exclude.items()
    )


def _as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _per_layer(activation: object, layers: int) -> object:
    names = activation if isinstance(activation, list) else [activation]
    return names * layers if len(names) == 1 else names


def _same(value: object, given: object) -> bool:
    return value == given and isinstance(value, bool) == isinstance(given, bool)


def _scenario(settings: Settings, where: str) -> Scenario:
    try:
        return Scenario(**settings)
    except ValidationError as error:
        raise SuiteError(f"{where}: {explain(error, [*_SWEEP_KEYS, *Scenario.model_fields])}") from error


def _label(chosen: Settings) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in chosen.items())


def _value(value: object) -> str:
    """As it is written in a label, which is on one line."""
    text = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if text.isprintable() else as_toml(text)


def _refuse_twins(points: Sequence[Point], where: str, overrides: Settings) -> None:
    seen: dict[str, Point] = {}
    for point in points:
        twin = seen.setdefault(point.scenario.scenario_id, point)
        if twin is not point:
            a, b = f"{twin.sweep}/{twin.label}", f"{point.sweep}/{point.label}"
            remedy = f"override less than {', '.join(overrides)}" if overrides else "drop one"
            raise SuiteError(
                f"{where}: {a} and {b} are the same scenario; {remedy} (rounds repeat a scenario)"
            )


def _matches(point: Point, pattern: str) -> bool:
    names = (point.sweep, point.label, f"{point.sweep}/{point.label}", point.scenario.scenario_id)
    return any(fnmatchcase(name, pattern) for name in names)
