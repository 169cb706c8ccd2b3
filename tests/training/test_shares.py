import pytest

from bench.records.scenario import Scenario
from bench.training.shares import share_size, steps_of, updates_per_epoch


def servers(batch, workers):
    return Scenario(hidden=[8], batch_size=batch, strategy="parameter_server", workers=workers)


@pytest.mark.parametrize(
    ("samples", "replicas", "size"), [(200, 2, 100), (201, 2, 101), (5, 4, 2), (7, 1, 7)]
)
def test_shares_are_as_large_as_the_first_one_has_to_be(samples, replicas, size):
    assert share_size(samples, replicas) == size


@pytest.mark.parametrize(
    ("batch", "workers", "steps"),
    [
        (200, 2, [250, 250]),
        # 248 of 201, then 152 images: 101 and 51 of them.
        (201, 2, [249, 249]),
        # 260 of 192, then 80: the first share of 96 has them all.
        (192, 2, [261, 260]),
        # 10,000 of 5, in shares of 2, 2, 1 and none.
        (5, 4, [10_000, 10_000, 10_000, 0]),
    ],
)
def test_a_share_takes_part_in_the_steps_that_have_something_for_it(batch, workers, steps):
    scenario = servers(batch, workers)
    assert [steps_of(share, scenario) for share in range(workers)] == steps
    assert updates_per_epoch(scenario) == sum(steps)


def test_replicas_in_step_update_once_a_step():
    assert updates_per_epoch(Scenario(hidden=[8], batch_size=192, strategy="mirrored", devices=4)) == 261
    assert updates_per_epoch(Scenario(hidden=[8], batch_size=192)) == 261
