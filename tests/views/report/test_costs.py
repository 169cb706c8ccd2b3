import math
from dataclasses import replace

from bench.analysis.cost import Costs, ScenarioCost
from bench.analysis.front import Standing
from bench.analysis.typical import Estimate
from bench.views.report.costs import MOST_PANELS, cost_figure, cost_sections

FAST = ScenarioCost(
    *("suite", "sweep", "label <1>", "s1", "a <machine>", 4, None, 8, 8, None, 0, 0, 0, 3.0, 1.0),
    seconds=Estimate(1.0, 0.9, 1.1),
    cost=Estimate(4.0, 3.5, 4.5),
    target_seconds=None,
    target_cost=None,
    energy_joules=None,
    energy_joules_per_million_samples=None,
    standing=Standing("front", None, "session"),
)
CHEAP = replace(FAST, side="b", seconds=Estimate(2.0), cost=Estimate(1.0, 0.9, 1.1))
BEATEN = replace(CHEAP, side="c", seconds=Estimate(3.0), cost=Estimate(2.0))


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.mode == "markers"}


def test_sides_are_points_with_bars_both_ways_and_the_front_is_a_line():
    """From the cheapest to the fastest; whoever is beaten in both is not on it."""
    figure = cost_figure(Costs((FAST, CHEAP, BEATEN), "EUR"))
    fast = traces(figure)["a &lt;machine&gt;"]
    assert (fast.x, fast.y) == ((4.0,), (1.0,))
    assert (fast.error_x.array, fast.error_x.arrayminus) == ((0.5,), (0.5,))
    assert traces(figure)["b"].error_y.array is None
    (line,) = (trace for trace in figure.data if trace.mode == "lines")
    assert (line.x, line.y) == ((1.0, 4.0), (2.0, 1.0))
    assert "on the front" in fast.text[0]


def test_a_target_is_what_counts_where_there_is_one_and_what_missed_it_has_no_point():
    to_target = {
        "target_accuracy": 0.98,
        "target_cost": Estimate(9.0),
        "target_seconds": Estimate(5.0, 4.0, math.inf),
    }
    known = [replace(cost, **to_target) for cost in (FAST, CHEAP)]
    missed = replace(BEATEN, target_accuracy=0.98, target_seconds=Estimate(math.inf))
    figure = cost_figure(Costs((*known, missed), "EUR"))
    assert sorted(traces(figure)) == ["a &lt;machine&gt;", "b"]
    point = traces(figure)["b"]
    assert (point.x, point.y, point.error_y.array) == ((9.0,), (5.0,), (0.0,))


def test_no_figure_of_one_side_and_no_part_of_no_prices():
    assert cost_figure(Costs((FAST,), "EUR")) is None
    assert cost_sections(None) == cost_sections(Costs((), "EUR")) == []
    ((block,),) = (section.blocks for section in cost_sections(Costs((FAST,), "EUR")))
    assert (block.plots, block.intro) == ((), "a <machine>: 3.00 EUR an hour.")


def test_many_scenarios_have_the_table_and_the_first_ones_a_panel():
    every = [replace(cost, scenario_id=f"s{n}") for n in range(MOST_PANELS + 3) for cost in (FAST, CHEAP)]
    ((block,),) = (section.blocks for section in cost_sections(Costs(tuple(every), "EUR")))
    assert len(block.plots[0].figure.layout.annotations) == MOST_PANELS
    assert "of 15 scenarios the first 12" in block.plots[0].caption
    assert len(block.grid.rows) == 30
