"""Where the files of a data set are: which places are searched, and in which order."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from bench.data.idx import IdxFiles, find_idx, read_idx
from bench.data.keras_cache import download, find_in_keras, keras_homes
from bench.data.layout import Arrays
from bench.data.npz import read_npz
from bench.errors import BenchError, DataError, reason
from bench.paths import is_file, is_folder, why_not_there
from bench.uri import local_path

Files: TypeAlias = Path | IdxFiles
"""An npz file, or four IDX files."""

REMEDY = "pass --data FILE or set BENCH_DATA"
ABSENT = "not there"


def find(name: str, data: Path | None, environ: Mapping[str, str]) -> Files:
    """The files of `name` (mnist or fashion-mnist): in `data`, `BENCH_DATA`, or Keras' cache, or downloaded.

    A `data` that is given is the only place: a wrong one is an error, and no reason to look elsewhere.
    A `BENCH_DATA` folder may lack this data set, but must exist. Raises `DataError`, which says what was
    tried and what to do.
    """
    if data is not None:
        found = find_in(name, data, "--data")
        if found is None:
            raise DataError(f"--data {data}: no {expected_in_folder(name)} there; {REMEDY}")
        return found
    bench_data = bench_data_path(environ)
    tried = ["BENCH_DATA (not set)"]
    if bench_data is not None:
        found = find_in(name, bench_data, "BENCH_DATA")
        if found is not None:
            return found
        tried = [f"BENCH_DATA={bench_data} (no {expected_in_folder(name)})"]
    homes = keras_homes(environ)
    for home in homes:
        cached = find_in_keras(name, home)
        if cached is not None:
            return cached
        tried.append(f"Keras' cache in {home} ({_absent(home / 'datasets') or ABSENT})")
    try:
        if not homes:
            raise DataError("no home folder is known to put it in; set KERAS_HOME")
        return download(name, environ, homes[-1])
    except DataError as error:
        tried.append(f"Keras' download ({error})")
    raise DataError(f"{name} was not found; tried {', '.join(tried)}: {REMEDY}")


def find_in(name: str, path: Path, option: str) -> Files | None:
    """The files of `name` in `path`: the npz file that it is, or what the folder holds under that name.

    In a folder: `NAME.npz`, else IDX files in a subfolder `NAME`, else IDX files in the folder itself.
    None where the folder has none of these. Raises `DataError` as `check_there` does.
    """
    check_there(path, option)
    try:
        if path.is_file():
            return path
        npz = path / f"{name}.npz"
        return npz if npz.is_file() else find_idx(path / name) or find_idx(path)
    except OSError as error:
        raise DataError(f"{option} {path}: cannot be searched: {reason(error)}; {REMEDY}") from error


def check_there(path: Path, option: str) -> None:
    """Raise `DataError` where `path`, which `option` names, is neither a file nor a folder."""
    why = _absent(path)
    if why == ABSENT:
        raise DataError(f"{option} {path}: no such file or folder; {REMEDY}")
    if why is not None:
        raise DataError(f"{option} {path}: cannot be read: {why}; {REMEDY}")
    if not (is_file(path) or is_folder(path)):
        raise DataError(f"{option} {path}: neither a file nor a folder; copy what it gives into a file")


def _absent(path: Path) -> str | None:
    """Why nothing is found at `path`; None where something is."""
    why = why_not_there(path)
    return ABSENT if why in (os.strerror(errno.ENOENT), os.strerror(errno.ENOTDIR)) else why


def check_not_shared(data: Path | None, environ: Mapping[str, str]) -> None:
    """Raise `DataError` where `data`, or else `BENCH_DATA`, offers the same files as both MNIST sets."""
    option = "--data" if data is not None else "BENCH_DATA"
    path = data if data is not None else bench_data_path(environ)
    if path is None:
        return
    mnist, fashion = find_in("mnist", path, option), find_in("fashion-mnist", path, option)
    if mnist is not None and mnist == fashion:
        raise DataError(
            f"{option} {path} cannot be both mnist and fashion-mnist:"
            f" give {option} a folder with mnist.npz and fashion-mnist.npz"
        )


def bench_data_path(environ: Mapping[str, str]) -> Path | None:
    """The path that `BENCH_DATA` names, or None where it is unset or empty.

    Raises `DataError` where it begins with a home folder that is not known, or is on another machine.
    """
    chosen = environ.get("BENCH_DATA")
    try:
        return local_path(chosen) if chosen else None
    except BenchError as error:
        raise DataError(f"BENCH_DATA {error}") from error


def expected_in_folder(name: str) -> str:
    """What a folder is searched for, in words."""
    return f"{name}.npz or IDX files"


def read(files: Files) -> Arrays:
    """The four arrays of `files`; raises `DataError` where they are not in MNIST's layout."""
    return read_npz(files) if isinstance(files, Path) else read_idx(files)


def describe(files: Files) -> str:
    """The path that stands for `files`: the npz file, or the folder of the IDX files."""
    return str(files if isinstance(files, Path) else files.x_train.parent)
