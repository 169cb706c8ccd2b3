"""Shifts are read off by matching: noise moved by one offset equals no other copy of it."""

import itertools

import numpy as np
import pytest

SIDE = 28
NOISE = np.random.default_rng(0).uniform(0.1, 1.0, (3_000, SIDE * SIDE)).astype(np.float32)


@pytest.fixture(params=["eager", "xla"])
def shifter(request, tf):
    """Call with pixels and a seed; gives a function from images to images shifted as in training."""

    def make(pixels, seed):
        from bench.training.shift import RandomShift

        layer = RandomShift(pixels, seed)

        def shift(images):
            return layer(images, training=True)

        call = tf.function(shift, jit_compile=True) if request.param == "xla" else shift
        return lambda images: call(tf.constant(images)).numpy()

    return make


def moved(images, down, right):
    """The reference: rows and columns copied one by one, black where none came from."""
    square = images.reshape(-1, SIDE, SIDE)
    result = np.zeros_like(square)
    for row, column in itertools.product(range(SIDE), range(SIDE)):
        from_row, from_column = row - down, column - right
        if 0 <= from_row < SIDE and 0 <= from_column < SIDE:
            result[:, row, column] = square[:, from_row, from_column]
    return result.reshape(-1, SIDE * SIDE)


def offsets_of(images, shifted, pixels):
    """The offset (down, right) that explains each image exactly, shape (n, 2)."""
    candidates = list(itertools.product(range(-pixels, pixels + 1), repeat=2))
    matches = np.stack([(moved(images, *c) == shifted).all(axis=1) for c in candidates], axis=1)
    assert (matches.sum(axis=1) == 1).all(), "an image is no copy moved by whole pixels"
    return np.array(candidates)[matches.argmax(axis=1)]


@pytest.mark.parametrize("pixels", [1, 2])
def test_content_moves_by_whole_pixels_and_black_moves_in_evenly_over_all_offsets(shifter, pixels):
    offsets = offsets_of(NOISE, shifter(pixels, seed=1)(NOISE), pixels)
    choices = 2 * pixels + 1
    for axis in (0, 1):
        values, counts = np.unique(offsets[:, axis], return_counts=True)
        assert list(values) == list(range(-pixels, pixels + 1))
        expected = len(NOISE) / choices
        deviation = np.sqrt(expected * (1 - 1 / choices))
        assert np.abs(counts - expected).max() < 4 * deviation
    assert len(np.unique(offsets, axis=0)) == choices**2  # the axes are drawn apart
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.1


def test_the_largest_shift_keeps_the_content_exact(shifter):
    images = NOISE[:200]
    offsets = offsets_of(images, shifter(7, seed=1)(images), 7)
    assert np.abs(offsets).max() == 7


def test_images_of_a_batch_get_shifts_of_their_own(shifter):
    same = np.repeat(NOISE[:1], 50, axis=0)
    assert len(np.unique(shifter(1, seed=1)(same), axis=0)) == 9


def test_the_same_seed_gives_the_same_shifts_batch_by_batch(shifter):
    first, second = shifter(1, seed=5), shifter(1, seed=5)
    batches = NOISE[:100], NOISE[100:200]
    assert [first(batch).tobytes() for batch in batches] == [second(batch).tobytes() for batch in batches]


def test_another_seed_and_another_batch_get_other_shifts(shifter):
    shift = shifter(1, seed=5)
    now, later, other = shift(NOISE[:100]), shift(NOISE[:100]), shifter(1, seed=6)(NOISE[:100])
    assert not np.array_equal(now, later)
    assert not np.array_equal(now, other)


def test_eager_and_compiled_shifts_are_the_same(tf):
    from bench.training.shift import RandomShift

    eager, compiled = RandomShift(2, seed=3), RandomShift(2, seed=3)
    call = tf.function(lambda images: compiled(images, training=True), jit_compile=True)
    images = tf.constant(NOISE[:100])
    assert np.array_equal(eager(images, training=True), call(images))


def test_nothing_moves_outside_training(tf):
    from bench.training.shift import RandomShift

    layer = RandomShift(2, seed=3)
    assert np.array_equal(layer(tf.constant(NOISE[:100]), training=False), NOISE[:100])
    assert np.array_equal(layer(tf.constant(NOISE[:100])), NOISE[:100])
