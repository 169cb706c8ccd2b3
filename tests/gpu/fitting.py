"""Nets that no device holds."""

import math

MARGIN = 1.5


def widths_beyond(memory_bytes):
    """Hidden widths of which the weights between them alone take more than `memory_bytes`, in float32.

    One tensor, so that what does not fit is refused at once, and others on the device keep their room.
    """
    return [math.isqrt(int(MARGIN * memory_bytes) // 4)] * 2
