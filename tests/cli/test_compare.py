import csv
import io
import json

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
        "unclear: 1 and 3 rounds",
        "Overall by whole fit (wall_seconds): B/A",
        "Only in A",
        "machine unknown AMD EPYC 7763, 64 cores",
    ):
        assert part in said


def test_the_two_machines_of_the_thousand_runs_are_told_apart(run_bench, thousand):
    a, b = (thousand / f"thousand-{node}" for node in ("cpu-box", "gpu-box"))
    shown = json.loads(run_bench("compare", a, b, "--format", "json").stdout, parse_constant=pytest.fail)
    assert shown["counts"] == {"faster": 23, "unclear": 1, "failed": 1}
    by_label = {entry["label"]: entry for entry in shown["scenarios"]}
    assert by_label["batch_size=100 loop=fused"]["a"]["seconds"] == pytest.approx(890.5e-6)
    assert by_label["learning_rate=1.0"]["verdict"] == "failed"
    assert {entry["name"] for entry in shown["differences"]} == {"machine", "node"}
    assert shown["overall"][0]["high"] < 0.35


def test_every_format_has_every_scenario(run_bench, published, small):
    table = run_bench("compare", published, small, "--format", "csv").stdout
    rows = {row["scenario"]: row["verdict"] for row in csv.DictReader(io.StringIO(table))}
    assert rows["batch_size=1"] == rows["batch_size=10000"] == "unclear"
    assert rows["baseline"] == rows["wide-sigmoid"] == "only_a"
    marked = run_bench("compare", published, small, "--format", "md").stdout
    assert sum(line.startswith("| batch_size=") for line in marked.splitlines()) == 2


def test_a_metric_and_a_margin_can_be_chosen(run_bench, small):
    options = ("--metric", "train_seconds", "--delta", "0.5", "--format", "json")
    shown = json.loads(run_bench("compare", small, small, *options).stdout)
    assert {entry["metric"] for entry in shown["scenarios"]} == {"train_seconds"}
    assert {entry["ratio"] for entry in shown["scenarios"]} == {1.0}
    assert shown["delta"] == 0.5
