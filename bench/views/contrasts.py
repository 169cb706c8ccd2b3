"""What a session's settings come to, in sentences."""

from collections.abc import Sequence

from bench.analysis.contrasts import Contrast
from bench.views.comparison import headline
from bench.views.origins import origin_names


def contrast_lines(contrasts: Sequence[Contrast]) -> list[str]:
    """A line for each; it begins with the machine where they are of several."""
    names = origin_names(contrast.origin for contrast in contrasts)
    where = {origin: f"{name}: " if name else "" for origin, name in names.items()}
    return [f"{where[contrast.origin]}{headline(contrast.comparison)}" for contrast in contrasts]
