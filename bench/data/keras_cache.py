"""Keras' own cache of data sets, and Keras' own download into it."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.data.idx import STEMS, IdxFiles
from bench.errors import BenchError, DataError, reason
from bench.import_path import PYTHONS_OWN
from bench.paths import exists, is_file, is_folder
from bench.uri import local_path

DOWNLOAD_TIMEOUT_SECONDS = 600.0

_PROGRAM = Path(__file__).with_name("download.py")

WITHOUT_A_HOME = Path("/tmp/.keras")


def keras_homes(environ: Mapping[str, str]) -> list[Path]:
    """Keras' folders: `KERAS_HOME`, else `~/.keras`; where that cannot be written, also the one in /tmp.

    The last one is where Keras puts what it downloads. Source: keras/src/backend/config.py and
    keras/src/utils/file_utils.py. One in /tmp that is another user's is none: who knows what it holds.
    """
    homes = []
    with contextlib.suppress(BenchError):
        homes = [local_path(environ.get("KERAS_HOME") or "~/.keras")]
    if homes and _writable(homes[0]):
        return homes
    return [*homes, WITHOUT_A_HOME] if _ours(WITHOUT_A_HOME) else homes


def _writable(folder: Path) -> bool:
    there = next(filter(exists, (folder, *folder.parents)), Path())
    return is_folder(there) and os.access(there, os.W_OK | os.X_OK)


def _ours(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid in (0, os.getuid())
    except FileNotFoundError:
        return True
    except OSError:
        return False


def find_in_keras(name: str, home: Path) -> Path | IdxFiles | None:
    """The files that Keras has cached under `home` for `name`, or None where one is missing.

    Source of the names: keras/src/datasets/mnist.py and fashion_mnist.py.
    """
    folder = home / "datasets"
    if name == "mnist":
        file = folder / "mnist.npz"
        return file if is_file(file) else None
    files = IdxFiles(*(folder / name / f"{stem}.gz" for stem in STEMS))
    return files if all(map(is_file, files)) else None


def download(
    name: str, environ: Mapping[str, str], home: Path, timeout_seconds: float = DOWNLOAD_TIMEOUT_SECONDS
) -> Path | IdxFiles:
    """Have Keras download `name` into its folder `home`; gives the files there.

    Keras runs in a process of its own, so that this one stays free of TensorFlow, and writes into a folder
    of its own, so that the cache never holds half a file. Raises `DataError`, in one line, where it fails.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=home) as staging:
            _run_keras(name, environ, staging, timeout_seconds)
            found = find_in_keras(name, Path(staging))
            if found is None:
                raise DataError("Keras ended without an error and without the files")
            for file in [found] if isinstance(found, Path) else found:
                target = home / file.relative_to(staging)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
    except OSError as error:
        raise DataError(f"{home} cannot be written: {reason(error)}") from error
    cached = find_in_keras(name, home)
    if cached is None:
        raise DataError(f"{home} lost the files right after the download")
    return cached


def _run_keras(name: str, environ: Mapping[str, str], staging: str, timeout_seconds: float) -> None:
    # Run as a file, it imports nothing of the folder that `bench` is in.
    child_environ = {
        **{name: value for name, value in environ.items() if name not in PYTHONS_OWN},
        "KERAS_HOME": staging,
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_PROGRAM), name],
            env=child_environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"nothing after {timeout_seconds:g} seconds") from error
    except OSError as error:
        raise DataError(f"Python cannot be started for it: {reason(error)}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise DataError(lines[-1].strip() if lines else f"Keras ended with status {done.returncode}")
