import pytest

from bench.analysis.origin import Origin
from bench.views.origins import origin_names, origin_numbers, told_by

A = Origin("s1", "a CPU", "3f9a01", "77aa02")
LATER = Origin("s2", "a CPU", "3f9a01", "77aa02")
GPU = Origin("s1", "a GPU", "aaaaaa", "77aa02")
TWIN = Origin("s1", "a CPU", "77aa01", "77aa02")
UPGRADED = Origin("s1", "a CPU", "3f9a01", "77ab03")


@pytest.mark.parametrize(
    ("origins", "names", "by"),
    [
        ([A], [""], "on"),
        ([LATER, A], ["s2", "s1"], "session"),
        ([A, GPU], ["a CPU", "a GPU"], "machine"),
        ([A, TWIN], ["a CPU (3f9a)", "a CPU (77aa)"], "machine"),
        ([A, UPGRADED], ["software 77aa", "software 77ab"], "software"),
        ([LATER, GPU], ["s2, a CPU", "s1, a GPU"], "on"),
        ([A, LATER, GPU, UPGRADED], 4 * [None], "on"),
    ],
)
def test_they_are_named_by_what_differs(origins, names, by):
    found = origin_names([*origins, *origins])
    assert list(found) == origins
    assert names[0] is None or list(found.values()) == names
    assert len(set(found.values())) == len(origins)
    assert told_by(origins) == by


def test_other_software_is_named_only_where_all_else_is_the_same():
    """An upgrade between two sessions: the sessions' names tell them apart."""
    assert origin_names([A, Origin("s2", "a CPU", "3f9a01", "77ab03")]) == {
        A: "s1",
        Origin("s2", "a CPU", "3f9a01", "77ab03"): "s2",
    }


def test_numbers_go_by_session_and_one_alone_has_none():
    assert origin_numbers([LATER, A, GPU, A]) == {A: "1", GPU: "2", LATER: "3"}
    assert origin_numbers([A, A]) == {}


def test_what_is_not_known_sorts_and_has_a_name():
    pooled = [Origin(None, "a CPU", None, None), Origin(None, "unknown", None, None)]
    assert origin_names(pooled) == dict(zip(pooled, ("a CPU", "unknown"), strict=True))
    assert list(origin_numbers(pooled[::-1]).values()) == ["1", "2"]
