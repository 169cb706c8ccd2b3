"""The embedded data set: scikit-learn's 1,797 scanned digits, expanded to MNIST's exact shape.

The same bytes come out on every machine: the random stream is NumPy's frozen one (`RandomState`, NEP 19),
and the arithmetic is nothing but IEEE additions, products and quotients, each rounded by itself. Hence no
`uniform`, no trigonometry and no matrix product, whose last bit differs between compilers, maths libraries
and processors.
"""

import os
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bench.data.layout import Arrays, Bytes
from bench.data.shapes import CLASSES, SIDE, TEST_SIZE, TRAIN_SIZE, VAL_SIZE

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int64]

SEED = 20_240_601
HELD_OUT = 0.15
"""Share of each class's originals that go to validation, and the same again to test."""

GLYPH_SIDE = 20
"""The glyph's frame within the 28 pixels, as in MNIST."""

HALF_ANGLE_TANGENT = 0.0875
"""The largest tangent of half the rotation: 10 degrees."""

SCALE_RANGE = (0.9, 1.1)
LARGEST_SHEAR = 0.15
LARGEST_SHIFT = 1.5
"""Output pixels."""

SCAN_SIDE = 8
SCAN_MAX = 16
PAD = 1
CHUNK = 100


def generate() -> Arrays:
    """The data set in MNIST's layout; takes a few seconds.

    Source: scikit-learn's `load_digits` (the test part of UCI's Optical Recognition of Handwritten Digits).
    """
    scans, labels = _originals()
    stream = np.random.RandomState(SEED)
    originals = expand(split_originals(labels.astype(np.int64), stream), stream)
    images = _draw(scans.reshape(-1, SCAN_SIDE, SCAN_SIDE), originals, _jitter(len(originals), stream))
    classes = labels[originals].astype(np.uint8)
    cut = TRAIN_SIZE + VAL_SIZE
    return Arrays(images[:cut], classes[:cut], images[cut:], classes[cut:])


def _originals() -> tuple[Floats, Indices]:
    """The scans, shape (1797, 64), and what they show.

    scikit-learn sets variables of OpenMP as it is imported (KMP_*, in its `__init__`), which must not be
    taken for settings of this machine, nor be inherited by those that train.
    """
    before = dict(os.environ)
    try:
        from sklearn.datasets import load_digits

        scans, labels = load_digits(return_X_y=True)
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
    return scans, labels


def split_originals(labels: Indices, stream: np.random.RandomState) -> list[list[Indices]]:
    """For each split (train, validation, test) and each class, the numbers of the originals in it.

    Every original is in exactly one split: its copies resemble each other, so one that was trained on
    would make the other splits look easier than they are.
    """
    splits: list[list[Indices]] = [[], [], []]
    for label in range(CLASSES):
        members = stream.permutation(np.flatnonzero(labels == label))
        held = round(HELD_OUT * len(members))
        parts = (members[2 * held :], members[:held], members[held : 2 * held])
        for split, part in zip(splits, parts, strict=True):
            split.append(part)
    return splits


def expand(splits: list[list[Indices]], stream: np.random.RandomState) -> Indices:
    """The original behind each of the 70,000 images, shape (70000,): train, then validation, then test.

    Within a split every class has as many images as the others, every original of a class as many copies
    as the others give or take one, and the classes are mixed.
    """
    sizes = (TRAIN_SIZE, VAL_SIZE, TEST_SIZE)
    rows = []
    for classes, size in zip(splits, sizes, strict=True):
        copies = [np.resize(members, size // CLASSES) for members in classes]
        rows.append(stream.permutation(np.concatenate(copies)))
    return np.concatenate(rows)


def _jitter(count: int, stream: np.random.RandomState) -> Floats:
    """For each image the map from output offset to scan offset, and its shift: shape (6, count)."""
    tangent, shear, shift_x, shift_y = 2.0 * stream.random_sample((4, count)) - 1.0
    low, high = SCALE_RANGE
    scale_x, scale_y = low + (high - low) * stream.random_sample((2, count))
    tangent = HALF_ANGLE_TANGENT * tangent
    square = tangent * tangent
    cosine = (1.0 - square) / (1.0 + square)
    sine = 2.0 * tangent / (1.0 + square)
    shear = LARGEST_SHEAR * shear
    zoom = SCAN_SIDE / GLYPH_SIDE
    across, down = zoom / scale_x, zoom / scale_y
    xx, xy = (cosine + shear * sine) * across, (shear * cosine - sine) * across
    yx, yy = sine * down, cosine * down
    return np.stack([xx, xy, yx, yy, LARGEST_SHIFT * shift_x, LARGEST_SHIFT * shift_y])


def _draw(scans: Floats, originals: Indices, maps: Floats) -> Bytes:
    """Every image, shape (n, 28, 28): its original seen through its map, a chunk at a time."""
    frame = ((0, 0), (PAD, PAD + 1), (PAD, PAD + 1))
    padded = np.pad(scans, frame)
    images = np.empty((len(originals), SIDE, SIDE), np.uint8)
    for start in range(0, len(originals), CHUNK):
        part = slice(start, start + CHUNK)
        images[part] = _draw_chunk(padded, originals[part], maps[:, part])
    return images


def _draw_chunk(padded: Floats, originals: Indices, maps: Floats) -> Floats:
    """Bilinear interpolation of the padded scans, shape (chunk, 28, 28), as whole numbers of 0 to 255."""
    xx, xy, yx, yy, shift_x, shift_y = maps[:, :, None, None]
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    across = offset[None, None, :] - shift_x
    down = offset[None, :, None] - shift_y
    column, right = _cell(xx * across + xy * down)
    row, below = _cell(yx * across + yy * down)
    side = padded.shape[1]
    corner = originals[:, None, None] * (side * side) + row * side + column
    ink = padded.reshape(-1)
    upper = ink[corner] * (1.0 - right) + ink[corner + 1] * right
    lower = ink[corner + side] * (1.0 - right) + ink[corner + side + 1] * right
    images: Floats = np.rint((upper * (1.0 - below) + lower * below) * (255.0 / SCAN_MAX))
    return images


def _cell(offset: Floats) -> tuple[Indices, Floats]:
    """The padded scan's cell that an offset from its middle falls in, and how far into it."""
    position = np.clip(offset + (PAD + (SCAN_SIDE - 1) / 2), 0.0, PAD + SCAN_SIDE)
    cell = np.floor(position)
    return cell.astype(np.int64), position - cell
