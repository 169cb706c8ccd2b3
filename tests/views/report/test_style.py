import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.views.format import percent, rate, seconds
from bench.views.report.style import (
    COLOURS,
    axis_of,
    axis_words,
    colour,
    dressed,
    marker,
    number,
    plain,
    reaches,
    scale,
)

SIZES = st.floats(1e-9, 1e12)


def figure_of(*names):
    return go.Figure([go.Scatter(x=[1], y=[1], name=name) for name in names])


def test_a_figure_is_as_high_as_its_plots_and_the_titles_around_them():
    figure = dressed(figure_of("alone"), 300)
    assert (figure.layout.height, figure.layout.margin.b) == (300 + 44 + 56, 56)
    assert figure.layout.showlegend is False


def test_a_legend_of_several_names_gets_the_lines_that_it_needs():
    figure = dressed(figure_of("a" * 100, "b" * 100), 300)  # 2 × (100 × 7 + 48) = 1,496 of 760 each
    assert (figure.layout.height, figure.layout.margin.b) == (300 + 44 + 56 + 44, 56 + 44)
    assert figure.layout.showlegend is True
    figure.update_traces(showlegend=False, selector={"name": "b" * 100})
    assert dressed(figure, 300).layout.height == 400


def test_colours_come_round_again_and_markers_go_with_them():
    assert colour(len(COLOURS) + 1) == colour(1) == COLOURS[1]
    assert marker(9, size=5) == {"color": COLOURS[1], "symbol": "square", "size": 5}


@pytest.mark.parametrize(
    ("values", "words", "ends", "ticks"),
    [
        ([0, 100], number, [-8, 108], {0: "0", 20: "20", 40: "40", 60: "60", 80: "80", 100: "100"}),
        ([2.0, 1.0], seconds, [0.92, 2.08], {1: "1 s", 1.2: "1.2 s", 1.4: "1.4 s", 1.6: "1.6 s"}),
        ([1000, 2000], rate, [920, 2080], {1000: "1k/s", 1200: "1.2k/s"}),
        ([0.8, 0.9], percent, [0.792, 0.908], {0.8: "80 %", 0.82: "82 %", 0.84: "84 %"}),
        ([-3, 4], seconds, [-3.56, 4.56], {-2: "-2 s", 0: "0 s", 2: "2 s", 4: "4 s"}),
    ],
)
def test_a_linear_axis_has_round_ticks_and_a_margin(values, words, ends, ticks):
    axis = scale(values, words)
    assert axis["type"] == "linear"
    assert axis["range"] == pytest.approx(ends)
    assert axis["tickvals"][: len(ticks)] == pytest.approx(list(ticks))
    assert axis["ticktext"][: len(ticks)] == list(ticks.values())


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.5, 0.001], {0.001: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1: "1 s"}),  # 2.7 decades
        ([0.01, 0.2], {0.01: "10 ms", 0.02: "20 ms", 0.05: "50 ms", 0.1: "100 ms", 0.2: "200 ms"}),  # 1.3
    ],
)
def test_values_far_apart_have_a_logarithmic_one(values, ticks):
    axis = scale(values, seconds)
    assert axis["type"] == "log"
    assert axis["tickvals"][: len(ticks)] == pytest.approx(list(ticks))
    assert axis["ticktext"][: len(ticks)] == list(ticks.values())


@pytest.mark.parametrize("values", [[1, 9.9], [0, 100], [-1, 100], [-100, -1]])
def test_near_ones_and_those_that_are_not_above_zero_have_not(values):
    assert scale(values, seconds)["type"] == "linear"


def test_an_axis_is_linear_where_it_must_be_and_without_values():
    assert scale([0.001, 0.9], percent, log=False)["type"] == "linear"
    assert scale([], seconds) == {"type": "linear"}


@pytest.mark.parametrize(
    ("values", "ends"),
    [([5, 5], [4.826, 5.174]), ([0], [-0.58, 0.58]), ([100, 100.1], [96.56652, 103.53348])],
)
def test_values_that_are_as_good_as_the_same_stand_in_the_middle(values, ends):
    """0.58 times the span to either side, which is 0.06 of the largest at least."""
    assert scale(values, number)["range"] == pytest.approx(ends)


def test_the_least_that_an_axis_spans_can_be_said():
    axis = scale([0.9701, 0.9702], percent, log=False, least=0.002)
    assert axis["range"] == pytest.approx([0.97015 - 0.00116, 0.97015 + 0.00116])
    assert axis["ticktext"] == ["96.9 %", "96.95 %", "97 %", "97.05 %", "97.1 %"]


@given(st.floats(1e-8, 1e5), st.floats(1.0, 19.0))
def test_three_digits_tell_all_ticks_apart(low, factor):
    axis = scale([low, low * factor], seconds)
    assert len(set(axis["ticktext"])) == len(axis["ticktext"])


@given(st.lists(SIZES | SIZES.map(lambda size: -size) | st.just(0.0), min_size=2, max_size=2, unique=True))
def test_a_linear_axis_has_two_to_eight_ticks_upwards_within_its_range(values):
    axis = scale(values, number, log=False)
    (low, high), ticks = axis["range"], axis["tickvals"]
    rounding = (high - low) / 1e9
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert low - rounding <= ticks[0] < ticks[-1] <= high + rounding
    assert low < min(values) < max(values) < high


@given(SIZES, st.floats(20.001, 1e9))
def test_ticks_of_a_logarithmic_axis_enclose_its_values(low, times):
    axis = scale([low, low * times], number)
    assert axis["type"] == "log"
    assert axis["tickvals"] == sorted(set(axis["tickvals"]))
    assert axis["tickvals"][0] <= low * (1 + 1e-9)
    assert axis["tickvals"][-1] >= low * times * (1 - 1e-9)


def test_few_settings_have_a_tick_each():
    axis = axis_of([10, 100, 10_000])
    assert (axis["type"], axis["tickvals"], axis["ticktext"]) == (
        "log",
        [10, 100, 10_000],
        ["10", "100", "10,000"],
    )
    assert axis_of(range(1, 10))["tickvals"] == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("value", "words"), [(10_000, "10,000"), (1000.0, "1,000"), (999.5, "999.5"), (3e-4, "0.0003"), (0, "0")]
)
def test_a_setting_reads_as_it_was_written(value, words):
    assert number(value) == words


def test_bars_reach_from_the_middle_to_the_ends_where_these_are_known():
    bars = reaches([9.0, None], [10.0, 20.0], [12.0, None])
    assert (bars["array"], bars["arrayminus"], bars["symmetric"]) == ([2.0, 0.0], [1.0, 0.0], False)
    assert reaches([None, None], [10.0, 20.0], [None, None]) is None
    assert reaches([], [], []) is None


def test_text_is_text_not_html():
    assert plain('<b>a & "b"') == '&lt;b&gt;a &amp; "b"'


def test_an_axis_is_called_by_its_setting():
    assert axis_words("batch_size") == "batch size"
    assert axis_words("hidden") == "units of each hidden layer"
