import pandas as pd
import pytest

from bench.analysis.choosing import by_column, by_conditions, column_named, with_reference, without_value
from bench.analysis.pairing import pair, scenarios
from bench.errors import BenchError
from bench.records.run_table import RunTable
from tests.runs import arrow_table


@pytest.fixture
def runs(scenario_runs):
    frames = [
        scenario_runs([1.0, 2.0], f"{loop}-{precision}", loop=loop, precision=precision)
        for loop in ("fit", "fused")
        for precision in ("mixed_bfloat16", "float32")
    ]
    return arrow_table("runs", pd.concat(frames).to_dict("records"))


def test_each_value_of_a_column_is_a_side_the_default_first(runs):
    sides = by_column(RunTable(runs), [], "loop")
    assert [(side.name, len(side.runs)) for side in sides] == [("fused", 4), ("fit", 4)]
    assert [side.name for side in by_column(RunTable(runs), [], "precision")] == ["float32", "mixed_bfloat16"]
    assert [side.name for side in by_column(RunTable(runs), [], "round")] == ["round=0", "round=1"]


def test_sides_are_paired_by_all_that_they_do_not_differ_in(runs):
    fused, fit = by_column(RunTable(runs), [], "loop")
    found = pair(scenarios(fused.runs), scenarios(fit.runs))
    assert {(a.label, b.label) for a, b in found.pairs} == {
        ("fused-float32", "fit-float32"),
        ("fused-mixed_bfloat16", "fit-mixed_bfloat16"),
    }


def test_conditions_make_sides(runs):
    machines = [{"session_id": "session", "node": "n"}, {"session_id": "other", "node": "m"}]
    conditions = [("--a", "loop == 'fit' and round == 0"), ("--b", "loop == 'fit' and round == 1")]
    a, b = by_conditions(runs, machines, conditions)
    assert (a.name, len(a.runs), len(b.runs)) == ("loop == 'fit' and round == 0", 2, 2)
    assert [row["node"] for row in a.machines] == ["n"]


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--a", "loop == 'none'", "--a .*: holds for no run"),
        ("--b", "lop == 'fit'", "--b .*did you mean loop"),
    ],
)
def test_a_condition_without_runs_or_meaning_names_its_option(runs, option, text, message):
    with pytest.raises(BenchError, match=message):
        by_conditions(runs, [], [(option, text)])


def test_a_column_is_named_in_short_or_the_nearest_is(runs):
    assert column_named("software") == "software_id"
    with pytest.raises(BenchError, match="--by precission: no such column; did you mean precision"):
        column_named("precission")
    with pytest.raises(BenchError, match=r"--by strategy: its runs have one value \(one_device\)"):
        by_column(RunTable(runs), [], "strategy")


@pytest.mark.parametrize("name", ["val_accuracy", "step_seconds", "run_id", "started_at"])
def test_what_was_measured_makes_no_sides(name):
    with pytest.raises(BenchError, match=f"--by {name}: differs from run to run by itself; name what was"):
        column_named(name)
    assert column_named("learning_rate") == "learning_rate"


def test_an_empty_list_has_a_name_and_runs_without_a_value_are_counted(scenario_runs):
    frames = [scenario_runs([1.0], "s", flags=flags) for flags in ([[]], [["contended"]], [None])]
    runs = RunTable(arrow_table("runs", [row for frame in frames for row in frame.to_dict("records")]))
    assert [side.name for side in by_column(runs, [], "flags")] == ["contended", "no flags"]
    assert without_value(runs, "flags") == 1


def test_a_reference_comes_first(runs):
    sides = by_column(RunTable(runs), [], "loop")
    assert [side.name for side in with_reference(sides, "fit")] == ["fit", "fused"]
    with pytest.raises(BenchError, match="not one of the sides; choose one of fused, fit"):
        with_reference(sides, "fti")
