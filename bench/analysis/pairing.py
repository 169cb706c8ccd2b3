"""Which scenario of one side stands against which of the other."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from bench.records.run_table import Rows, RunTable, grouped
from bench.records.scenario import of_group, of_role

WORK = tuple(name for name in of_role("workload") if name not in of_group("batch"))
"""The settings that, with the global batch, decide what is computed."""
MANNER = of_role("execution", "goal")
"""The settings that decide only how it is computed, or when the clock stops."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """One scenario's runs on one side; `settings` holds `WORK` and `MANNER` as plain values, None if unknown.

    `global_batch` is in samples per step over all replicas, None if unknown.
    """

    scenario_id: str | None
    label: str
    settings: Mapping[str, Any]
    global_batch: int | None
    runs: RunTable

    @property
    def work(self) -> Hashable:
        """What is computed, as a key; None where too little is known to tell."""
        settings = tuple(self.settings[name] for name in WORK)
        known = None not in (self.settings["dataset"], self.settings["hidden"], self.global_batch)
        return (*settings, self.global_batch) if known else None

    @property
    def work_per_replica(self) -> Hashable:
        """The same for weak scaling, where each replica's batch is set and the global one follows."""
        per_replica = self.settings["batch_per_replica"]
        return None if per_replica is None else (*(self.settings[name] for name in WORK), per_replica)


@dataclass(frozen=True)
class Pairing:
    """Scenarios side by side, in A's order, and those that found no partner."""

    pairs: tuple[tuple[Scenario, Scenario], ...]
    only_a: tuple[Scenario, ...]
    only_b: tuple[Scenario, ...]


def scenarios(runs: RunTable) -> tuple[Scenario, ...]:
    """The scenarios of `runs` in order of appearance, whatever columns it lacks.

    Runs with no `scenario_id` are grouped by their settings.
    """
    known = runs.codes("scenario_id").indices >= 0
    groups = runs.groups("scenario_id", rows=runs.rows[known])
    groups += _of_equal_settings(runs, runs.rows[~known])
    return tuple(_scenario(runs, rows) for rows in sorted(groups, key=lambda rows: int(rows[0])))


def _of_equal_settings(runs: RunTable, rows: Rows) -> list[Rows]:
    alike: dict[Hashable, list[Rows]] = {}
    for group in grouped([runs.codes(name) for name in (*WORK, *MANNER)], rows):
        alike.setdefault(tuple(_settings(_first(runs, group)).values()), []).append(group)
    return [np.sort(np.concatenate(groups)) for groups in alike.values()]


def pair(side_a: Iterable[Scenario], side_b: Iterable[Scenario]) -> Pairing:
    """Pairs by equal `scenario_id`, by work and all else but what the sides differ in, by work alone.

    What the sides differ in are the settings of which they have no value in common: the loop where one side
    is `fit` and the other `fused`. Last come pairs by equal work per replica. All but the first only where
    exactly one candidate is left on each side: two would be a guess.
    """
    left_a, left_b = list(side_a), list(side_b)
    found: dict[int, tuple[Scenario, Scenario]] = {}
    order = {id(scenario): position for position, scenario in enumerate(left_a)}
    shared = _shared(left_a, left_b)
    keys: tuple[Callable[[Scenario], Hashable], ...] = (
        lambda scenario: scenario.scenario_id,
        lambda scenario: scenario.work and (scenario.work, *(scenario.settings[name] for name in shared)),
        lambda scenario: scenario.work,
        lambda scenario: scenario.work_per_replica,
    )
    for key in keys:
        matches = _matches(left_a, left_b, key)
        found |= {order[id(a)]: (a, b) for a, b in matches}
        gone = {id(scenario) for of in matches for scenario in of}
        left_a, left_b = ([one for one in left if id(one) not in gone] for left in (left_a, left_b))
    return Pairing(tuple(found[position] for position in sorted(found)), tuple(left_a), tuple(left_b))


def _shared(side_a: Iterable[Scenario], side_b: Iterable[Scenario]) -> tuple[str, ...]:
    """The settings of which some value is on both sides."""
    values = [{name: {one.settings[name] for one in side} for name in MANNER} for side in (side_a, side_b)]
    return tuple(name for name in MANNER if values[0][name] & values[1][name])


def unlike(side_a: Iterable[Scenario], side_b: Iterable[Scenario]) -> tuple[str, ...]:
    """What decides what is computed, and has no value that is on both sides: why none of them are paired.

    Names of settings, `batch_size` that of the global batch. Those that a side tells nothing of are left out.
    """
    sides = [[{**one.settings, "batch_size": one.global_batch} for one in side] for side in (side_a, side_b)]
    values = {name: [{one[name] for one in side} for side in sides] for name in ("batch_size", *WORK)}
    return tuple(name for name, (a, b) in values.items() if a and b and not a & b and None not in a | b)


def plain(value: Any) -> Any:  # noqa: ANN401 -- a cell of a table holds anything
    """A cell as a hashable value: lists as tuples, NaN as None, a float that is a whole number as one."""
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, dict):
        return tuple((name, plain(item)) for name, item in value.items())
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _matches(
    left_a: list[Scenario], left_b: list[Scenario], key: Callable[[Scenario], Hashable]
) -> list[tuple[Scenario, Scenario]]:
    sides: list[dict[Hashable, list[Scenario]]] = [{}, {}]
    for groups, side in zip(sides, (left_a, left_b), strict=True):
        for scenario in side:
            groups.setdefault(key(scenario), []).append(scenario)
    candidates = ((key, a, sides[1].get(key, [])) for key, a in sides[0].items() if key is not None)
    return [(a[0], b[0]) for _, a, b in candidates if len(a) == len(b) == 1]


def _scenario(runs: RunTable, rows: Rows) -> Scenario:
    first = _first(runs, rows)
    settings, scenario_id = _settings(first), first["scenario_id"]
    return Scenario(
        scenario_id=scenario_id,
        label=first["label"] or _described(settings, first) or scenario_id or "unnamed",
        settings=MappingProxyType(settings),
        global_batch=_global_batch(first, settings),
        runs=runs.take(rows),
    )


def _first(runs: RunTable, rows: Rows) -> dict[str, Any]:
    """What tells a scenario, of the first of `rows`."""
    names = ("scenario_id", "label", "batch_size", *WORK, *MANNER)
    return {name: plain(runs.codes(name)[rows[0]]) for name in names}


def _settings(row: Mapping[Any, Any]) -> dict[str, Any]:
    found = {name: plain(row.get(name)) for name in (*WORK, *MANNER)}
    hidden, activation = found["hidden"], found["activation"]
    names = (activation,) if isinstance(activation, str) else activation
    if isinstance(hidden, tuple) and isinstance(names, tuple) and len(names) == 1:
        names = names * len(hidden)
    return {**found, "activation": names}


def _global_batch(row: Mapping[Any, Any], settings: Mapping[str, Any]) -> int | None:
    whole, per_replica = plain(row.get("batch_size")), settings["batch_per_replica"]
    if whole is not None:
        return int(whole)
    if per_replica is None:
        return None
    return int(per_replica) * int(settings["workers"] or 1) * int(settings["devices"] or 1)


def _described(settings: Mapping[str, Any], row: Mapping[Any, Any]) -> str:
    """A name for a scenario whose table gives none: "mnist 50-50 batch 100 fused"."""
    hidden = settings["hidden"]
    net = "-".join(str(width) for width in hidden) if isinstance(hidden, tuple) else None
    batch = _global_batch(row, settings)
    parts = (settings["dataset"], net, f"batch {batch}" if batch else None, settings["loop"])
    return " ".join(str(part) for part in parts if part)
