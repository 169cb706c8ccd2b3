"""Caches of data sets that are tests' own, in which the digits need not be generated anew, for seconds."""

import os
import shutil

from bench.data.cache import DIGITS_FILE, cache_folder, cached_digits


def cache_with_digits(folder):
    """The folder, now a cache that holds the digits, as this machine's own holds them once they were used."""
    cached_digits(os.environ)
    kept = cache_folder(os.environ)
    if kept and (kept / DIGITS_FILE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept / DIGITS_FILE, folder / DIGITS_FILE)
    return folder
