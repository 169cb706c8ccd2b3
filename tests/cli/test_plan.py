import platform

import pytest

from bench.cli.options import parse_overrides
from bench.errors import BenchError


@pytest.mark.parametrize(
    ("suite", "scenarios_", "rounds", "labels"),
    [
        ("batch-sizes", 13, 4, ["batch_size=1", "batch_size=10000"]),
        ("learning-rates", 11, 4, ["learning_rate=1e-05", "learning_rate=1.0"]),
        ("notebook", 6, 4, ["baseline", "batch_size=10000", "learning_rate=0.02", "wide-sigmoid"]),
        ("notebook-fit", 6, 4, ["baseline", "batch_size=1", "learning_rate=0.0001", "wide-sigmoid"]),
        ("quick", 7, 4, ["batch_size=100 loop=fit", "batch_size=10000 loop=fused", "wide-sigmoid"]),
        ("scaling", 13, 4, ["one-device", "devices=8", "workers=2"]),
        ("strategies", 5, 4, ["one_device", "multi_worker_mirrored"]),
        ("surface", 63, 2, ["batch_size=10 learning_rate=0.0001", "batch_size=10000 learning_rate=1.0"]),
        ("target-98.5", 2, 10, ["time-to-98.5", "time-to-98.5, wider"]),
        ("target-99", 2, 5, ["time-to-99", "time-to-99, deeper"]),
        ("wide-sigmoid", 7, 4, ["hidden=128-128", "hidden=8192-8192"]),
    ],
)
@pytest.mark.parametrize("columns", [80, 140])
def test_every_shipped_suite_has_a_plan(run_bench, scenarios, suite, scenarios_, rounds, labels, columns):
    shown = run_bench("plan", scenarios / f"{suite}.toml", columns=columns)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"{scenarios_} scenarios × {rounds} rounds = {rounds * scenarios_} runs" in shown.stdout
    assert all(f"{label} " in shown.stdout for label in labels)
    assert max(map(len, shown.stdout.splitlines())) <= columns


def test_no_shipped_suite_is_left_out_above(scenarios):
    assert {path.stem for path in scenarios.glob("*.toml")} == {
        *("batch-sizes", "learning-rates", "notebook", "notebook-fit", "quick"),
        *("scaling", "strategies", "surface", "target-98.5", "target-99", "wide-sigmoid"),
    }


def test_the_notebooks_totals_are_those_worked_out_by_hand(run_bench, scenarios):
    """Widths 784, hidden, 10: a step of B images takes B (6 Σ d d' − 2 · 784 · d_1) operations.

    baseline, 200-200: 6 · (156800 + 40000 + 2000) − 313600 = 879,200 an image, 100 to a step.
    50-50: 6 · (39200 + 2500 + 500) − 78400 = 174,800 an image.
    wide, 1024-1024: 6 · (802816 + 1048576 + 10240) − 1605632 = 9,564,160 an image, 200 to a step.
    All of it: 250,000 images × 879,200 + 4 × 250,000 × 174,800 + 2,500,000 × 9,564,160 = 2.4305e13, and
    four rounds 9.72e13. Weights: 785 d_1 + (d_1 + 1) d_2 + (d_2 + 1) 10.
    """
    shown = run_bench("plan", scenarios / "notebook.toml").stdout
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["baseline"] == ["199,210", "2,500", "87.9", "MFLOP"]
    assert rows["batch_size=10000"] == ["42,310", "25", "1.75", "GFLOP"]
    assert rows["batch_size=1"] == ["42,310", "250,000", "175", "kFLOP"]
    assert rows["learning_rate=0.0001"] == ["42,310", "2,500", "17.5", "MFLOP"]
    assert rows["wide-sigmoid"] == ["1,863,690", "12,500", "1.91", "GFLOP"]
    assert "6 scenarios × 4 rounds = 24 runs, 97.2 TFLOP of training steps." in shown
    assert "Every run needs a GPU where there is one, else all cores of a node." in shown


def test_settings_rounds_sessions_and_a_choice_of_scenarios_change_the_plan(run_bench, scenarios):
    options = ("--set", "epochs=1", "--set", "cpus=2", "--rounds", "1", "--only", "batch-size/*")
    shown = run_bench("plan", scenarios / "notebook.toml", *options, "--sessions", "2").stdout
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["batch_size=1"] == ["42,310", "50,000", "175", "kFLOP"]
    assert "baseline" not in rows
    # 2 sessions × 2 scenarios × 50,000 images × 174,800 operations = 3.496e10.
    assert "2 scenarios × 1 round × 2 sessions = 4 runs, 35.0 GFLOP of training steps." in shown
    assert "else 2 cores of a node." in shown


def test_a_setting_takes_the_place_of_an_axis(run_bench, scenarios):
    options = ("--set", "batch_size=7", "--only", "loops")
    shown = run_bench("plan", scenarios / "quick.toml", *options).stdout
    assert "batch_size" not in shown
    assert "2 scenarios × 4 rounds = 8 runs" in shown


def test_runs_recorded_on_this_node_give_a_time(run_bench, scenarios, write_small, tmp_path):
    """A step takes 0.45 ms + 10,000 · 42,200 · 6 / 150e9 s = 17.33 ms, in the middle round 0.6 % less.

    25 such steps are 0.431 s, and the whole fit 1.1 times that and 1.5 s.
    """
    suite = scenarios / "notebook-fit.toml"
    here = write_small(tmp_path, {"machine": "this one", "node": platform.node()})
    shown = run_bench("plan", suite, "--results", here).stdout
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows["baseline"][-1] == "–"
    assert rows["batch_size=10000"][-2:] == ["1.97", "s"]
    assert "of runs for the 2 of 6 scenarios timed here before" in " ".join(shown.split())


def test_runs_recorded_elsewhere_give_none(run_bench, scenarios, small):
    shown = run_bench("plan", scenarios / "notebook-fit.toml", "--results", small).stdout
    assert "one run" not in shown
    assert "None was timed on this machine before" in shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 1e-3),
        ("true", True),
        ("[200, 200]", [200, 200]),
        ('"relu"', "relu"),
        ("relu", "relu"),
        ("mixed_bfloat16", "mixed_bfloat16"),
        ("a = b", "a = b"),
        ("", ""),
    ],
)
def test_a_value_is_tomls_or_plain_text(text, value):
    assert parse_overrides([f" hidden = {text}"]) == {"hidden": value}


@pytest.mark.parametrize("text", ["[" * 5000, "9" * 5000, "1\nother = 2", "1\x00", "{a = 1, a = 2}"])
def test_what_toml_cannot_read_as_one_value_is_text(text):
    assert parse_overrides([f"hidden={text}"]) == {"hidden": text}


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("name=x", "--set name: the name of a sweep is no setting; leave it out"),
        ("rounds=2", "--set rounds: no setting of scenarios; write --rounds N"),
        ("timeout_seconds=2", "--set timeout_seconds: no setting of scenarios; write --timeout S"),
        (
            "matrix.epochs=[1]",
            "--set matrix.epochs: axes are the suite's; fix one at a value, such as --set batch_size=100",
        ),
        (
            "measure.rounds=1",
            "--set measure.rounds: how it is measured is no setting; "
            "see --rounds and --timeout of bench run --help",
        ),
        ("bach_size=1", "--set bach_size: unknown key; did you mean batch_size?"),
        ("max_rounds=2", "--set max_rounds: no setting of scenarios; write it in [measure]"),
        ("caf\udce9=1", "--set caf\udce9=1: not UTF-8 text; write it in plain letters"),
    ],
)
def test_what_is_no_setting_of_a_scenario_is_told_with_what_to_do_instead(pair, said):
    with pytest.raises(BenchError) as refused:
        parse_overrides([pair])
    assert str(refused.value) == said


def test_a_hundred_thousand_scenarios_have_a_plan(run_bench, tmp_path):
    axes = "".join(f"matrix.{key} = {list(range(1, 317))}\n" for key in ("batch_size", "epochs"))
    (tmp_path / "large.toml").write_text(f'[[sweep]]\nname = "a"\nhidden = [8]\n{axes}')
    shown = run_bench("plan", tmp_path / "large.toml")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\na: batch_size (316 values from 1 to 316) × epochs (316 values from 1 to 316)\n" in shown.stdout
    assert "99,856 scenarios × 4 rounds = 399,424 runs" in shown.stdout
    assert len(shown.stdout.splitlines()) < 20


def test_the_last_of_several_values_of_a_key_holds():
    assert parse_overrides(["epochs=1", "seed=2", "epochs=3"]) == {"epochs": 3, "seed": 2}
    assert parse_overrides(None) == {}


@pytest.mark.parametrize("pair", ["epochs", "=1", " =1", ""])
def test_a_pair_needs_a_key_and_an_equals_sign(pair):
    with pytest.raises(BenchError, match="not KEY=VALUE; write it like --set epochs=1"):
        parse_overrides([pair])


def test_what_this_machine_can_never_hold_is_named(run_bench, scenarios):
    shown = run_bench("plan", scenarios / "scaling.toml", "--only", "strong-workers/workers=2", columns=140)
    assert "✗ workers=2 " in shown.stdout
    reason = "needs 2 nodes, one for each worker, and only 1 could hold one"
    assert f"✗ 1 scenario cannot run on this machine: {reason}" in shown.stdout
    assert shown.returncode == 0
