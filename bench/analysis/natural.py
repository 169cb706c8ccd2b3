"""The order in which people have names with numbers in them."""

import re

_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


def natural(label: str) -> list[str | float]:
    """What sorts `batch_size=2` before `batch_size=10`: text and numbers in turn, as they stand there."""
    parts = _NUMBER.split(label)
    return [part if place % 2 == 0 else float(part) for place, part in enumerate(parts)]
