import csv
import datetime
import io
import json

import pytest

from bench.records.entries import JournalContent
from bench.records.measurement import Measurement
from bench.records.suite import parse_suite
from bench.records.tables import Identity, run_row
from bench.records.writing import write_tables

STARTED = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
SURFACE = {
    "name": "rates",
    "hidden": [50, 50],
    "target_accuracy": 0.97,
    "matrix": {"batch_size": [10, 100, 1000], "learning_rate": [1e-4, 1e-2, 1.0]},
}
"""Nine scenarios, each run once: five reach the target, three do not, and one diverges."""


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def table(run_bench, thousand):
    """All summaries of the thousand runs, as CSV gives them."""
    shown = run_bench("show", thousand, "--all", "--format", "csv")
    assert (shown.returncode, shown.stderr) == (0, "")
    return rows_of(shown.stdout)


def test_a_thousand_runs_are_fifty_summaries(table):
    assert len(table) == 50
    assert sum(int(row["runs"]) for row in table) == 1_000
    assert {row["sweep"] for row in table} == {"batch-size", "learning-rate", "wide-sigmoid"}
    labels = [row["label"] for row in table if row["sweep"] == "batch-size"]
    assert labels[:4] == [*["batch_size=1 loop=fit"] * 2, *["batch_size=1 loop=fused"] * 2]
    assert labels[-1] == "batch_size=10000 loop=fused"


def test_the_median_and_its_deviation_are_those_worked_out_by_hand(table):
    row = next(
        row
        for row in table
        if row["label"] == "batch_size=100 loop=fused" and row["machine"] == "AMD EPYC 7763, 64 cores"
    )
    assert float(row["step_seconds"]) == pytest.approx(890.5e-6)
    assert float(row["spread"]) == pytest.approx(5 / 890.5)
    # Rounds 11 and 13 of the 20 are flagged.
    assert (row["ok"], row["runs"], row["flags"]) == ("20", "20", "contended=1 unstable=1")


def test_failures_are_counted_not_dropped(table):
    failed = {(row["label"], row["ok"], row["failures"], row["error"]) for row in table if row["failures"]}
    assert failed == {
        ("learning_rate=1.0", "0", "diverged=20", "the loss is not finite after 41 steps"),
        ("hidden=1024-1024", "19", "lost=1", "ActorDiedError: the node died"),
        ("hidden=8192-8192", "10", "oom_device=10", "ResourceExhaustedError: 256.00MiB"),
    }


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits_and_shows_failures_flags_and_machines(run_bench, thousand, columns):
    shown = run_bench("show", thousand, "--all", columns=columns).stdout
    assert max(map(len, shown.splitlines())) <= columns
    said = " ".join(shown.split())
    for part in (
        "thousand · batch-size",
        "890 µs",
        "0/20",
        "unstable",
        "contended",
        "on 1 thousand-cpu-box · ",
        " · AMD EPYC 7763, 64 cores · 25 scenarios × 20 rounds on 2 thousand-gpu-box · ",
        " · Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 80GB HBM3 · 25 scenarios × 20 rounds",
        "✗ learning-rate · learning_rate=1.0 on 1: 20 diverged of 20: the loss is not finite after 41 steps",
        "✗ wide-sigmoid · hidden=8192-8192 on 2: 10 oom_device of 20: ResourceExhaustedError: 256.00MiB",
    ):
        assert part in said
    assert "…" not in shown


def test_json_is_strict_and_holds_the_same(run_bench, thousand, table):
    shown = json.loads(
        run_bench("show", thousand, "--all", "--format", "json").stdout, parse_constant=pytest.fail
    )
    assert [entry["label"] for entry in shown] == [row["label"] for row in table]
    assert [str(entry["step_seconds"] or "") for entry in shown] == [row["step_seconds"] for row in table]
    failed = next(entry for entry in shown if entry["label"] == "learning_rate=1.0")
    assert (failed["failures"], failed["flags"], failed["step_seconds"]) == ({"diverged": 20}, {}, None)
    missed = next(entry for entry in shown if entry["label"] == "hidden=512-512")
    assert (missed["target_reached"], missed["target_runs"], missed["target_seconds"]) == (0, 20, None)


def test_markdown_has_a_line_per_summary(run_bench, thousand):
    lines = run_bench("show", thousand, "--all", "--format", "md").stdout.splitlines()[4:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    header, rule, *rows = cells
    assert header[:5] == ["sweep", "scenario", "on", "ok", "step"]
    assert set(rule) == {"---"}
    assert len(rows) == 50
    assert {len(row) for row in rows} == {len(header)}


def test_where_keeps_the_runs_for_which_it_holds(run_bench, thousand):
    condition = 'batch_size >= 1000 and loop == "fit" and hidden == "50-50" and activation == "relu"'
    rows = rows_of(run_bench("show", thousand, "--where", condition, "--format", "csv").stdout)
    assert {row["label"] for row in rows} == {"batch_size=1000 loop=fit", "batch_size=10000 loop=fit"}
    rounds = rows_of(run_bench("show", thousand, "--where", "round <= 3", "--format", "csv").stdout)
    assert {row["runs"] for row in rounds} == {"3"}


def test_sort_goes_up_or_down_and_leaves_what_is_missing_to_the_end(run_bench, thousand):
    def column(sort):
        shown = run_bench("show", thousand, "--all", "--sort", sort, "--format", "csv").stdout
        return [float(row["step_seconds"]) if row["step_seconds"] else None for row in rows_of(shown)]

    up, down = column("step_seconds"), column("-step_seconds")
    assert up[-2:] == down[-2:] == [None, None]
    assert up[:-2] == sorted(up[:-2])
    assert down[:-2] == sorted(down[:-2], reverse=True)


def test_several_folders_are_united_and_a_session_in_two_places_counts_once(run_bench, thousand, small):
    once = run_bench("show", thousand, small, "--all", "--format", "csv").stdout
    twice = run_bench("show", thousand, small, *thousand.iterdir(), small, "--all", "--format", "csv").stdout
    assert once == twice
    assert len(rows_of(once)) == 52


@pytest.fixture(scope="module")
def surface(tmp_path_factory):
    """The folder of a session of `SURFACE`."""
    folder = tmp_path_factory.mktemp("surface")
    points = parse_suite({"sweep": [SURFACE]}, "grid.toml", "grid", "", {}, {}).points
    # Row by row: seconds to the target, or the best accuracy of a miss.
    outcomes = (2.5, 4.0, None, 1.25, 0.5, 0.113, 0.951, 0.75, 0.42)
    runs = [surface_row(point, outcome) for point, outcome in zip(points, outcomes, strict=True)]
    write_tables(folder, [JournalContent({"session_id": "surface"}, runs, [], [])])
    return folder


def surface_row(point, outcome):
    identity = Identity(
        run_id=point.scenario.scenario_id,
        session_id="surface",
        suite="grid",
        sweep=point.sweep,
        scenario_id=point.scenario.scenario_id,
        label=point.label,
        round=1,
        order=1,
        attempt=1,
        started_at=STARTED,
        machine="AMD EPYC 7763, 64 cores",
    )
    missed = point.scenario.learning_rate == 1.0 or point.label == "batch_size=1000 learning_rate=0.0001"
    measured = Measurement(
        status="ok" if outcome else "diverged",
        flags=("not-learning",) if outcome == 0.113 else (),
        best_val_accuracy=outcome if missed else 0.98,
        target_seconds=None if missed else outcome,
    )
    return run_row(identity, point.scenario, 0, measured)


def test_a_surface_follows_the_tables(run_bench, surface):
    lines = run_bench("show", surface).stdout.splitlines()
    title = lines.index("grid · rates: seconds to 97 % validation accuracy")
    assert [line.split() for line in lines[title + 1 : title + 6]] == [
        ["learning", "rate"],
        ["batch", "1e-4", "0.01", "1"],
        ["10", "2.50", "4.00", "div"],
        ["100", "1.25", "★0.500", "11.3%"],
        ["1,000", "95.1%", "0.750", "42.0%"],
    ]
    assert lines.index("grid · rates") < title
    assert lines[-1] == "★ fastest median · % best accuracy of a miss · % at chance · div diverged"


def test_where_leaves_its_runs_out_of_the_surface(run_bench, surface):
    lines = run_bench("show", surface, "--where", "learning_rate < 1").stdout.splitlines()
    assert [line.split() for line in lines if line.startswith("batch ")] == [["batch", "1e-4", "0.01"]]
    assert "validation accuracy" not in run_bench("show", surface, "--where", "batch_size == 10").stdout


def test_markdown_has_the_surface_below_its_table(run_bench, surface):
    lines = run_bench("show", surface, "--format", "md").stdout.splitlines()
    title = lines.index("**grid · rates**: seconds to 97 % validation accuracy")
    assert lines[title - 1] == ""
    assert title == 14  # the session, a header, a rule, nine scenarios and two blank lines
    assert lines[title + 2] == "| batch \\ learning rate | 1e-4 | 0.01 | 1 |"
    assert lines[title + 5] == "| 100 | 1.25 | **0.500** | 11.3% |"


def test_csv_and_json_hold_the_summaries_alone(run_bench, surface):
    assert len(rows_of(run_bench("show", surface, "--format", "csv").stdout)) == 9
    assert len(json.loads(run_bench("show", surface, "--format", "json").stdout)) == 9


SCALING = (
    {"name": "alone", "hidden": [512, 512], "batch_size": 4096},
    {
        "name": "together",
        "hidden": [512, 512],
        "batch_size": 4096,
        "strategy": "multi_worker_mirrored",
        "workers": 2,
        "placement": "spread",
    },
)
STEPS = {"node-1": 0.040, "node-2": 0.041, "node-3": 0.060}
"""What a step takes on each node by itself; two of them together need 0.025 s."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The folder of a session of `SCALING`: four rounds, one device on each of three nodes, a gang on two."""
    folder = tmp_path_factory.mktemp("cluster")
    points = parse_suite({"sweep": list(SCALING)}, "scaling.toml", "scaling", "", {}, {}).points
    runs = []
    for number in (1, 2, 3, 4):
        for point in points:
            gang = point.sweep == "together"
            places = (
                {("node-1", "node-2"): 0.025} if gang else {(node,): step for node, step in STEPS.items()}
            )
            runs += [cluster_row(point, number, nodes, step) for nodes, step in places.items()]
    write_tables(folder, [JournalContent({"session_id": "cluster"}, runs, [], [])])
    return folder


def cluster_row(point, number, nodes, step_seconds):
    machine = "AMD EPYC 7763, 64 cores"
    identity = Identity(
        run_id=f"{point.sweep}-{number}-{nodes[0]}",
        session_id="cluster",
        suite="scaling",
        sweep=point.sweep,
        scenario_id=point.scenario.scenario_id,
        label=point.label,
        round=number,
        order=1,
        attempt=1,
        started_at=STARTED,
        machine=machine,
        node=nodes[0],
        nodes=nodes,
        machines=(machine,) * len(nodes),
    )
    measured = Measurement(
        status="ok",
        device_name="AMD EPYC 7763",
        affinity=(0, 1),
        step_seconds=step_seconds,
        all_reduce_seconds=0.002 if len(nodes) > 1 else None,
    )
    return run_row(identity, point.scenario, number, measured)


@pytest.mark.parametrize("columns", [80, 140])
def test_scaling_and_slow_nodes_follow_the_tables(run_bench, cluster, columns):
    shown = run_bench("show", cluster, columns=columns)
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    summary, scaling, nodes = (
        next(i for i, line in enumerate(lines) if line.startswith(title))
        for title in ("scaling · together", "Strong scaling: ", "Nodes: ")
    )
    assert summary < scaling < nodes
    assert lines[scaling] == "Strong scaling: batch 4,096, 512-512 relu, against one device (2 cores)"
    # The median of 0.040, 0.041 and 0.060 over 0.025 is 1.64; 0.060 over it is 1.463.
    gang = next(line.split() for line in lines[scaling:] if line.startswith("multi_worker_mirrored"))
    assert {"1.640×", "82.0", "4/4"} <= set(gang)
    assert lines[nodes + 3].split() == ["node-3", "1.463×", "1.463–1.463", "slower", "1", "4"]
    assert "node-3 was 1.46 times as slow as the median node in this session (1.46 to 1.46)" in lines


def test_the_summary_takes_the_nodes_of_a_machine_together(run_bench, cluster):
    rows = rows_of(run_bench("show", cluster, "--format", "csv").stdout)
    assert [(row["label"], row["runs"], float(row["step_seconds"])) for row in rows] == [
        ("alone", "12", 0.041),
        ("together", "4", 0.025),
    ]


def test_markdown_has_scaling_and_nodes_below_its_table(run_bench, cluster):
    lines = run_bench("show", cluster, "--format", "md").stdout.splitlines()
    scaling = lines.index("**Strong scaling**: batch 4,096, 512-512 relu, against one device (2 cores)")
    nodes = lines.index("**Nodes**: in this session, each against the median node of AMD EPYC 7763, 64 cores")
    assert lines[scaling - 1] == lines[nodes - 1] == ""
    assert lines[scaling + 5].startswith("| multi_worker_mirrored | 2 × 1 | 2 | 4 | 1.640× | ")
    assert lines[nodes + 4] == "| node-3 | 1.463× | 1.463–1.463 | slower | 1 | 4 |"


def test_where_leaves_its_runs_out_of_scaling_and_nodes(run_bench, cluster):
    shown = run_bench("show", cluster, "--where", 'strategy != "one_device"').stdout
    assert "scaling: " not in shown
    assert "Nodes: " not in shown


def test_without_replicas_and_several_nodes_there_is_neither(run_bench, thousand):
    shown = run_bench("show", thousand).stdout
    assert "scaling: " not in shown
    assert "Nodes: " not in shown


def test_csv_and_json_leave_scaling_and_nodes_out(run_bench, cluster):
    assert len(rows_of(run_bench("show", cluster, "--format", "csv").stdout)) == 2
    assert len(json.loads(run_bench("show", cluster, "--format", "json").stdout)) == 2
