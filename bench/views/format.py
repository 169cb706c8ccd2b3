"""Numbers as people read them: SI units, three significant digits, an en dash where there is no number."""

import math

NONE = "–"
INFINITE = "∞"
_OPERATIONS = ("", "k", "M", "G", "T", "P", "E")
_WORDS = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)


def seconds(value: float | None) -> str:
    """A duration in seconds as "1.23 ms", "34.0 s", "16.7 min" or "2.50 h"."""
    if value is None or math.isnan(value):
        return NONE
    size = abs(value)
    if math.isinf(value) or size < 1000:
        return _scaled(value, "s", 1000, ("n", "µ", "m", ""), smallest=1e-9)
    return f"{_digits(value / 60)} min" if size < 6000 else f"{_digits(value / 3600)} h"


def percent(value: float | None, digits: int = 2) -> str:
    """A share of 1 as "98.95 %"."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value * 100:.{digits}f} %"


def ratio(value: float | None) -> str:
    """A ratio as "0.870×", "12.3×", "0.0523×": to a thousandth near 1, where a percent matters."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return f"{INFINITE}×"
    return f"{value:.3f}×" if 0.1 <= value < 2 or value == 0 else f"{_digits(value)}×"


def span(low: float | None, high: float | None) -> str:
    """A ratio's interval as "1.410–1.550", an en dash alone where there is none."""
    return NONE if low is None or high is None else f"{ratio(low)}–{ratio(high)}".replace("×", "")


def count(value: float | None) -> str:
    """A whole number as "1,234"."""
    if value is None or math.isnan(value):
        return NONE
    return INFINITE if math.isinf(value) else f"{round(value):,}"


def rate(samples_per_second: float | None) -> str:
    """A throughput in samples per second as "50.1k/s", "1.20M/s"."""
    text = _scaled(samples_per_second, "/s", 1000, ("", "k", "M", "G", "T"))
    return text.replace(" ", "")


def bytes_(value: float | None) -> str:
    """An amount of memory in bytes as "1.50 GiB"."""
    return _scaled(value, "B", 1024, ("", "Ki", "Mi", "Gi", "Ti", "Pi"))


def flops(value: float | None) -> str:
    """A rate in floating-point operations per second as "179 GFLOP/s"."""
    return _scaled(value, "FLOP/s", 1000, _OPERATIONS)


def operations(value: float | None) -> str:
    """A number of floating-point operations as "72.9 TFLOP"."""
    return _scaled(value, "FLOP", 1000, _OPERATIONS)


def joules(value: float | None) -> str:
    """Energy as "801 J", "12.3 kJ", "1.50 MJ"."""
    return _scaled(value, "J", 1000, ("m", "", "k", "M", "G"), smallest=1e-3)


def money(value: float | None) -> str:
    """A sum in whatever currency as "0.000341", "1.25", "1,234"."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return INFINITE
    return f"{value:,.0f}" if value >= 1000 else _digits(value)


def elapsed(value: float | None) -> str:
    """A duration in seconds as a clock that runs shows it: "0:04", "2:10", "1:02:05"."""
    if value is None or not math.isfinite(value):
        return NONE
    minutes, second = divmod(round(max(value, 0.0)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def several(number: int, thing: str) -> str:
    """How many of what: "1 round", "1,000 runs"."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def spelled(number: int) -> str:
    """A number as a sentence has it: "four", "13"."""
    return _WORDS[number] if number < len(_WORDS) else count(number)


def full_name(sweep: str, label: str) -> str:
    """A scenario's sweep and label, or one of them where they are the same."""
    return sweep if sweep == label else f"{sweep} · {label}"


def _scaled(
    value: float | None, unit: str, base: int, prefixes: tuple[str, ...], smallest: float = 1.0
) -> str:
    """`value` over the largest prefix that leaves at least 1; the first prefix stands for `smallest`."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return INFINITE
    scaled, step = value / smallest, 0
    # Rounded before it is compared: 999.96 ms reads 1.00 s, never 1000 ms.
    while step < len(prefixes) - 1 and float(f"{abs(scaled):.3g}") >= base:
        scaled, step = scaled / base, step + 1
    if value == 0:
        return f"0 {unit}"
    whole = step == 0 and smallest == 1 and scaled == round(scaled)
    return f"{round(scaled) if whole else _digits(scaled)} {prefixes[step]}{unit}"


def _digits(value: float) -> str:
    """Three significant digits, never in exponent form and never fewer than the whole part has."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}") if abs(value) < 1000 else value
    decimals = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(0, decimals)}f}"
