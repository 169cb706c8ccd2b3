import pytest

from bench.analysis.forecast import forecast
from bench.records.scenario import Scenario
from bench.records.suite import Point
from bench.views.plan import needs, plan_table


def point(sweep, label, **settings):
    return Point(sweep, label, Scenario(**{"hidden": [50, 50], "batch_size": 100, **settings}))


ONE = point("baseline", "baseline", hidden=[200, 200])
TWO = (point("batch-size", "batch_size=1", batch_size=1), point("batch-size", "batch_size=10"))


@pytest.mark.parametrize("width", [80, 140])
def test_a_sweep_of_one_has_one_line_and_a_sweep_of_several_a_heading(rendered, width):
    lines = rendered(plan_table(forecast([ONE, *TWO], 3, {}), "A title"), width)
    assert max(map(len, lines)) <= width
    assert lines[0] == "A title"
    assert [line.split()[0] for line in lines[4:9] if line.strip()] == [
        *("baseline", "batch-size", "batch_size=1", "batch_size=10")
    ]
    assert lines[6].strip() == "batch-size"
    assert "3 scenarios × 3 rounds = 9 runs, 922 GFLOP of training steps." in lines


def test_known_times_have_a_column_and_a_total(rendered):
    seconds = {ONE.scenario.scenario_id: 12.3, TWO[0].scenario.scenario_id: 502.28}
    some = rendered(plan_table(forecast([ONE, *TWO], 1, seconds), "A title"), 140)
    assert some[4].endswith(" 12.3 s")
    assert some[-1].startswith("About 515 s of runs for the 2 of 3 scenarios timed here before, ")
    every = rendered(plan_table(forecast([ONE], 1, seconds), "A title"), 140)
    assert every[-1].startswith("About 12.3 s of runs, as timed here before, ")
    assert every[-2].startswith("1 scenario × 1 round = 1 run, ")


def test_different_needs_have_a_column(rendered):
    on_gpu = point("gpu", "gpu", device="gpu", hidden=[10])
    lines = rendered(plan_table(forecast([ONE, on_gpu], 1, {}), "A title"), 140)
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


def test_text_in_brackets_is_text_not_markup(rendered):
    lines = rendered(plan_table(forecast([point("[red]", "[red]"), *TWO], 1, {}), "[title]"), 80)
    assert lines[0] == "[title]"
    assert lines[4].startswith("[red] ")
