"""Seeds of two sides."""

import pytest

from bench.analysis.seeds import common_seeds


@pytest.mark.parametrize(
    ("number", "said"), [(0, "no common seeds"), (1, "1 common seed"), (5, "5 common seeds")]
)
def test_seeds_are_counted_in_words(number, said):
    assert common_seeds(number) == said
