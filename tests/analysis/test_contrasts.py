import pandas as pd

from bench.analysis.contrasts import contrasts
from tests.runs import run_table

STEADY = [1.000, 1.001, 1.002, 1.003]


def runs(scenario_runs, **changes):
    """Two batch sizes, each with `fit` in twice the time of `fused`."""
    return pd.concat(
        [
            scenario_runs([factor * time for time in STEADY], f"{loop}-{batch}", loop=loop, batch_size=batch)
            for loop, factor in (("fit", 2), ("fused", 1))
            for batch in (10, 100)
        ]
    ).assign(**changes)


def test_a_setting_with_several_values_is_held_against_its_default(scenario_runs):
    (found,) = contrasts(run_table(runs(scenario_runs)))
    assert (found.a, found.b, found.basis.unit) == ("fused", "fit", "run")
    assert [one.verdict for one in found.scenarios] == ["slower", "slower"]


def test_several_sessions_and_settings_of_one_value_say_nothing(scenario_runs):
    both = runs(scenario_runs)
    assert contrasts(run_table(pd.concat([both, runs(scenario_runs, session_id="other")]))) == []
    assert contrasts(run_table(both[both["loop"] == "fit"])) == []


def test_an_axis_of_workload_is_no_contrast(scenario_runs):
    table = pd.concat([scenario_runs(STEADY, f"s{n}", batch_size=n) for n in (10, 100)])
    assert contrasts(run_table(table)) == []
