import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.training.order import epoch_order

SEEDS = st.integers(0, 2**31 - 1)
EPOCHS = st.integers(0, 1000)


@given(samples=st.integers(1, 500), seed=SEEDS, epoch=EPOCHS)
def test_every_image_comes_once(samples, seed, epoch):
    order = epoch_order(samples, seed, epoch)
    assert order.dtype == np.int32
    assert sorted(order) == list(range(samples))


@given(seed=SEEDS, epoch=EPOCHS)
def test_seed_and_epoch_repeat_an_order(seed, epoch):
    assert np.array_equal(epoch_order(100, seed, epoch), epoch_order(100, seed, epoch))


def test_every_epoch_of_every_seed_has_an_order_of_its_own():
    orders = {tuple(epoch_order(100, seed, epoch)) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100


def test_the_whole_set_is_shuffled_and_not_stretches_of_it():
    # A uniform permutation moves an image by a third of the set on average; a shuffle buffer by its own size.
    order = epoch_order(50_000, 0, 1)
    assert abs(np.abs(order - np.arange(50_000)).mean() / 50_000 - 1 / 3) < 0.01
