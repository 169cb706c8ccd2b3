import subprocess
import sys

import numpy as np
import pytest

from bench.data.datasets import load, load_all, pixel_statistics
from bench.data.identity import DIGITS_SHA256, MNIST_SHA256
from bench.data.layout import sha256
from bench.errors import DataError


def _refused(load_it, *arguments):
    with pytest.raises(DataError) as caught:
        load_it(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_splits_are_rows_of_pixels(clothes, clothes_npz, bare):
    dataset = load("fashion-mnist", clothes_npz, bare)
    images = clothes.x_train.reshape(60_000, 784)
    assert np.array_equal(dataset.x_train, images[:50_000])
    assert np.array_equal(dataset.x_val, images[50_000:])
    assert np.array_equal(dataset.x_test, clothes.x_test.reshape(10_000, 784))
    assert np.array_equal(dataset.y_train, clothes.y_train[:50_000])
    assert np.array_equal(dataset.y_val, clothes.y_train[50_000:])
    assert np.array_equal(dataset.y_test, clothes.y_test)
    splits = (dataset.x_train, dataset.x_val, dataset.x_test, dataset.y_train, dataset.y_val, dataset.y_test)
    assert all(split.dtype == np.uint8 and split.flags.c_contiguous for split in splits)
    assert (dataset.name, dataset.sha256) == ("fashion-mnist", sha256(clothes))
    assert dataset.source == str(clothes_npz)


def test_the_statistics_are_those_of_the_training_split(clothes_npz, bare):
    dataset = load("fashion-mnist", clothes_npz, bare)
    values = np.arange(50_000) % 251 / 255
    inked = 8 * 8 / 784
    mean = values.mean() * inked
    assert dataset.mean == pytest.approx(mean, rel=1e-12)
    assert dataset.deviation == pytest.approx(((values**2).mean() * inked - mean**2) ** 0.5, rel=1e-12)


def test_statistics_worked_out_by_hand():
    images = np.zeros((2_500, 4), np.uint8)
    images[:, 0] = 255
    mean, deviation = pixel_statistics(images)
    assert mean == 0.25
    assert deviation == pytest.approx((0.25 * 0.75) ** 0.5, rel=1e-15)


def test_mnist_is_the_published_one(mnist_npz, bare):
    dataset = load("mnist", mnist_npz, bare)
    assert dataset.sha256 == MNIST_SHA256
    assert dataset.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert (round(dataset.mean, 3), round(dataset.deviation, 3)) == (0.131, 0.308)


def test_mnist_as_idx_files_has_the_same_hash(mnist_idx, bare):
    dataset = load("mnist", mnist_idx, bare)
    assert dataset.sha256 == MNIST_SHA256
    assert dataset.source == str(mnist_idx)


def test_mnist_is_refused_as_fashion_mnist(mnist_npz, mnist_idx, bare):
    for data in (mnist_npz, mnist_idx):
        assert f"{data} holds mnist, not fashion-mnist" in _refused(load, "fashion-mnist", data, bare)


def test_other_data_are_refused_as_mnist(clothes_npz, bare):
    message = _refused(load, "mnist", clothes_npz, bare)
    assert f"{clothes_npz} is not the published mnist" in message
    assert "pass --data with the original files" in message


def test_an_unknown_name(bare):
    message = _refused(load_all, ["digits", "fashion_mnist"], None, bare)
    assert "'fashion_mnist' (nearest: fashion-mnist)" in message
    assert "choose one of mnist, fashion-mnist, digits" in message


def test_one_file_cannot_be_both(mnist_npz, mnist_idx, bare):
    for data in (mnist_npz, mnist_idx):
        message = _refused(load_all, ["fashion-mnist", "mnist"], data, bare)
        assert f"--data {data} cannot be both mnist and fashion-mnist" in message
        assert "a folder with mnist.npz and fashion-mnist.npz" in message
        message = _refused(load_all, ["fashion-mnist", "mnist"], None, {**bare, "BENCH_DATA": str(data)})
        assert f"BENCH_DATA {data} cannot be both" in message


def test_a_folder_with_both_serves_both(mnist_npz, clothes_npz, bare, tmp_path):
    (tmp_path / "mnist.npz").symlink_to(mnist_npz.resolve())
    (tmp_path / "fashion-mnist.npz").symlink_to(clothes_npz)
    datasets = load_all(["mnist", "fashion-mnist", "mnist"], tmp_path, bare)
    assert list(datasets) == ["mnist", "fashion-mnist"]
    assert datasets["mnist"].source == str(tmp_path / "mnist.npz")
    assert datasets["fashion-mnist"].source == str(tmp_path / "fashion-mnist.npz")


def test_digits_need_no_data(clothes_npz, digits_cache, bare):
    environ = {**bare, "BENCH_CACHE": str(digits_cache)}
    datasets = load_all(["digits", "fashion-mnist"], clothes_npz, environ)
    assert datasets["digits"].sha256 == DIGITS_SHA256
    assert datasets["digits"].x_train.shape == (50_000, 784)


def test_what_is_imported():
    """The command line reads the names without NumPy; loading brings no TensorFlow, Keras or Ray."""
    script = (
        "import sys; import bench.data.shapes; assert 'numpy' not in sys.modules;"
        "import bench.data.datasets;"
        "print(sorted({'tensorflow', 'keras', 'ray', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
