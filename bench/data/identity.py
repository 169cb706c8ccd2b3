"""Which data a hash stands for: never one data set in place of another."""

from bench.data.layout import SHAPES, Arrays, sha256
from bench.errors import DataError

MNIST_SHA256 = "e5ea4841dd6fde90b155843179ce5756a4864227194eec7fb09d7cfc4cf702a5"
DIGITS_SHA256 = "021da187459e6c8a11c8a3c9fad9b15eb3bf4a556b7fb9d98ed2d37867c0fa91"

KNOWN = {"mnist": MNIST_SHA256, "digits": DIGITS_SHA256}
"""The hash of each data set that has one pinned. Fashion-MNIST has none: it is told by what it is not."""


def verified(name: str, arrays: Arrays, where: str) -> str:
    """The hash of `arrays`, which came from `where` as the data set `name`.

    Raises `DataError` where they are a known data set of another name, or not the published one of this.
    """
    found = sha256(arrays)
    for other, known in KNOWN.items():
        if found == known and other != name:
            raise DataError(f"{where} holds {other}, not {name}: pass --data with {name}'s own files")
    if name in KNOWN and found != KNOWN[name]:
        raise DataError(
            f"{where} is not the published {name} (SHA-256 over {', '.join(SHAPES)} is {found[:12]}…,"
            f" expected {KNOWN[name][:12]}…): replace it, or pass --data with the original files"
        )
    return found
