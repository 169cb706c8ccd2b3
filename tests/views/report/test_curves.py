from dataclasses import replace

import pytest

from bench.analysis.curves import Curve
from bench.views.report.curves import curve_figure, shown_curves
from tests.runs import origin

CURVE = Curve(
    *("a suite", "loops", "loop=fit", origin(), None, 3),
    epochs=(1, 2, 3),
    elapsed_seconds=(1.0, 2.0, 3.0),
    val_accuracy=(0.5, 0.7, 0.8),
    val_loss=(None, None, None),
    low=(0.4, 0.6, 0.75),
    high=(0.6, 0.8, 0.85),
)
ONE_RUN = replace(CURVE, runs=1, low=CURVE.val_accuracy, high=CURVE.val_accuracy)
SHORT = replace(CURVE, label="short", epochs=(1,), val_accuracy=(0.99,))


def numbered(count):
    """Curves that are the more accurate the later they come."""
    return [replace(CURVE, label=f"{n}", val_accuracy=(0.5, 0.6, 0.6 + n / 100)) for n in range(count)]


def test_one_epoch_is_no_curve_and_no_curves_are_no_figure():
    assert shown_curves([SHORT, CURVE]) == [CURVE]
    assert shown_curves([SHORT]) == []
    assert curve_figure([]) is None


def test_of_more_than_twelve_the_most_accurate_are_shown_in_their_order():
    curves = numbered(14)
    assert shown_curves(curves) == curves[2:]
    assert shown_curves(curves[::-1]) == curves[:1:-1]
    assert shown_curves(curves[:12]) == curves[:12]


def test_medians_stand_against_time_and_against_epochs_over_the_range_of_the_runs():
    figure = curve_figure([CURVE])
    assert [annotation.text for annotation in figure.layout.annotations] == ["against time", "against epochs"]
    (time_band, time, epoch_band, epoch), median = figure.data, (0.5, 0.7, 0.8)
    assert [(line.x, line.y) for line in (time, epoch)] == [((1, 2, 3), median)] * 2
    assert (time_band.x, time_band.y) == ((1, 2, 3, 3, 2, 1), (0.6, 0.8, 0.85, 0.75, 0.6, 0.4))
    assert (epoch_band.x, epoch_band.fill) == ((1, 2, 3, 3, 2, 1), "toself")
    assert (time.xaxis, epoch.xaxis) == ("x", "x2")
    assert time.text[1] == "loop=fit<br>epoch 2, 2.00 s: 70.00 %"
    assert figure.layout.height == 300 + 100


def test_a_curve_is_named_once():
    figure = curve_figure([ONE_RUN, replace(ONE_RUN, label="a<b & c")])
    assert [line.name for line in figure.data] == ["loop=fit"] * 2 + ["a&lt;b &amp; c"] * 2
    assert [line.showlegend for line in figure.data] == [True, False] * 2
    assert [line.legendgroup for line in figure.data] == ["0", "0", "1", "1"]
    assert figure.data[2].text[0].startswith("a&lt;b &amp; c<br>epoch 1")


def test_machines_are_named_where_there_are_several():
    figure = curve_figure([ONE_RUN, replace(ONE_RUN, origin=origin("another"))])
    assert [line.name for line in figure.data[::2]] == ["loop=fit on a machine", "loop=fit on another"]


def test_one_run_and_more_than_six_curves_have_no_range_shaded():
    assert len(curve_figure([ONE_RUN]).data) == 2
    assert len(curve_figure(numbered(6)).data) == 24
    assert len(curve_figure(numbered(7)).data) == 14


def test_a_target_that_no_curve_came_near_is_in_view():
    figure = curve_figure([replace(CURVE, target_accuracy=0.97)])
    low, high = figure.layout.yaxis.range
    assert low < min(CURVE.low) < 0.97 < high


def test_each_target_is_dashed_once_in_each_plot():
    targets = [None, 0.7, 0.8, 0.7]
    shapes = curve_figure([replace(CURVE, target_accuracy=target) for target in targets]).layout.shapes
    assert sorted((shape.y0, shape.xref) for shape in shapes) == [
        *((0.7, "x domain"), (0.7, "x2 domain")),
        *((0.8, "x domain"), (0.8, "x2 domain")),
    ]
    assert {shape.line.dash for shape in shapes} == {"dash"}


@pytest.mark.parametrize(
    ("times", "kind"), [((1.0, 10.0, 20.0), "log"), ((3.0, 10.0, 20.0), "linear"), ((0.0, 1, 99), "linear")]
)
def test_times_far_apart_are_logarithmic(times, kind):
    layout = curve_figure([replace(CURVE, elapsed_seconds=times)]).layout
    assert (layout.xaxis.type, layout.yaxis.type) == (kind, "linear")


@pytest.mark.parametrize(("last", "step"), [(2, 1), (14, 1), (100, 10)])
def test_epochs_have_about_ten_ticks_that_are_whole(last, step):
    assert curve_figure([CURVE, replace(CURVE, epochs=(1, 2, last))]).layout.xaxis2.dtick == step


def test_the_range_of_the_runs_lies_within_the_axis():
    low, high = curve_figure([CURVE]).layout.yaxis.range
    assert (low, high) == pytest.approx((0.4 - 0.08 * 0.45, 0.85 + 0.08 * 0.45))
