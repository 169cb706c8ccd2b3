"""Where a data set is looked for, in which order, and what is said where it is nowhere."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from bench.data import keras_cache
from bench.data.datasets import load, load_all
from bench.data.idx import STEMS
from bench.data.keras_cache import download, find_in_keras, keras_homes
from bench.data.sources import describe, find, read
from bench.errors import DataError

FAKE_KERAS = """
import os, pathlib, shutil
class _Set:
    def __init__(self, name): self.name = name
    def load_data(self):
        folder = pathlib.Path(os.environ["KERAS_HOME"]) / "datasets"
        folder.mkdir()
        shutil.copytree(os.environ["FAKE_ORIGIN"], folder, dirs_exist_ok=True)
mnist, fashion_mnist = _Set("mnist"), _Set("fashion-mnist")
"""


@pytest.fixture
def no_download(monkeypatch):
    """No process is started; the reason of the failure is a short one."""

    def refuse(*_):
        raise DataError("no network")

    monkeypatch.setattr("bench.data.sources.download", refuse)


@pytest.fixture
def fake_keras(bare, tmp_path):
    """An environment whose Keras copies the files of `tmp_path/origin` for a download."""
    package = tmp_path / "fake" / "keras"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(FAKE_KERAS)
    (tmp_path / "origin").mkdir()
    return {**bare, "PYTHONPATH": str(package.parent), "FAKE_ORIGIN": str(tmp_path / "origin")}


def _refused(name, data, environ):
    with pytest.raises(DataError) as caught:
        find(name, data, environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _home(environ) -> Path:
    return keras_homes(environ)[-1]


def _touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_data_comes_before_everything_else(bare, tmp_path):
    _touch(tmp_path / "given.npz", tmp_path / "variable.npz", _home(bare) / "datasets" / "mnist.npz")
    environ = {**bare, "BENCH_DATA": str(tmp_path / "variable.npz")}
    assert find("mnist", tmp_path / "given.npz", environ) == tmp_path / "given.npz"
    assert find("mnist", None, environ) == tmp_path / "variable.npz"
    assert find("mnist", None, bare) == _home(bare) / "datasets" / "mnist.npz"
    assert find("mnist", None, {**bare, "BENCH_DATA": ""}) == _home(bare) / "datasets" / "mnist.npz"


def test_in_a_folder_npz_comes_before_the_subfolder_and_that_before_bare_idx_files(bare, tmp_path):
    bare_files = [tmp_path / stem for stem in STEMS]
    _touch(*bare_files)
    assert find("fashion-mnist", tmp_path, bare) == tuple(bare_files)
    own_files = [tmp_path / "fashion-mnist" / f"{stem}.gz" for stem in STEMS]
    _touch(*own_files)
    found = find("fashion-mnist", tmp_path, bare)
    assert found == tuple(own_files)
    assert describe(found) == str(tmp_path / "fashion-mnist")
    _touch(tmp_path / "fashion-mnist.npz")
    assert find("fashion-mnist", tmp_path, bare) == tmp_path / "fashion-mnist.npz"


def test_a_given_path_that_does_not_exist_is_an_error(bare, tmp_path):
    _touch(_home(bare) / "datasets" / "mnist.npz")
    absent = tmp_path / "absent"
    remedy = "no such file or folder; pass --data FILE or set BENCH_DATA"
    assert _refused("mnist", absent, bare) == f"--data {absent}: {remedy}"
    assert _refused("mnist", None, {**bare, "BENCH_DATA": str(absent)}) == f"BENCH_DATA {absent}: {remedy}"


def test_a_given_folder_without_the_data_set_is_an_error(bare, tmp_path):
    folder = tmp_path / "data"
    _touch(_home(bare) / "datasets" / "mnist.npz", folder / "fashion-mnist.npz")
    assert f"--data {folder}: no mnist.npz or IDX files there" in _refused("mnist", folder, bare)


def test_a_bench_data_folder_may_lack_a_data_set(bare, tmp_path):
    cached, folder = _home(bare) / "datasets" / "mnist.npz", tmp_path / "data"
    _touch(cached, folder / "fashion-mnist.npz")
    assert find("mnist", None, {**bare, "BENCH_DATA": str(folder)}) == cached


def test_keras_caches_fashion_mnist_as_gzipped_idx_files(clothes, clothes_gz, bare):
    dataset = load("fashion-mnist", None, {**bare, "KERAS_HOME": str(clothes_gz)})
    assert dataset.source == str(clothes_gz / "datasets" / "fashion-mnist")
    assert dataset.x_val.sum() == clothes.x_train[50_000:].sum()


def test_half_a_keras_cache_is_none(tmp_path):
    _touch(*(tmp_path / "datasets" / "fashion-mnist" / f"{stem}.gz" for stem in STEMS[:3]))
    assert find_in_keras("fashion-mnist", tmp_path) is None


def test_keras_home_is_in_the_users_folder_unless_said(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keras_homes({}) == [tmp_path / ".keras"]
    assert keras_homes({"KERAS_HOME": "somewhere"}) == [Path("somewhere")]
    assert not any("s3:" in home.parts for home in keras_homes({"KERAS_HOME": "s3://bucket/x"}))


@pytest.fixture
def keras_in_tmp(monkeypatch, tmp_path):
    """Stands in for the folder that Keras uses where the home cannot be written."""
    folder = tmp_path / "tmp" / ".keras"
    monkeypatch.setattr(keras_cache, "WITHOUT_A_HOME", folder)
    return folder


@pytest.mark.usefixtures("no_download")
def test_where_no_home_is_known_keras_keeps_its_data_in_tmp(bare, keras_in_tmp):
    homeless = {**bare, "KERAS_HOME": "~nosuchuser/keras"}
    assert keras_homes(homeless) == [keras_in_tmp]
    assert f"Keras' cache in {keras_in_tmp} (not there)" in _refused("mnist", None, homeless)
    _touch(keras_in_tmp / "datasets" / "mnist.npz")
    assert find("mnist", None, homeless) == keras_in_tmp / "datasets" / "mnist.npz"


def test_a_home_that_cannot_be_written_is_read_all_the_same(bare, keras_in_tmp, tmp_path):
    _touch(tmp_path / "file")
    blocked = {**bare, "KERAS_HOME": str(tmp_path / "file" / "keras")}
    assert keras_homes(blocked) == [tmp_path / "file" / "keras", keras_in_tmp]


def test_what_another_user_left_in_tmp_is_not_taken(bare, keras_in_tmp):
    keras_in_tmp.mkdir(parents=True)
    try:
        os.chown(keras_in_tmp, os.getuid() + 1, -1)
    except PermissionError:
        pytest.skip("only root gives folders away")
    assert keras_homes({**bare, "KERAS_HOME": "~nosuchuser"}) == []
    assert "no home folder is known to put it in; set KERAS_HOME" in _refused(
        "mnist", None, {**bare, "KERAS_HOME": "~nosuchuser"}
    )


@pytest.mark.usefixtures("no_download")
def test_the_error_names_every_place_and_the_remedy(bare, tmp_path):
    assert _refused("mnist", None, bare) == (
        f"mnist was not found; tried BENCH_DATA (not set), Keras' cache in {_home(bare)} (not there),"
        " Keras' download (no network): pass --data FILE or set BENCH_DATA"
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    message = _refused("fashion-mnist", None, {**bare, "BENCH_DATA": str(folder)})
    assert f"tried BENCH_DATA={folder} (no fashion-mnist.npz or IDX files), Keras' cache" in message


def test_a_download_ends_in_the_cache(clothes, clothes_npz, fake_keras, tmp_path):
    shutil.copy(clothes_npz, tmp_path / "origin" / "mnist.npz")
    home = _home(fake_keras)
    found = find("mnist", None, fake_keras)
    assert found == home / "datasets" / "mnist.npz"
    assert (read(found).y_test == clothes.y_test).all()
    assert [file.name for file in home.iterdir()] == ["datasets"]


def test_a_download_of_idx_files_ends_in_the_cache(fake_keras, tmp_path):
    _touch(*(tmp_path / "origin" / "fashion-mnist" / f"{stem}.gz" for stem in STEMS))
    found = find("fashion-mnist", None, fake_keras)
    assert describe(found) == str(_home(fake_keras) / "datasets" / "fashion-mnist")
    assert all(file.is_file() for file in found)


def test_a_download_without_files_is_a_failure(fake_keras):
    assert "Keras' download (Keras ended without an error and without the files)" in _refused(
        "mnist", None, fake_keras
    )


def test_a_download_whose_process_cannot_be_started(fake_keras, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    assert "Keras' download (Python cannot be started for it: No such file or directory)" in _refused(
        "mnist", None, fake_keras
    )


def test_a_download_that_hangs_is_stopped(fake_keras):
    with pytest.raises(DataError, match=r"^nothing after 0\.01 seconds$"):
        download("mnist", fake_keras, _home(fake_keras), timeout_seconds=0.01)
    assert list(_home(fake_keras).iterdir()) == []


def test_a_download_where_the_cache_cannot_be_written_goes_to_tmp(
    clothes_npz, fake_keras, keras_in_tmp, tmp_path
):
    shutil.copy(clothes_npz, tmp_path / "origin" / "mnist.npz")
    _touch(tmp_path / "file")
    blocked = {**fake_keras, "KERAS_HOME": str(tmp_path / "file" / "keras")}
    assert find("mnist", None, blocked) == keras_in_tmp / "datasets" / "mnist.npz"


def test_a_cache_that_cannot_be_written(fake_keras, tmp_path):
    _touch(tmp_path / "file")
    home = tmp_path / "file" / "keras"
    with pytest.raises(DataError, match=rf"^{home} cannot be written: Not a directory$"):
        download("mnist", fake_keras, home)


def test_a_path_that_begins_with_an_unknown_home_is_told(bare):
    message = _refused("mnist", None, {**bare, "BENCH_DATA": "~nosuchuser/mnist.npz"})
    assert message.startswith("BENCH_DATA ~nosuchuser/mnist.npz: no home folder is known for ~nosuchuser; ")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("n" * 300, "cannot be read: File name too long; pass --data FILE"),
        ("loop", "cannot be read: Too many levels of symbolic links; pass --data FILE"),
        ("file/below", "no such file or folder; pass --data FILE"),
        ("null\0byte", "cannot be read: a null byte is in its name; pass --data FILE"),
        ("pipe", "neither a file nor a folder; copy what it gives into a file"),
    ],
)
def test_a_path_where_nothing_can_be_looked_up(bare, tmp_path, path, said):
    _touch(tmp_path / "file")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    assert f"{tmp_path / path}: {said}" in _refused("mnist", tmp_path / path, bare)
    with pytest.raises(DataError, match="--data "):
        load_all(["mnist"], tmp_path / path, bare)
    if "\0" not in path:
        assert f"{tmp_path / path}: {said}" in _refused(
            "mnist", None, {**bare, "BENCH_DATA": tmp_path / path}
        )


def test_a_keras_that_cannot_be_imported_is_one_line(fake_keras, tmp_path):
    (tmp_path / "fake" / "keras" / "datasets.py").write_text("raise ImportError('two\\nlines')")
    assert "Keras' download (two lines): pass --data" in _refused("mnist", None, fake_keras)


def test_a_download_imports_nothing_of_the_folder_that_bench_is_in(fake_keras, tmp_path, monkeypatch):
    folder = tmp_path / "clone" / "bench" / "data"
    folder.mkdir(parents=True)
    shutil.copy(keras_cache._PROGRAM, folder)
    monkeypatch.setattr(keras_cache, "_PROGRAM", folder / "download.py")
    for beside in (folder, folder.parents[1]):
        (beside / "shutil.py").write_text("raise SystemExit('imported')")
    environ = {**fake_keras, "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}
    said = "import os; raise ImportError(' '.join(n for n in os.environ if n.startswith('PYTHON')))"
    (tmp_path / "fake" / "keras" / "datasets.py").write_text(f"import shutil\n{said}")
    assert "Keras' download (PYTHONPATH): " in _refused("mnist", None, environ)


@pytest.mark.slow
def test_the_real_keras_fails_in_one_line_without_a_network(bare):
    """`bare` has a proxy where nobody listens."""
    message = _refused("mnist", None, bare)
    assert "Keras' download (URL fetch failure on " in message
    assert message.endswith("pass --data FILE or set BENCH_DATA")
    assert list(_home(bare).iterdir()) == []


def test_a_bench_data_elsewhere_is_refused_by_name(bare):
    with pytest.raises(DataError, match=r"BENCH_DATA s3://bucket/mnist\.npz: s3:// cannot be used here yet"):
        load("mnist", None, {**bare, "BENCH_DATA": "s3://bucket/mnist.npz"})
