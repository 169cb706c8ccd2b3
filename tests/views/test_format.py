import math

import pytest

from bench.views.format import (
    bytes_,
    count,
    elapsed,
    flops,
    operations,
    percent,
    rate,
    ratio,
    seconds,
    several,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00123, "1.23 ms"),
        (57e-6, "57.0 µs"),
        (3.4e-9, "3.40 ns"),
        (0, "0 s"),
        (0.99996, "1.00 s"),
        (502.28, "502 s"),
        (1002, "16.7 min"),
        (9000, "2.50 h"),
        (-0.002, "-2.00 ms"),
        (math.inf, "∞"),
    ],
)
def test_seconds_take_the_unit_that_reads_best(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.87, "0.870×"),
        (1.0234, "1.023×"),
        (2.345, "2.35×"),
        (12.34, "12.3×"),
        (0.0523, "0.0523×"),
        (0, "0.000×"),
    ],
)
def test_ratios_near_one_show_thousandths(value, text):
    assert ratio(value) == text
    assert ratio(math.inf) == "∞×"


def test_shares_counts_and_rates():
    assert percent(0.98951) == "98.95 %"
    assert percent(0.9, digits=0) == "90 %"
    assert count(1234) == "1,234"
    assert rate(50_123) == "50.1k/s"
    assert rate(7) == "7/s"
    assert rate(0.25) == "0.250/s"
    assert bytes_(1.5 * 2**30) == "1.50 GiB"
    assert bytes_(512) == "512 B"
    assert flops(1.79e11) == "179 GFLOP/s"
    assert flops(999.9e9) == "1.00 TFLOP/s"


@pytest.mark.parametrize("write", [seconds, percent, ratio, count, rate, bytes_, flops])
@pytest.mark.parametrize("missing", [None, math.nan])
def test_what_is_not_known_is_a_dash(write, missing):
    assert write(missing) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0:00"),
        (4.4, "0:04"),
        (59.6, "1:00"),
        (130, "2:10"),
        (3725, "1:02:05"),
        (90_000, "25:00:00"),
        (-1, "0:00"),
        (None, "–"),
        (math.inf, "–"),
    ],
)
def test_a_running_clock_shows_whole_seconds(value, text):
    assert elapsed(value) == text


def test_operations_and_numbers_of_things():
    assert operations(174_800) == "175 kFLOP"
    assert operations(7.29e13) == "72.9 TFLOP"
    assert operations(None) == "–"
    assert several(1, "round") == "1 round"
    assert several(0, "run") == "0 runs"
    assert several(1_000, "run") == "1,000 runs"
