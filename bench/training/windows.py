"""From the windows of a run to its step time, and to whether that time can be trusted."""

from collections.abc import Sequence
from statistics import median

UNSTABLE_MAD = 0.03
UNSTABLE_DRIFT = 0.02
DRIFT_WINDOWS = 6  # fewer have no thirds worth comparing
MAD_WINDOWS = 3
SHORT_WINDOW = 0.01


def step_times(window_seconds: Sequence[float], window_steps: Sequence[int]) -> list[float]:
    """Seconds per step of each window."""
    return [seconds / steps for seconds, steps in zip(window_seconds, window_steps, strict=True)]


def without_call(window_seconds: Sequence[float], empty_seconds: float | None) -> list[float]:
    """Seconds of each window without the call around it, which takes as long as a window without steps.

    At most half of a window is taken off: what is that short says little of its steps (see `short`).
    """
    return [seconds - min(empty_seconds or 0.0, seconds / 2) for seconds in window_seconds]


def short(window_seconds: Sequence[float], empty_seconds: float | None) -> bool:
    """Whether the call is over 1 % of the median window: what was taken off for it is an estimate."""
    return empty_seconds is not None and empty_seconds > SHORT_WINDOW * median(window_seconds)


def median_and_mad(values: Sequence[float]) -> tuple[float, float]:
    """The median, and the median absolute deviation from it (unscaled), in the unit of `values`.

    Raises `statistics.StatisticsError` where there is no value.
    """
    middle = median(values)
    return middle, median(abs(value - middle) for value in values)


def unstable(times: Sequence[float]) -> bool:
    """Whether step times scatter (MAD over 3 % of the median) or drift (over 2 %, first to last third)."""
    if len(times) < MAD_WINDOWS:
        return False
    middle, mad = median_and_mad(times)
    if mad > UNSTABLE_MAD * middle:
        return True
    if len(times) < DRIFT_WINDOWS:
        return False
    third = len(times) // 3
    return abs(median(times[-third:]) / median(times[:third]) - 1) > UNSTABLE_DRIFT
