import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.data import cache, digits
from bench.data.cache import DIGITS_FILE, cache_folder, cached_digits
from bench.data.datasets import load
from bench.data.identity import DIGITS_SHA256
from bench.data.layout import SHAPES, sha256
from bench.data.npz import read_npz
from bench.errors import DataError


@pytest.fixture
def counted(generated, monkeypatch):
    """Stands in for the generator; a list with one entry per call."""
    calls = []

    def generate():
        calls.append("generate")
        return generated

    monkeypatch.setattr(cache, "generate", generate)
    return calls


def test_the_bytes_are_the_pinned_ones(generated):
    assert sha256(generated) == DIGITS_SHA256
    assert DIGITS_SHA256 == "021da187459e6c8a11c8a3c9fad9b15eb3bf4a556b7fb9d98ed2d37867c0fa91"


def test_scikit_learn_leaves_the_environment_as_it_was():
    """In a fresh process: it sets variables of OpenMP as it is imported, where they are not set."""
    program = (
        "import os, sys\nfrom bench.data import digits\nbefore = dict(os.environ)\n"
        "scans, labels = digits._originals()\n"
        "print(len(scans), len(labels), 'sklearn' in sys.modules, os.environ == before)"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KMP_")}
    said = subprocess.check_output([sys.executable, "-c", program], env=environ, text=True)
    assert said == "1797 1797 True True\n"


def test_the_layout_is_mnists(generated):
    for name, array in generated._asdict().items():
        assert array.dtype == np.uint8
        assert array.shape == SHAPES[name]
        assert array.flags.c_contiguous


def test_the_images_look_like_mnists(generated):
    images = generated.x_train
    border = np.ones((28, 28), bool)
    border[2:-2, 2:-2] = False
    assert images.max() == 255
    assert 0.1 < images.mean() / 255 < 0.2
    assert images[:, border].mean() < 0.05 * images.mean()


def test_every_class_is_as_large_as_the_others_in_every_split(generated):
    splits = (generated.y_train[:50_000], generated.y_train[50_000:], generated.y_test)
    for labels, each in zip(splits, (5_000, 1_000, 1_000), strict=True):
        assert np.bincount(labels).tolist() == [each] * 10


def test_the_classes_are_mixed_in_training_order(generated):
    batches = generated.y_train[:50_000].reshape(-1, 100)
    assert min(len(np.unique(batch)) for batch in batches) == 10


def test_no_two_splits_share_an_original():
    labels = np.repeat(np.arange(10), 180)
    stream = np.random.RandomState(1)
    rows = digits.expand(digits.split_originals(labels, stream), stream)
    train, val, test = (set(part.tolist()) for part in np.split(rows, [50_000, 60_000]))
    assert not train & val
    assert not train & test
    assert not val & test
    assert train | val | test == set(range(1_800))
    assert (len(train), len(val), len(test)) == (1_260, 270, 270)


def test_the_real_originals_of_a_split_keep_their_labels(generated):
    from sklearn.datasets import load_digits

    labels = load_digits().target
    stream = np.random.RandomState(digits.SEED)
    rows = digits.expand(digits.split_originals(labels, stream), stream)
    assert np.array_equal(labels[rows], np.concatenate([generated.y_train, generated.y_test]))


def test_an_image_without_jitter_is_the_scan_enlarged_in_the_middle():
    scan = np.zeros((1, 8, 8))
    scan[0, :, :4] = 16.0
    zoom = 8 / 20
    still = np.array([[zoom], [0.0], [0.0], [zoom], [0.0], [0.0]])
    image = digits._draw(scan, np.zeros(1, np.int64), still)[0]
    assert (image[6:22, 6:13] == 255).all()
    assert (image[:, 16:] == 0).all()
    assert (image[:2] == 0).all()


def test_generating_writes_the_cache_and_later_loads_read_it(counted, tmp_path):
    environ = {"BENCH_CACHE": str(tmp_path / "new")}
    first, _ = cached_digits(environ)
    second, found = cached_digits(environ)
    assert counted == ["generate"]
    assert found == DIGITS_SHA256
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert [file.name for file in (tmp_path / "new").iterdir()] == [DIGITS_FILE]


def test_a_data_set_from_the_cache(digits_cache, counted):
    dataset = load("digits", None, {"BENCH_CACHE": str(digits_cache)})
    assert counted == []
    assert dataset.sha256 == DIGITS_SHA256
    assert dataset.source == "generated"
    assert dataset.mean == pytest.approx(0.155434, abs=1e-6)
    assert dataset.deviation == pytest.approx(0.269344, abs=1e-6)


def _cut(content):
    return content[: len(content) // 2]


def _flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _open_bracket(content):
    return content.replace(b"'shape': (60000, 28, 28), }", b"'shape': (60000, 28, 28,   ", 1)


@pytest.mark.parametrize(
    "damage",
    [_cut, _flip, _open_bracket, lambda _: b""],
    ids=["cut", "flipped bit", "header without an end", "empty"],
)
def test_a_damaged_cache_is_made_anew(digits_cache, counted, damage, tmp_path):
    file = tmp_path / DIGITS_FILE
    file.write_bytes(damage((digits_cache / DIGITS_FILE).read_bytes()))
    _, found = cached_digits({"BENCH_CACHE": str(tmp_path)})
    assert found == DIGITS_SHA256
    assert counted == ["generate"]
    assert sha256(read_npz(file)) == DIGITS_SHA256


def test_a_cache_of_other_data_is_made_anew(counted, clothes, tmp_path):
    cache._write(tmp_path / DIGITS_FILE, clothes)
    _, found = cached_digits({"BENCH_CACHE": str(tmp_path)})
    assert found == DIGITS_SHA256
    assert counted == ["generate"]


def test_a_cache_that_cannot_be_written_is_no_error(counted, tmp_path):
    (tmp_path / "file").write_text("in the way")
    environ = {"BENCH_CACHE": str(tmp_path / "file" / "cache")}
    for _ in range(2):
        assert cached_digits(environ)[1] == DIGITS_SHA256
    assert counted == ["generate"] * 2


def test_a_cache_in_a_home_that_is_not_known_is_left_out(counted, monkeypatch):
    assert cached_digits({"BENCH_CACHE": "~nosuchuser/cache"})[1] == DIGITS_SHA256
    monkeypatch.setattr(cache.platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/bench"))
    assert cached_digits({})[1] == DIGITS_SHA256
    assert counted == ["generate"] * 2
    assert not Path("~").exists()


@pytest.mark.parametrize("name", ["n" * 300, "loop", "pipe"])
def test_a_cache_that_cannot_be_looked_at_is_left_out_and_left_alone(counted, tmp_path, name):
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / DIGITS_FILE).symlink_to(tmp_path / "pipe")
    folder = tmp_path / ("there" if name == "pipe" else name)
    assert cached_digits({"BENCH_CACHE": str(folder)})[1] == DIGITS_SHA256
    assert counted == ["generate"]
    assert (tmp_path / "there" / DIGITS_FILE).is_fifo()


def test_a_write_that_fails_leaves_nothing(counted, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", full)
    assert cached_digits({"BENCH_CACHE": str(tmp_path)})[1] == DIGITS_SHA256
    assert counted == ["generate"]
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_generates_other_bytes_is_told(clothes, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "generate", lambda: clothes)
    with pytest.raises(DataError, match=r"digits generated here hash to .* expected 021da187459e") as caught:
        cached_digits({"BENCH_CACHE": str(tmp_path)})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_elsewhere_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cache_folder({"BENCH_CACHE": "s3://bucket/cache"}) is None
    assert cache_folder({"BENCH_CACHE": f"file://{tmp_path}"}) == tmp_path
