"""The settings of scenarios, as far as they tell some of them apart."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bench.records.run_table import Rows, RunTable
from bench.records.scenario import of_role

NAMES = of_role("workload", "execution", "goal")
"""All but the seed, which makes no scenario another."""


def hashable(value: object) -> object:
    """A setting's value as a tuple where it is a list, as rows of a table have it."""
    return tuple(value) if isinstance(value, list) else value


def setting_text(value: object) -> str:
    """A value in the notation of a scenario's label: "50-50" for two layers."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def varied(rows: Iterable[Mapping[str, Any]], names: Iterable[str] = NAMES) -> list[str]:
    """Which of the settings `names` not all of `rows` share."""
    rows = list(rows)
    return [name for name in names if len({hashable(row.get(name)) for row in rows}) > 1]


def scenario_settings(runs: RunTable, rows: Rows) -> dict[str, dict[str, Any]]:
    """The settings of each scenario by its id, as the last of its `rows` has them; lists as tuples."""
    scenarios = runs.codes("scenario_id")
    last = np.full(len(scenarios.values), -1, np.intp)
    last[scenarios.indices[rows]] = rows
    there = {scenarios.values[index]: row for index, row in enumerate(last.tolist()) if row >= 0}
    return {
        scenario_id: {name: runs.value(name, row) for name in NAMES} for scenario_id, row in there.items()
    }
