import itertools

import pandas as pd
import pytest

from bench.records.scenario import Scenario

SETTINGS = Scenario(hidden=[50, 50], batch_size=100).model_dump(mode="json", exclude={"seed"})


@pytest.fixture
def scenario_runs():
    """Rows of `runs`: one per time, with the usual settings but for those given."""

    numbers = itertools.count()

    def rows(step_seconds, scenario_id="s1", **changes):
        count = len(step_seconds)
        lists = {key: value for key, value in changes.items() if key in {"status", "flags", "wall_seconds"}}
        fixed = {key: value for key, value in changes.items() if key not in lists}
        return pd.DataFrame(
            [
                {
                    "run_id": f"run-{next(numbers)}",
                    "session_id": "session",
                    "scenario_id": scenario_id,
                    "label": scenario_id,
                    "round": number,
                    "status": "ok",
                    "flags": [],
                    **SETTINGS,
                    "dataset_sha256": "ab",
                    "step_seconds": step_seconds[number],
                    "val_accuracy": 0.97,
                    **fixed,
                    **{key: values[number] for key, values in lists.items()},
                }
                for number in range(count)
            ]
        )

    return rows


@pytest.fixture
def no_machines():
    return []
