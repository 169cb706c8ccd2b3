import datetime
import math
from dataclasses import replace

import pytest

from bench.analysis.comparison import ScenarioComparison, Side, SideOfScenario, compare
from bench.analysis.estimates import OneFigure
from bench.analysis.scaling import ScaledScenario, Scaling
from bench.analysis.steadiness import Standing
from bench.analysis.surface import Cell, Surface
from bench.records.run_table import RunTable
from bench.records.tables import schema_of
from bench.views.report.overviews import ratio_figure, scaling_figure, steadiness_figure, surface_figure
from tests.runs import origin

FAST = Cell("reached", 3, 3, 1.0, 0.98)
MISSED = Cell("missed", 3, 0, math.inf, 0.951)
SURFACE = Surface(
    *("surface", "adam", "", origin(), 0.97, (10, 10_000), (1e-4, 3e-3, 0.1)),
    cells=(
        (replace(FAST, target_seconds=10.0), FAST, replace(MISSED, outcome="diverged")),
        (MISSED, Cell("partly", 3, 1, math.inf, 0.98), None),
    ),
)
BASELINE = ScaledScenario(
    "one_device", 1, 1, 1, "pack", None, (1,), 2.0, 1.0, 1.0, None, None, 0, False, None, 4, 4, ()
)
TWO = replace(BASELINE, strategy="mirrored", devices=2, factor=2.0, speedup=1.8, low=1.75, high=1.9)
FOUR = replace(TWO, devices=4, factor=4.0, speedup=3.0, low=None, high=None)
GONE = replace(TWO, devices=8, factor=None, speedup=None, low=None, high=None)
SCALING = Scaling(
    *("scaling", "strong", 4096, (512, 512), ("relu", "relu"), "", origin(), "a device", False),
    *(BASELINE, (FOUR, TWO, GONE)),
)
SIDE = SideOfScenario(4, 4, 4, 1, seconds=1.0, val_accuracy=None, flags=(), statuses=())
FASTER = ScenarioComparison(
    *("batch <1>", {}, (), "step_seconds", SIDE, SIDE, "faster", ""), ratio=0.5, low=0.4, high=0.55
)
UNCLEAR = replace(FASTER, label="b", verdict="unclear", ratio=1.1, low=None, high=None)
FAILED = replace(FASTER, label="c", verdict="failed", ratio=None, low=None, high=None)
NO_RUNS = RunTable(schema_of("runs").empty_table())
[NOTHING] = compare(Side("a", NO_RUNS), [Side("b", NO_RUNS)])
COMPARISON = replace(NOTHING, scenarios=(UNCLEAR, FASTER, FAILED))
NOON = datetime.datetime(2025, 1, 1, 12, tzinfo=datetime.UTC)
STANDING = Standing("loops", "loop=fit", "a machine", "a", 1, NOON, 1.25, ())


def test_a_surface_is_coloured_by_the_logarithm_of_the_time():
    (heat,) = surface_figure(SURFACE).data
    assert (heat.x, heat.y) == (("1e-4", "0.003", "0.1"), ("10", "10,000"))
    assert [tuple(row) for row in heat.z] == [(pytest.approx(math.log(10)), 0.0, None), (None, None, None)]
    assert [tuple(row) for row in heat.text] == [("10.0", "★ 1.00", "div"), ("95.1%", "1/3", "")]


def test_cells_without_a_time_have_their_words_all_the_same():
    words = surface_figure(SURFACE).layout.annotations
    assert [(word.x, word.y, word.text) for word in words] == [(2, 0, "div"), (0, 1, "95.1%"), (1, 1, "1/3")]


def test_a_surface_has_its_axes_in_the_order_of_its_table():
    layout = surface_figure(SURFACE).layout
    assert (layout.xaxis.type, layout.yaxis.type) == ("category", "category")
    assert layout.yaxis.autorange == "reversed"
    assert layout.height == 2 * 34 + 100


def test_a_surface_that_never_reached_its_target_has_words_alone():
    figure = surface_figure(replace(SURFACE, cells=((MISSED,) * 3,) * 2))
    assert {time for row in figure.data[0].z for time in row} == {None}
    assert [word.text for word in figure.layout.annotations] == ["95.1%"] * 6


def test_each_strategy_has_a_line_upwards_beside_what_all_of_the_hardware_would_give():
    ideal, one, mirrored = scaling_figure(SCALING).data
    assert (ideal.x, ideal.y, ideal.line.dash) == ((1, 4), (1, 4), "dash")
    assert (one.name, one.x, one.y) == ("one_device", (1,), (1,))
    assert (mirrored.name, mirrored.x, mirrored.y) == ("mirrored", (2, 4), (1.8, 3.0))
    assert mirrored.mode == "lines+markers"
    assert mirrored.text == (
        "mirrored 1 × 2<br>1.800×, efficiency 90.0 %",
        "mirrored 1 × 4<br>3.00×, efficiency 75.0 %",
    )


def test_bars_are_the_interval_of_a_speed_up():
    _, one, mirrored = scaling_figure(SCALING).data
    assert one.error_y.array is None
    assert mirrored.error_y.array == pytest.approx((0.1, 0))
    assert mirrored.error_y.arrayminus == pytest.approx((0.05, 0))


def test_scenarios_with_the_same_hardware_are_not_joined():
    other = replace(TWO, workers=2, devices=1, speedup=1.5, low=None, high=None)
    assert scaling_figure(replace(SCALING, scaled=(TWO, other))).data[2].mode == "markers"


@pytest.mark.parametrize(("on_gpus", "units"), [(True, "GPUs"), (False, "cores")])
def test_hardware_is_named_as_what_it_is(on_gpus, units):
    layout = scaling_figure(replace(SCALING, on_gpus=on_gpus)).layout
    assert layout.xaxis.title.text == f"times as many {units}"
    assert layout.height == 280 + 100 + 22


def test_a_baseline_alone_is_a_point():
    ideal, one = scaling_figure(replace(SCALING, scaled=(GONE,))).data
    assert (ideal.x, one.x) == ((1, 1), (1,))


def test_each_run_stands_off_its_median_when_it_began():
    flagged = replace(STANDING, ratio=0.9, round=2, flags=("unstable", "retried"))
    figure = steadiness_figure([STANDING, flagged])
    (trace,) = figure.data
    assert (trace.x, trace.y) == ((NOON, NOON), pytest.approx((0.25, -0.1)))
    assert trace.marker.symbol == ("circle", "circle-open")
    assert trace.text == (
        "loops · loop=fit<br>round 1: 1.250× of its median",
        "loops · loop=fit<br>round 2: 0.900× of its median<br>unstable retried",
    )
    assert (figure.layout.shapes[0].y0, figure.layout.height) == (0, 260 + 100)
    assert figure.layout.showlegend is False


def test_each_node_has_its_colour_and_its_name_or_its_machines():
    standings = [replace(STANDING, machine="<m>", node=""), STANDING, replace(STANDING, node="b"), STANDING]
    figure = steadiness_figure(standings)
    assert [(trace.name, len(trace.x)) for trace in figure.data] == [("&lt;m&gt;", 1), ("a", 2), ("b", 1)]
    assert len({trace.marker.color for trace in figure.data}) == 3
    assert figure.layout.showlegend is True


def test_labels_are_plain_text_and_no_runs_are_no_figure():
    (trace,) = steadiness_figure([replace(STANDING, sweep="<i>", label="<i>")]).data
    assert trace.text[0].startswith("&lt;i&gt;<br>round 1")
    assert steadiness_figure([]) is None


def test_ratios_have_a_line_for_each_scenario_their_intervals_and_the_verdict_s_name():
    figure = ratio_figure(COMPARISON)
    assert [(trace.name, trace.x, trace.y) for trace in figure.data] == [
        ("B is faster", (0.5,), ("batch &lt;1&gt;",)),
        ("unclear", (1.1,), ("b",)),
    ]
    bars = figure.data[0].error_x
    assert (bars.array, bars.arrayminus) == (pytest.approx([0.05]), pytest.approx([0.1]))
    assert figure.data[1].error_x.array is None
    assert figure.layout.yaxis.categoryarray == ("batch &lt;1&gt;", "b")
    low, high = figure.layout.xaxis.range
    assert low < 0.4 < 1.1 < high


def test_where_all_lie_on_one_side_the_ratio_of_one_is_in_view():
    low, high = ratio_figure(replace(COMPARISON, scenarios=(FASTER,))).layout.xaxis.range
    assert low < 0.4 < 1 < high


def test_without_a_ratio_there_is_no_figure_of_them():
    assert ratio_figure(replace(COMPARISON, scenarios=(FAILED,))) is None


def test_against_one_figure_bars_reach_from_the_least_ratio_to_the_most():
    below = replace(
        FASTER, verdict="below", low=None, high=None, one_figure=OneFigure(4, 4, 0, least=0.4, most=0.75)
    )
    (trace,) = ratio_figure(replace(COMPARISON, scenarios=(below,))).data
    assert trace.name == "B is below one figure"
    assert (trace.error_x.array, trace.error_x.arrayminus) == (pytest.approx([0.25]), pytest.approx([0.1]))
    assert trace.text == ("batch &lt;1&gt;<br>0.500× (0.400–0.750): below",)
