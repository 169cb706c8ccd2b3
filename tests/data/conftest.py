import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from bench.data import digits
from bench.data.cache import DIGITS_FILE
from bench.data.idx import STEMS
from bench.data.layout import Arrays

MNIST_FROM_ROOT = "../shared/data/mnist.npz"


def write_npz(file: Path, arrays: Arrays) -> Path:
    np.savez(file, **arrays._asdict())
    return file


def write_idx(folder: Path, arrays: Arrays, dot: bool = False, zipped: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, array in zip(STEMS, arrays, strict=True):
        name = stem.name.replace("-idx", ".idx") if dot else stem.name
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        content = header + array.tobytes()
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
        else:
            (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def clothes() -> Arrays:
    """Arrays of the full shape that are no known data set: a stand-in for Fashion-MNIST."""
    x_train = np.zeros((60_000, 28, 28), np.uint8)
    x_train[:, 10:18, 10:18] = (np.arange(60_000) % 251)[:, None, None]
    x_test = np.zeros((10_000, 28, 28), np.uint8)
    x_test[:, 3] = 200
    y_train = (np.arange(60_000) % 10).astype(np.uint8)
    return Arrays(x_train, y_train, x_test, y_train[:10_000].copy())


@pytest.fixture(scope="session")
def clothes_npz(clothes, tmp_path_factory) -> Path:
    return write_npz(tmp_path_factory.mktemp("npz") / "clothes.npz", clothes)


@pytest.fixture(scope="session")
def clothes_idx(clothes, tmp_path_factory) -> Path:
    return write_idx(tmp_path_factory.mktemp("idx"), clothes)


@pytest.fixture(scope="session")
def clothes_gz(clothes, tmp_path_factory) -> Path:
    """The four files as Keras caches them, in a Keras home."""
    home = tmp_path_factory.mktemp("keras")
    write_idx(home / "datasets" / "fashion-mnist", clothes, zipped=True)
    return home


@pytest.fixture(scope="session")
def mnist_npz() -> Path:
    """The real MNIST, which the repository does not carry; in CI it has to be there."""
    root = Path(__file__).parents[2]
    file = Path(os.environ.get("BENCH_TEST_MNIST") or root / MNIST_FROM_ROOT)
    if not file.is_file():
        reason = f"MNIST is not at {file}; set BENCH_TEST_MNIST to an mnist.npz"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return file


@pytest.fixture(scope="session")
def mnist_idx(mnist_npz, tmp_path_factory) -> Path:
    """The real MNIST as IDX files, their names with a dot."""
    with np.load(mnist_npz, allow_pickle=False) as members:
        arrays = Arrays(**{name: members[name] for name in Arrays._fields})
    return write_idx(tmp_path_factory.mktemp("mnist-idx"), arrays, dot=True)


@pytest.fixture(scope="session")
def generated() -> Arrays:
    """The digits."""
    return digits.generate()


@pytest.fixture(scope="session")
def digits_cache(generated, tmp_path_factory) -> Path:
    """A cache folder that holds the digits; not to be written to."""
    return write_npz(tmp_path_factory.mktemp("cache") / DIGITS_FILE, generated).parent


@pytest.fixture
def bare(tmp_path) -> dict[str, str]:
    """An environment where no data set is to be found, and where a download fails at once."""
    unreachable = "http://127.0.0.1:9"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return {
        **kept,
        "KERAS_HOME": str(tmp_path / "keras-home"),
        "BENCH_CACHE": str(tmp_path / "bench-cache"),
        "http_proxy": unreachable,
        "https_proxy": unreachable,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
