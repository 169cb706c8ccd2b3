import pandas as pd
import pytest

from bench.analysis.contrasts import MOST_MACHINES, contrasts
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
    (contrast,) = contrasts(run_table(runs(scenario_runs)))
    found = contrast.comparison
    assert (found.a, found.b, found.basis.unit) == ("fused", "fit", "run")
    assert [one.verdict for one in found.scenarios] == ["slower", "slower"]


def test_several_sessions_and_settings_of_one_value_say_nothing(scenario_runs):
    both = runs(scenario_runs)
    assert contrasts(run_table(pd.concat([both, runs(scenario_runs, session_id="other")]))) == []
    assert contrasts(run_table(both[both["loop"] == "fit"])) == []


def test_an_axis_of_workload_is_no_contrast(scenario_runs):
    table = pd.concat([scenario_runs(STEADY, f"s{n}", batch_size=n) for n in (10, 100)])
    assert contrasts(run_table(table)) == []


def test_machines_are_never_mixed(scenario_runs):
    fast = runs(scenario_runs, machine_id="aaaa", machine="A CPU")
    slow = runs(scenario_runs, machine_id="bbbb", machine="A CPU")
    slow = slow.assign(step_seconds=1.3 * slow["step_seconds"], run_id="slow-" + slow["run_id"])
    found = contrasts(run_table(pd.concat([fast, slow])))
    assert [one.origin.machine_id for one in found] == ["aaaa", "bbbb"]
    assert all(one.comparison.overall[0].ratio == pytest.approx(2) for one in found)
    apart = pd.concat([fast[fast["loop"] == "fused"], slow[slow["loop"] == "fit"]])
    assert contrasts(run_table(apart)) == []


def test_a_setting_that_ran_on_nodes_of_its_own_is_not_told_from_them(scenario_runs):
    both = runs(scenario_runs, machine_id="aaaa", machine="A CPU", node="one")
    assert len(contrasts(run_table(both))) == 1
    assert contrasts(run_table(both.assign(node=both["loop"]))) == []


def test_more_machines_than_can_be_told_in_sentences_have_none(scenario_runs):
    table = pd.concat(
        [runs(scenario_runs, machine_id=f"{number}", machine="A CPU") for number in range(MOST_MACHINES + 1)]
    )
    table["run_id"] = [f"run-{number}" for number in range(len(table))]
    assert contrasts(run_table(table)) == []
    assert len(contrasts(run_table(table[table["machine_id"] != "0"]))) == MOST_MACHINES


def test_what_failed_on_one_side_everywhere_makes_no_sentence(scenario_runs):
    table = runs(scenario_runs)
    table.loc[table["loop"] == "fit", ["status", "step_seconds"]] = ["failed", None]
    assert contrasts(run_table(table)) == []
