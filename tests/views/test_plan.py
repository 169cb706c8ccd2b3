import pytest

from bench.analysis.forecast import forecast
from bench.records.scenario import Scenario
from bench.records.suite import Measure, Point
from bench.views.plan import MOST_LISTED, needs, plan_table


def point(sweep, label, **settings):
    return Point(sweep, label, Scenario(**{"hidden": [50, 50], "batch_size": 100, **settings}))


ONE = point("baseline", "baseline", hidden=[200, 200])
TWO = (point("batch-size", "batch_size=1", batch_size=1), point("batch-size", "batch_size=10"))

ONCE = Measure(rounds=1)


@pytest.mark.parametrize("width", [80, 140])
def test_a_sweep_of_one_has_one_line_and_a_sweep_of_several_a_heading(rendered, width):
    lines = rendered(plan_table(forecast([ONE, *TWO], Measure(rounds=3), {}), "A title"), width)
    assert max(map(len, lines)) <= width
    assert lines[0] == "A title"
    assert [line.split()[0] for line in lines[4:9] if line.strip()] == [
        *("baseline", "batch-size", "batch_size=1", "batch_size=10")
    ]
    assert lines[6].strip() == "batch-size"
    assert "3 scenarios × 3 rounds = 9 runs, 922 GFLOP of training steps." in lines


def test_several_sessions_are_counted(rendered):
    lines = rendered(plan_table(forecast([ONE], Measure(rounds=3), {}, 4), "A title"), 140)
    assert "1 scenario × 3 rounds × 4 sessions = 12 runs, 2.64 TFLOP of training steps." in lines


def test_known_times_have_a_column_and_a_total(rendered):
    seconds = {ONE.scenario.scenario_id: 12.3, TWO[0].scenario.scenario_id: 502.28}
    some = rendered(plan_table(forecast([ONE, *TWO], ONCE, seconds), "A title"), 140)
    assert some[4].endswith(" 12.3 s")
    assert some[-1].startswith("About 515 s of runs for the 2 of 3 scenarios timed here before, ")
    every = rendered(plan_table(forecast([ONE], ONCE, seconds), "A title"), 140)
    assert every[-1].startswith("About 12.3 s of runs, as timed here before, ")
    assert every[-2].startswith("1 scenario × 1 round = 1 run, ")


@pytest.mark.parametrize("width", [80, 140])
def test_up_to_a_precision_all_totals_are_ranges(rendered, width):
    """A round is 250,000 images × (879,200 + 2 × 174,800) operations = 307.2 GFLOP; 12.3 s of it is known."""
    measure, seconds = Measure(precision=0.01, max_rounds=20), {ONE.scenario.scenario_id: 12.3}
    lines = rendered(plan_table(forecast([ONE, *TWO], measure, seconds), "A title"), width)
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    assert (
        "3 scenarios × 7 to 20 rounds until within ±1 % of this session's median = 21 to 60 runs, "
        "2.15 TFLOP to 6.14 TFLOP of training steps."
    ) in said
    assert (
        "A scenario is within ±1 % when the 97 % interval of its median step time is: looked at after every "
        "round, 95 % of those hold."
    ) in said
    assert "About 86.1 s to 246 s of runs for the 1 of 3 scenarios timed here before, " in said


def test_where_the_least_is_the_most_a_precision_has_no_ranges(rendered):
    measure = Measure(precision=0.01, rounds=20)
    lines = rendered(plan_table(forecast([ONE], measure, {}), "A title"), 140)
    assert (
        "1 scenario × 20 rounds until within ±1 % of this session's median = 20 runs, "
        "4.40 TFLOP of training steps." in lines
    )


@pytest.mark.parametrize("width", [80, 140])
def test_beyond_hundreds_of_scenarios_sweeps_have_the_rows(rendered, width):
    """50-50 takes 174,800 operations an image, a layer of n units 3,196 n; 499 images make 505 steps."""
    sizes = [point("sizes", f"batch_size={n}", batch_size=n) for n in range(1, MOST_LISTED)]
    nets = [point("nets", str(n), hidden=[n], optimizer=o) for n in (10, 20) for o in ("adam", "sgd")]
    nets.append(point("one", "one", hidden=[10, 10]))
    lines = rendered(plan_table(forecast([*sizes, *nets], ONCE, {}), "A title"), width)
    assert max(map(len, lines)) <= width
    rows = [" ".join(line.split()) for line in lines[4:7]]
    assert rows[0] == "sizes 499 42,310 505 to 250,000 175 kFLOP to 86.5 MFLOP"
    assert rows[1] == "nets 4 7,960 to 15,910 2,500 3.20 MFLOP to 6.39 MFLOP"
    assert rows[2].startswith("one 1 ")
    said = "\n".join(lines)
    assert "\nsizes: batch_size (499 values from 1 to 499)\n" in said
    assert "\nnets: hidden (10, 20) × optimizer (adam, sgd)\n" in said
    assert "one:" not in said
    assert "504 scenarios × 1 round = 504 runs, " in said
    assert "Each scenario has a row where they are up to 500: choose some by --only" in " ".join(said.split())
    fewer = rendered(plan_table(forecast([*sizes, ONE], ONCE, {}), "A title"), width)
    assert sum(line.startswith("  batch_size=") for line in fewer) == 499


def test_what_would_steer_a_terminal_is_shown(rendered):
    hostile = point("a", "\x1b[31m\n", accelerator="\x9b\u202e")
    hopeless = {hostile.scenario.scenario_id: "needs \x1b"}
    table = plan_table(forecast([hostile, ONE], ONCE, {}), "\x1b]0;\n", hopeless, "\x07")
    said = "".join(rendered(table, 140))
    assert said.isprintable()
    for text in (r"\x1b]0;\n", r"\x1b[31m\n", r"\x9b\u202e", r"needs \x1b", r"on \x07"):
        assert text in said


def test_different_needs_have_a_column(rendered):
    on_gpu = point("gpu", "gpu", device="gpu", hidden=[10])
    lines = rendered(plan_table(forecast([ONE, on_gpu], ONCE, {}), "A title"), 140)
    assert "needs" in lines[2].split()
    assert "1 × GPU and its share of cores" in lines[6]
    assert not any(line.startswith("Every run needs") for line in lines)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "a GPU where there is one, else all cores of a node"),
        ({"cpus": 2}, "a GPU where there is one, else 2 cores of a node"),
        ({"device": "cpu"}, "all cores of a node"),
        ({"device": "cpu", "cpus": 1}, "1 core of a node"),
        ({"device": "gpu"}, "1 × GPU and its share of cores"),
        ({"device": "gpu", "cpus": 4}, "1 × GPU and 4 cores"),
        ({"accelerator": "H100"}, "1 × H100 and its share of cores"),
    ],
)
def test_needs_are_said_in_words(settings, said):
    assert needs(point("a", "a", **settings).scenario) == said


def test_slices_of_gpus_are_said_to_be_what_a_run_gets(rendered):
    names = ["NVIDIA H100 80GB HBM3 MIG 3g.40gb"] * 2
    lines = rendered(plan_table(forecast([ONE], ONCE, {}), "A title", slices=names), 140)
    said = " ".join(" ".join(lines).split())
    assert "GPUs of this machine are MIG slices (2 × NVIDIA H100 80GB HBM3 MIG 3g.40gb): " in said
    assert "no figures of energy, power, clocks and temperature" in said
    assert not any("MIG" in line for line in rendered(plan_table(forecast([ONE], ONCE, {}), "A title"), 140))


def test_text_in_brackets_is_text_not_markup(rendered):
    lines = rendered(plan_table(forecast([point("[red]", "[red]"), *TWO], ONCE, {}), "[title]"), 80)
    assert lines[0] == "[title]"
    assert lines[4].startswith("[red] ")
