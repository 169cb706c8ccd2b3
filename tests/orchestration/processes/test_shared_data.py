"""Data sets that go from one process to another without a copy."""

import os
from dataclasses import fields

import numpy as np
import pytest

from bench.data.datasets import Dataset
from bench.errors import BenchError
from bench.orchestration.processes import shared_data
from bench.orchestration.processes.shared_data import mapped, share


def small(name):
    """Of the right types, and of few rows."""
    rng = np.random.default_rng(len(name))
    images = [rng.integers(0, 256, (count, 784), np.uint8) for count in (5, 3, 2)]
    labels = [rng.integers(0, 10, count, np.uint8) for count in (5, 3, 2)]
    of_splits = [array for pair in zip(images, labels, strict=True) for array in pair]
    return Dataset(name, *of_splits, sha256="ab", mean=0.1, deviation=0.3, source="here")


@pytest.fixture
def shared():
    """Call with data sets; gives the descriptor of their file, which is closed in the end."""
    opened = []

    def put(*datasets):
        opened.append(share({dataset.name: dataset for dataset in datasets}))
        return opened[-1]

    yield put
    for descriptor in opened:
        os.close(descriptor)


def test_all_fields_of_all_of_them_arrive(shared):
    given = [small("digits"), small("mnist")]
    found = mapped(shared(*given))
    assert list(found) == ["digits", "mnist"]
    for dataset in given:
        for field in fields(Dataset):
            before, after = getattr(dataset, field.name), getattr(found[dataset.name], field.name)
            np.testing.assert_array_equal(before, after)
            assert getattr(before, "dtype", None) == getattr(after, "dtype", None)


def test_none_is_a_file_with_none(shared):
    assert mapped(shared()) == {}


def test_the_arrays_are_contiguous_and_nobody_can_change_them(shared):
    images = mapped(shared(small("digits")))["digits"].x_train
    assert images.flags.c_contiguous
    assert not images.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0] = 1


def test_that_there_is_no_room_is_told_in_one_line(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_data, "_file", full)
    with pytest.raises(BenchError, match="no room to share the data sets in: No space left on device; free"):
        share({})
