"""npz and IDX files: what is read, and what is said of files that are not what they should be."""

import gzip
import shutil

import numpy as np
import pytest

from bench.data.idx import STEMS, find_idx, read_idx
from bench.data.layout import SHAPES, sha256
from bench.data.npz import read_npz
from bench.errors import DataError


def _message(read, *arguments):
    with pytest.raises(DataError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_npz_and_idx_of_the_same_data_have_the_same_hash(clothes, clothes_npz, clothes_idx, clothes_gz):
    gz = clothes_gz / "datasets" / "fashion-mnist"
    hashes = {
        sha256(clothes),
        sha256(read_npz(clothes_npz)),
        sha256(read_idx(find_idx(clothes_idx))),
        sha256(read_idx(find_idx(gz))),
    }
    assert len(hashes) == 1


def test_one_pixel_more_or_less_is_another_hash(clothes):
    other = clothes.x_test.copy()
    other[5, 5, 5] += 1
    assert sha256(clothes) != sha256(clothes._replace(x_test=other))


def test_idx_names_with_a_dot_are_found(tmp_path):
    for stem in STEMS:
        (tmp_path / stem.name.replace("-idx", ".idx")).touch()
    assert find_idx(tmp_path).y_test == tmp_path / "t10k-labels.idx1-ubyte"


def test_a_folder_without_idx_files_has_none(tmp_path):
    assert find_idx(tmp_path) is None
    assert find_idx(tmp_path / "absent") is None


def test_an_idx_file_that_is_missing_is_named(tmp_path):
    for stem in STEMS[:3]:
        (tmp_path / stem).touch()
    message = _message(find_idx, tmp_path)
    assert "no t10k-labels-idx1-ubyte[.gz]" in message
    assert str(tmp_path) in message


def test_a_file_that_is_no_npz(tmp_path):
    file = tmp_path / "mnist.npz"
    file.write_text("<html>not found</html>")
    assert _message(read_npz, file).startswith(f"{file}: not an npz (zip) file")


def test_a_file_that_is_absent(tmp_path):
    absent = tmp_path / "absent.npz"
    assert (
        _message(read_npz, absent)
        == f"{absent}: cannot be read: No such file or directory; give another file"
    )


def test_an_npz_that_is_cut_short_or_damaged(clothes_npz, tmp_path):
    content = clothes_npz.read_bytes()
    cut, damaged = tmp_path / "cut.npz", tmp_path / "damaged.npz"
    cut.write_bytes(content[:5_000_000])
    assert "not an npz" in _message(read_npz, cut)
    damaged.write_bytes(content[:5_000_000] + b"\xff" + content[5_000_001:])
    assert "cannot be read as npz: Bad CRC-32" in _message(read_npz, damaged)


def test_an_npz_without_an_array(tmp_path):
    file = tmp_path / "part.npz"
    np.savez(file, x_train=np.zeros(1), labels=np.zeros(1))
    assert _message(read_npz, file) == f"{file}: no y_train, x_test, y_test, found x_train, labels"


def _full(**others):
    arrays = {name: np.zeros(shape, np.uint8) for name, shape in SHAPES.items()}
    return arrays | others


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("x_train", np.zeros((6, 28, 28), np.uint8), "uint8 (6, 28, 28), expected uint8 (60000, 28, 28)"),
        ("x_test", np.zeros((10_000, 784), np.uint8), "uint8 (10000, 784), expected uint8 (10000, 28, 28)"),
        ("y_train", np.zeros(60_000, np.int64), "int64 (60000,), expected uint8 (60000,)"),
        ("y_test", np.full(10_000, 10, np.uint8), "the label 10, expected 0 to 9"),
    ],
)
def test_an_npz_with_a_wrong_array(tmp_path, name, array, said):
    file = tmp_path / "wrong.npz"
    np.savez_compressed(file, **_full(**{name: array}))
    message = _message(read_npz, file)
    assert message.startswith(f"{file}: {name} ")
    assert said in message


@pytest.fixture
def idx_copy(clothes_idx, tmp_path):
    """Four good files that may be damaged."""
    folder = tmp_path / "idx"
    shutil.copytree(clothes_idx, folder)
    return folder


def _label_file(count, labels, magic=b"\0\0\x08\x01"):
    return magic + np.array([count], ">u4").tobytes() + bytes(labels)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_label_file(10_000, 10_000, b"\0\0\x0d\x01"), "IDX magic is 0x00000d01, expected 0x00000801"),
        (b"", "IDX magic is 0x, expected 0x00000801"),
        (_label_file(9, 9), "y_test is uint8 (9,), expected uint8 (10000,)"),
        (_label_file(10_000, 9_999), "ends after 9999 bytes where 10000 are expected"),
        (_label_file(10_000, 10_001), "more bytes than the 10000 that its header announces"),
        (_label_file(10_000, b"\x0b" * 10_000), "y_test has the label 11, expected 0 to 9"),
    ],
    ids=["magic", "empty", "count", "short", "long", "label"],
)
def test_an_idx_file_that_is_wrong(idx_copy, content, said):
    file = idx_copy / "t10k-labels-idx1-ubyte"
    file.write_bytes(content)
    assert _message(read_idx, find_idx(idx_copy)) == f"{file}: {said}"


@pytest.mark.parametrize(
    "spoil",
    [lambda content: content[:-20], lambda content: b"\0" + content, lambda content: content[:20] + b"??"],
    ids=["cut", "no gzip", "nonsense"],
)
def test_a_gzip_file_that_is_wrong(idx_copy, spoil):
    plain = idx_copy / "t10k-labels-idx1-ubyte"
    zipped = gzip.compress(plain.read_bytes())
    plain.unlink()
    file = idx_copy / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(spoil(zipped))
    assert _message(read_idx, find_idx(idx_copy)).startswith(f"{file}: cannot be read: ")
