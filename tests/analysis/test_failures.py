import pytest

from bench.analysis.failures import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [(None, None), ("", None), (" \n ", None), ("one", "one"), ("\none\ntwo", "one")],
    ids=repr,
)
def test_the_first_line_of_a_recorded_error(error, line):
    assert first_line(error) == line
