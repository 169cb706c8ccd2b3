"""The paragraphs below a comparison's table."""

from dataclasses import replace

import pytest

from bench.analysis.accuracy import AccuracyDifference
from bench.views.comparison import notes
from bench.views.comparison.details import Details


def test_seeds_are_not_asked_for_where_there_is_one_figure(built):
    """A published figure will never have more; what was refused is said."""
    same = AccuracyDifference("same", 0.0, -0.0002, 0.0004, pairs=10)
    few = AccuracyDifference(None, -0.01, None, None, reason="no common seeds, 3 needed")
    refused = AccuracyDifference(reason="the data differ (dataset_sha256)")
    rows = [built.figured("a", "below", 4, 0, 0.2, 0.5), built.row("b")]

    def told(*accuracies):
        found = built.comparison(rows)
        return list(notes.quality_lines(replace(found, quality=built.quality(found, accuracies))))

    assert told(few, same) == []
    assert told(same, few) == ["Accuracy: no common seeds, 3 needed (scenario 1)."]
    assert told(refused, same) == ["Accuracy: the data differ (dataset_sha256) (scenario 0)."]


def test_what_every_row_says_no_table_says_again(built):
    loop, jit = (built.difference("settings", name, "x", "y") for name in ("loop", "jit"))
    rows = [built.row("a", setting_differences=(loop, jit)), built.row("b", setting_differences=(loop,))]
    found = built.comparison(rows, differences=(loop, jit))
    told = Details(found).settings_of_every_row
    assert notes.difference_rows(found, told) == [("settings", "jit", "x", "y")]
    assert Details(built.comparison(rows[:1])).settings_of_every_row == []


@pytest.mark.parametrize(
    ("unit", "sessions", "said"),
    [
        ("run", 1, ", the middle one of all pairs of runs;"),
        ("none", 1, ";"),
        ("none", 2, " by the medians of sessions (A and B show those of runs);"),
        ("session", 4, " by the medians of sessions (A and B show those of runs);"),
    ],
)
def test_the_legend_says_what_a_ratio_is_of(built, unit, sessions, said):
    found = built.comparison([built.row()], basis=built.basis(unit, sessions, sessions))
    assert next(notes.legend([found])).startswith(f"B/A: B's time over A's{said} below 1")
