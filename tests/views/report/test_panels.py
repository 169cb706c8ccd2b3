import math
from dataclasses import replace

import pytest

from bench.analysis.trends import Line, Trend
from bench.views.report.panels import dots_figure, trend_figure

BATCHES = (10, 100, 1000)
UNKNOWN = {"step_seconds": None, "samples_per_second": None, "limit_fraction": None}
"""What published results do not say."""
MACHINE, GPU = "AMD EPYC 7763, 64 cores", "8 × NVIDIA H100"


def line(summary, name="", **of_each):
    """A line of three batch sizes; `of_each` has three values of a fact."""
    facts = [dict(zip(of_each, values, strict=True)) for values in zip(*of_each.values(), strict=True)]
    return Line(
        name,
        summary.origin,
        tuple(
            (batch, replace(summary, label=f"batch_size={batch}", **fact))
            for batch, fact in zip(BATCHES, facts or [{}] * 3, strict=True)
        ),
    )


def trend(*lines):
    return trend_figure(Trend("a suite", "batch-size", "batch_size", lines))


def titles(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def test_a_trend_has_a_panel_for_each_figure_that_is_known(summary):
    figure = trend(line(summary))
    assert titles(figure) == [
        "one training step",
        "training images per second",
        "compile, train and validate",
        "best validation accuracy",
        "share of this machine's limit",
    ]
    assert [trace.x for trace in figure.data] == [BATCHES] * 5
    assert figure.data[3].y == (0.811,) * 3
    assert figure.layout.showlegend is False
    assert figure.layout.height == 3 * 220 + 2 * 92 + 100


def test_published_results_without_steps_have_their_wall_time(summary):
    figure = trend(line(replace(summary, **UNKNOWN)))
    assert titles(figure) == ["compile, train and validate", "best validation accuracy"]
    assert figure.layout.height == 220 + 100


def test_one_panel_alone_is_as_wide_as_the_page(summary):
    figure = trend(line(replace(summary, **UNKNOWN, best_val_accuracy=None)))
    assert figure.layout.xaxis.domain == (0, 1)


def test_nothing_known_of_two_scenarios_is_no_figure(summary):
    nothing = replace(summary, **UNKNOWN, best_val_accuracy=None, wall_seconds=None)
    assert trend(line(nothing)) is None
    assert trend(line(nothing, wall_seconds=(1.0, None, None))) is None
    assert trend() is None


def test_a_target_that_was_missed_has_no_place_on_an_axis(summary):
    figure = trend(line(summary, target_seconds=(4.0, math.inf, 1.0)))
    assert titles(figure)[4] == "time to the target"
    assert (figure.data[4].x, figure.data[4].y) == ((10, 1000), (4.0, 1.0))
    assert "time to the target" not in titles(trend(line(summary, target_seconds=(4.0, math.inf, None))))


def test_settings_stand_along_their_axis_with_its_name(summary):
    axis = trend(line(summary)).layout.xaxis
    assert (axis.title.text, axis.type) == ("batch size", "log")
    assert (axis.tickvals, axis.ticktext) == (BATCHES, ("10", "100", "1,000"))


def test_times_far_apart_are_logarithmic_and_accuracies_never(summary):
    layout = trend(line(summary, step_seconds=(0.001, 0.01, 1), best_val_accuracy=(0.01, 0.5, 0.9))).layout
    assert (layout.yaxis.type, layout.yaxis.ticktext) == ("log", ("1 ms", "10 ms", "100 ms", "1 s"))
    assert layout.yaxis4.type == "linear"


def test_a_line_that_the_first_panel_lacks_is_named_where_it_comes_up(summary):
    own, published = line(summary, "own"), line(replace(summary, **UNKNOWN), "published")
    named = [trace.name for trace in trend(own, published).data if trace.showlegend]
    assert named == ["own", "published"]
    beside = replace(summary, label="b", machine=GPU, **UNKNOWN)
    named = [trace.name for trace in dots_figure([summary, beside]).data if trace.showlegend]
    assert named == [summary.machine, GPU]


def test_each_line_is_named_once_as_plain_text(summary):
    figure = trend(line(summary, "loop=<b>"), line(summary, "loop=fit"))
    assert [trace.name for trace in figure.data[:2]] == ["loop=&lt;b&gt;", "loop=fit"]
    assert [trace.showlegend for trace in figure.data] == [True, True, *[False] * 8]
    assert [trace.legendgroup for trace in figure.data] == ["0", "1"] * 5
    assert figure.layout.showlegend is True
    assert figure.layout.height == 3 * 220 + 2 * 92 + 100 + 22


def test_a_line_of_which_a_panel_knows_nothing_is_not_in_it(summary):
    unknown = line(summary, "b", limit_fraction=(None,) * 3)
    figure = trend(line(summary, "a"), unknown, Line("c", summary.origin, ()))
    assert [trace.name for trace in figure.data] == ["a", "b"] * 4 + ["a"]


def test_bars_are_the_interval_of_a_step(summary):
    known = line(summary, step_seconds_low=(0.0159, None, None), step_seconds_high=(0.0189, None, None))
    step, samples = trend(known).data[:2]
    assert step.error_y.array == pytest.approx((0.002, 0, 0))
    assert step.error_y.arrayminus == pytest.approx((0.001, 0, 0))
    assert samples.error_y.array is None
    assert step.text[:2] == (
        "batch_size=10<br>one training step: 16.9 ms (15.9 ms to 18.9 ms)<br>3 of 3 ok",
        "batch_size=100<br>one training step: 16.9 ms<br>3 of 3 ok",
    )


def test_without_an_axis_each_scenario_has_a_line_of_its_own(summary):
    figure = dots_figure([replace(summary, label="a<b"), replace(summary, label="c", step_seconds=0.5)])
    assert titles(figure) == ["one training step", "best validation accuracy"]
    assert [(trace.x, trace.y) for trace in figure.data] == [
        ((0.0169, 0.5), ("a&lt;b", "c")),
        ((0.811, 0.811), ("a&lt;b", "c")),
    ]
    assert figure.data[0].text[0].startswith("a&lt;b<br>one training step: 16.9 ms<br>")
    assert figure.layout.yaxis.categoryarray == ("c", "a&lt;b")  # upwards: the first stands on top
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.height == 26 * 3 + 100
    assert figure.layout.showlegend is False


def test_its_bars_lie_along_the_time(summary):
    known = replace(summary, step_seconds_low=0.0159, step_seconds_high=0.0189)
    step, accuracy = dots_figure([known, replace(summary, label="b")]).data
    assert step.error_x.array == pytest.approx((0.002, 0))
    assert (step.error_y.array, accuracy.error_x.array) == (None, None)


def test_machines_share_the_line_of_a_scenario(summary):
    figure = dots_figure([summary, replace(summary, machine=GPU, step_seconds=0.01)])
    assert [trace.name for trace in figure.data] == [MACHINE, GPU] * 2
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    assert [trace.x for trace in figure.data[:2]] == [(0.0169,), (0.01,)]
    assert figure.layout.height == 26 * 2 + 100 + 22


def test_the_time_is_that_of_the_whole_fit_where_no_step_is_known(summary):
    published = replace(summary, **UNKNOWN, best_val_accuracy=None)
    figure = dots_figure([published, replace(published, label="b")])
    assert titles(figure) == ["compile, train and validate"]
    assert figure.data[0].x == (1.97, 1.97)


def test_a_scenario_of_which_nothing_is_known_keeps_its_line(summary):
    failed = replace(summary, label="failed", step_seconds=None, best_val_accuracy=None)
    figure = dots_figure([summary, failed])
    assert [len(trace.x) for trace in figure.data] == [1, 1]
    assert figure.layout.yaxis.categoryarray == ("failed", summary.label)


def test_one_scenario_or_no_time_is_no_figure(summary):
    nothing = replace(summary, step_seconds=None, wall_seconds=None)
    assert dots_figure([]) is None
    assert dots_figure([summary]) is None
    assert dots_figure([nothing, nothing]) is None
