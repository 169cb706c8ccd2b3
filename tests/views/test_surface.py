import io
import math
import re
from dataclasses import replace

import pytest
from rich.console import Console

from bench.analysis.surface import Cell, Surface
from bench.views.surface import surface_grids, surface_markdown
from tests.runs import origin

MISS = math.inf
GPU = "8 × NVIDIA H100 80GB HBM3"


def reached(seconds, runs=3):
    return Cell("reached", runs, runs, seconds, 0.98)


def partly(seconds, count, runs=3):
    return Cell("partly", runs, count, seconds, 0.98)


def missed(best):
    return Cell("missed", 3, 0, MISS, best)


def none(outcome, best=None):
    return Cell(outcome, 3, 0, MISS, best)


SURFACE = Surface(
    suite="surface",
    sweep="adam",
    label="",
    origin=origin("AMD EPYC 7763, 64 cores"),
    target_accuracy=0.97,
    batches=(10, 10_000),
    learning_rates=(1e-4, 3e-3, 0.1, 1.0),
    cells=(
        (reached(12.34), reached(0.5), none("not-learning", 0.113), none("diverged")),
        (missed(0.96996), partly(2.0, 2), partly(MISS, 1), None),
    ),
)
RATES = tuple(10.0**-i for i in range(9, 0, -1))
WIDE = replace(
    SURFACE,
    batches=(10, 100),
    learning_rates=RATES,
    cells=(tuple(reached(float(i)) for i in range(1, 10)), (missed(0.951),) * 9),
)


@pytest.fixture
def coloured():
    """Call with a surface; gives what a terminal gets, with its codes for colours."""

    def render(surface):
        console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(surface_grids([surface]))
        return console.file.getvalue()

    return render


def test_a_grid_has_a_row_per_batch_and_a_column_per_learning_rate(rendered):
    assert [line.rstrip() for line in rendered(surface_grids([SURFACE]), 80)] == [
        "",
        "surface · adam: seconds to 97 % validation accuracy",
        "        learning rate",
        " batch   1e-4     0.003    0.1    1",
        "    10   12.3    ★0.500  11.3%  div",
        "10,000  96.9%  2.00 2/3    1/3",
        "",
        "★ fastest median · k/n reached it, the others count as infinite · % best",
        "accuracy of a miss · % at chance · div diverged · blank not run",
    ]


def test_a_missed_target_never_reads_as_if_it_was_reached(rendered):
    lines = rendered(surface_grids([SURFACE]), 80)
    assert "96.9%" in lines[5]
    assert "97.0%" not in lines[5]


@pytest.mark.parametrize(
    ("outcome", "word", "meaning"),
    [
        ("diverged", "div", "div diverged"),
        ("out-of-memory", "oom", "oom out of memory"),
        ("failed", "fail", "fail failed"),
    ],
)
def test_each_failure_has_its_word_and_the_legend_explains_it(rendered, outcome, word, meaning):
    surface = replace(WIDE, cells=((none(outcome), *[reached(1.0)] * 8), (reached(2.0),) * 9))
    lines = rendered(surface_grids([surface]), 140)
    assert lines[4].split()[:2] == ["10", word]
    assert lines[-1].split(" · ") == ["★ fastest median", meaning]


def test_the_legend_explains_only_what_is_there(rendered):
    surface = replace(WIDE, cells=((missed(0.9),) * 9,) * 2)
    assert rendered(surface_grids([surface]), 80)[-1] == "% best accuracy of a miss"


def test_the_time_of_a_cell_colours_it_from_green_through_yellow_to_red(coloured):
    cells = ((reached(1.0), reached(10.0)), (reached(100.0), none("diverged")))
    shown = coloured(replace(SURFACE, learning_rates=(1e-3, 1e-2), cells=cells))
    backgrounds = re.findall(r"48;2;(\d+;\d+;\d+)m *(\S+)", shown)
    # By the logarithm, 10 lies in the middle between 1 and 100.
    assert backgrounds == [("87;187;106", "★1.00"), ("240;214;92", "10.0"), ("233;109;84", "100")]
    assert re.search(r"\x1b\[1;31m *div", shown)


def test_cells_without_a_median_have_no_colour_of_a_time(coloured):
    cells = ((missed(0.95), none("not-learning", 0.1)), (partly(MISS, 1), none("failed")))
    shown = coloured(replace(SURFACE, learning_rates=(1e-3, 1e-2), cells=cells))
    assert "48;2;" not in shown
    assert "★" not in shown
    for code, word in (("2", "95.0%"), ("31", "10.0%"), ("33", "1/3"), ("1;35", "fail")):
        assert re.search(rf"\x1b\[{code}m *{word}", shown)


def test_times_that_are_all_alike_are_all_green(coloured):
    shown = coloured(replace(WIDE, cells=((reached(1.0),) * 9,) * 2))
    assert set(re.findall(r"48;2;(\d+;\d+;\d+)m", shown)) == {"87;187;106"}


@pytest.mark.parametrize(
    ("fastest", "words"),
    [
        (0.01234, "★0.0123 seconds"),
        (9.996, "★10.0 seconds"),
        (599.0, "★599 seconds"),
        (600.0, "★10.0 minutes"),
        (36_000.0, "★10.0 hours"),
    ],
)
def test_one_unit_serves_all_cells_and_fits_the_fastest(rendered, fastest, words):
    cells = ((reached(fastest), reached(100 * fastest)),) * 2
    lines = rendered(surface_grids([replace(SURFACE, learning_rates=(1e-3, 1e-2), cells=cells)]), 80)
    figure, unit = words.split()
    assert f"{unit} to 97 %" in lines[1]
    assert lines[4].split()[1] == figure


def test_a_long_time_has_all_digits_of_its_whole_part(rendered):
    cells = ((reached(1.0), reached(12_345.6)),) * 2
    lines = rendered(surface_grids([replace(SURFACE, learning_rates=(1e-3, 1e-2), cells=cells)]), 80)
    assert lines[4].split() == ["10", "★1.00", "12346"]


def grids(lines):
    """Learning rates, figures of the first batch and accuracies of the second, of each block in turn."""
    rows = [line.split() for line in lines]
    return [tuple(row[1:] for row in rows[i : i + 3]) for i, row in enumerate(rows) if row[:1] == ["batch"]]


NAMES = ["1e-9", "1e-8", "1e-7", "1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1"]
LONG = ["★1.00", "2.00", "3.00", "4.00", "5.00", "6.00", "7.00", "8.00", "9.00"]
SHORT = ["★1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "8.0", "9.0"]


@pytest.mark.parametrize(
    ("width", "figures", "accuracy", "sizes"),
    [
        (69, LONG, "95.1%", [9]),  # 6 for the batch, 7 a column
        (68, SHORT, "95%", [9]),
        (60, SHORT, "95%", [9]),  # "1e-9" and the like take 6, "0.001" takes 7, "0.1" 5
        (59, LONG, "95.1%", [4, 5]),
        (40, SHORT, "95%", [4, 5]),
        (20, LONG, "95.1%", [1, 2, 2, 2, 2]),
    ],
)
def test_a_grid_too_wide_has_fewer_digits_and_then_several_blocks(rendered, width, figures, accuracy, sizes):
    lines = rendered(surface_grids([WIDE]), width)
    assert max(map(len, lines)) <= width
    blocks = grids(lines)
    assert [len(rates) for rates, _, _ in blocks] == sizes
    assert [rate for rates, _, _ in blocks for rate in rates] == NAMES
    assert [figure for _, times, _ in blocks for figure in times] == figures
    assert {word for _, _, words in blocks for word in words} == {accuracy}


def test_a_label_and_several_machines_are_named(rendered):
    other = replace(SURFACE, label="loop=fit", origin=origin(GPU), target_accuracy=0.9725)
    said = [" ".join(line.split()) for line in rendered(surface_grids([SURFACE, other]), 140)]
    assert "surface · adam: seconds to 97 % validation accuracy on AMD EPYC 7763, 64 cores" in said
    assert f"surface · adam · loop=fit: seconds to 97.25 % validation accuracy on {GPU}" in said


def test_text_in_brackets_is_text_not_markup(rendered):
    assert rendered(surface_grids([replace(SURFACE, suite="[red]")]), 80)[1].startswith("[red] · adam")


def test_no_surface_is_nothing(rendered):
    assert rendered(surface_grids([]), 80) == []
    assert surface_markdown([]) == ""


def test_markdown_has_a_title_and_a_table_with_the_fastest_in_bold():
    assert surface_markdown([SURFACE, SURFACE]).splitlines() == [
        *(
            "**surface · adam**: seconds to 97 % validation accuracy",
            "",
            "| batch \\ learning rate | 1e-4 | 0.003 | 0.1 | 1 |",
            "| --- | --- | --- | --- | --- |",
            "| 10 | 12.3 | **0.500** | 11.3% | div |",
            "| 10,000 | 96.9% | 2.00 2/3 | 1/3 |  |",
            "",
        ),
        *(
            "**surface · adam**: seconds to 97 % validation accuracy",
            "",
            "| batch \\ learning rate | 1e-4 | 0.003 | 0.1 | 1 |",
            "| --- | --- | --- | --- | --- |",
            "| 10 | 12.3 | **0.500** | 11.3% | div |",
            "| 10,000 | 96.9% | 2.00 2/3 | 1/3 |  |",
        ),
    ]
