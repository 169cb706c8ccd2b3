"""The digits on disk, so that they are generated once per machine and not once per process."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs

from bench.data.digits import generate
from bench.data.identity import DIGITS_SHA256, verified
from bench.data.layout import Arrays, sha256
from bench.data.npz import read_npz
from bench.errors import BenchError, DataError
from bench.files import replacing
from bench.paths import is_file
from bench.uri import local_path

DIGITS_FILE = "digits-1.npz"
"""Another version of the digits gets another name, so that two versions of bench can share a cache."""


def cached_digits(environ: Mapping[str, str]) -> tuple[Arrays, str]:
    """The digits and their hash: from the cache where it holds exactly them, else generated and cached.

    A cache that cannot be read or written costs the seconds that generating takes, and nothing else.
    Raises `DataError` where this machine generates other bytes than the pinned ones.
    """
    folder = cache_folder(environ)
    file = folder / DIGITS_FILE if folder else None
    if file and is_file(file):
        with contextlib.suppress(DataError):
            arrays = read_npz(file)
            return arrays, verified("digits", arrays, str(file))
    arrays = generate()
    found = sha256(arrays)
    if found != DIGITS_SHA256:
        raise DataError(
            f"the digits generated here hash to {found[:12]}…, expected {DIGITS_SHA256[:12]}…:"
            " this scikit-learn or NumPy differs from those bench was made with; install other versions"
        )
    if file and (is_file(file) or not os.path.lexists(file)):  # what else is there is somebody's
        with contextlib.suppress(OSError):
            _write(file, arrays)
    return arrays, found


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """`BENCH_CACHE`, else the platform's folder for caches; None where it is nowhere on this machine."""
    chosen = environ.get("BENCH_CACHE")
    try:
        if chosen:
            return local_path(chosen)
        folder = platformdirs.user_cache_path("bench", appauthor=False)
    except (BenchError, RuntimeError):
        return None
    return folder if folder.is_absolute() else None  # some versions of platformdirs leave a ~ as it is


def _write(file: Path, arrays: Arrays) -> None:
    """All of the file or nothing of it: readers in other processes never see a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file, durable=True) as stream:
        np.savez(stream, **arrays._asdict())
