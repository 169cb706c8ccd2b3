import csv
import io
import json
import shutil

import pytest


@pytest.mark.parametrize("columns", [80, 140])
def test_the_published_figures_against_a_session_name_what_differs(run_bench, published, small, columns):
    shown = run_bench("compare", published, small, columns=columns)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert max(map(len, shown.stdout.splitlines())) <= columns
    said = " ".join(shown.stdout.split())
    for part in (
        "Time: whole fit (wall_seconds)",
        "batch_size=10000",
        "502 s",
        "A flagged:",
        "warm-start",
        "B is below A's one figure in 3 of 3 rounds",
        "Only in A",
        "machine unknown AMD EPYC 7763, 64 cores",
    ):
        assert part in said


def test_two_machines_of_a_session_each_get_a_ratio_and_are_told_what_a_verdict_takes(run_bench, thousand):
    a, b = (thousand / f"thousand-{node}" for node in ("cpu-box", "gpu-box"))
    (shown,) = json.loads(run_bench("compare", a, b, "--format", "json").stdout, parse_constant=pytest.fail)[
        "comparisons"
    ]
    assert shown["counts"] == {"no verdict": 24, "failed": 1}
    assert shown["basis"]["unit"] == "none"
    by_label = {entry["label"]: entry for entry in shown["scenarios"]}
    assert by_label["batch_size=100 loop=fused"]["a"]["seconds"] == pytest.approx(890.5e-6)
    assert by_label["learning_rate=1.0"]["verdict"] == "failed"
    assert {entry["name"] for entry in shown["differences"]} == {"machine", "node"}
    assert shown["overall"][0]["ratio"] < 0.35
    said = " ".join(run_bench("compare", a, b).stdout.split())
    assert "how far sessions of one machine differ is unknown" in said


def test_every_format_has_every_scenario(run_bench, published, small):
    table = run_bench("compare", published, small, "--format", "csv").stdout
    rows = {row["scenario"]: row["verdict"] for row in csv.DictReader(io.StringIO(table))}
    assert rows["batch_size=1"] == rows["batch_size=10000"] == "below"
    assert rows["baseline"] == rows["wide-sigmoid"] == "only_a"
    marked = run_bench("compare", published, small, "--format", "md").stdout
    assert sum(line.startswith("| batch_size=") for line in marked.splitlines()) == 2


def test_a_session_against_itself_is_refused(run_bench, small):
    found = run_bench("compare", small, small)
    assert found.returncode == 2
    assert "runs in common; choose sides that exclude each other" in found.stderr
    assert found.stderr.count("\n") == 1


def test_values_of_a_column_are_sides_of_one_session(run_bench, thousand):
    options = ("--by", "loop", "--metric", "train_seconds", "--delta", "0.5", "--format", "json")
    (shown,) = json.loads(run_bench("compare", thousand / "thousand-cpu-box", *options).stdout)["comparisons"]
    assert (shown["a"], shown["b"], shown["basis"]["unit"]) == ("fused", "fit", "run")
    assert {entry["metric"] for entry in shown["scenarios"]} == {"train_seconds"}
    assert shown["delta"] == 0.5
    turned = run_bench("compare", thousand, "--by", "loop", "--reference", "fit", "--format", "json")
    assert json.loads(turned.stdout)["comparisons"][0]["b"] == "fused"


def test_conditions_are_sides(run_bench, thousand):
    options = ("--a", "round == 1", "--b", "round == 2", "--b", "round == 3", "--format", "json")
    shown = json.loads(run_bench("compare", thousand / "thousand-cpu-box", *options).stdout)["comparisons"]
    assert [(one["a"], one["b"]) for one in shown] == [("round == 1", f"round == {n}") for n in (2, 3)]


def test_machines_and_sessions_of_results_are_named_in_short(run_bench, thousand, tmp_path):
    shutil.copytree(thousand, tmp_path / "results")
    for names in (("thousand-cpu-box", "thousand-gpu-box"), ("EPYC", "gpu-box")):
        (shown,) = json.loads(run_bench("compare", *names, "--format", "json", cwd=tmp_path).stdout)[
            "comparisons"
        ]
        assert (shown["a"], shown["b"]) == names
        assert shown["counts"] == {"no verdict": 24, "failed": 1}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["one"], "two sides at least"),
        (["--a", "round == 1"], "--b as often as there are others"),
        (["--by", "loop", "--a", "round == 1", "--b", "round == 2"], "leave out --a and --b, or --by"),
        (["nowhere", "either"], "nowhere: no folder, and no results here"),
        (["", "either"], "a side without a name: name a session, a folder or a machine"),
    ],
)
def test_what_makes_no_two_sides_is_one_line(run_bench, tmp_path, options, line):
    found = run_bench("compare", *options, cwd=tmp_path)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert line in found.stderr
