import pytest

from tests.gpu.plan import SPARE_SECONDS, STAGES, Stage, chosen

ONE, TWO, THREE = (Stage(name, name, seconds, 1, 1) for name, seconds in (("a", 30), ("b", 50), ("c", 5)))


def test_with_time_enough_every_stage_is_kept():
    assert chosen(85 + SPARE_SECONDS, (ONE, TWO, THREE)) == ((ONE, TWO, THREE), ())


@pytest.mark.parametrize(
    ("seconds", "kept"), [(84, (ONE, TWO)), (80, (ONE, TWO)), (79, (ONE,)), (30, (ONE,)), (29, ())]
)
def test_the_last_is_dropped_first_though_it_is_small(seconds, kept):
    stages = (ONE, TWO, THREE)
    assert chosen(seconds + SPARE_SECONDS, stages) == (kept, stages[len(kept) :])


def test_every_stage_has_a_name_of_its_own_and_a_deadline_beyond_its_estimate():
    assert len({stage.name for stage in STAGES}) == len(STAGES)
    assert [stage.name for stage in STAGES if stage.deadline <= stage.seconds] == []


def test_what_only_a_gpu_settles_fits_into_eight_minutes():
    kept, _ = chosen(8 * 60)
    names = [stage.name for stage in kept]
    assert names == ["environment", "steps", "lane", "notebook"]
