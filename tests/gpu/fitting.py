"""Nets that no device holds."""

WIDTH = 40_000  # a layer of so many squared has fewer than 2³¹ weights, which kernels count in 32 bits
BYTES_PER_WEIGHT = 12  # with Adam's moments
MARGIN = 1.2


def widths_beyond(memory_bytes):
    """Hidden widths whose weights and moments alone take more than `memory_bytes`, in layers that fit."""
    layers = int(MARGIN * memory_bytes / (BYTES_PER_WEIGHT * WIDTH**2)) + 1
    return [WIDTH] * (layers + 1)
