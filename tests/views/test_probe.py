import json

import pytest
from rich.console import Console

from bench.analysis.drift import Change, Drift
from bench.machine.fingerprint import fingerprint
from bench.records.probe import Bandwidth, Probe
from bench.views.probe import (
    GemmRate,
    change_lines,
    drift_lines,
    limits_line,
    probe_json,
    probe_view,
    unprobed_line,
)

PROBE = Probe(
    "cpu",
    2,
    {"float32": 231e9},
    (Bandwidth(2**20, 1.07e11), Bandwidth(2**29, 1.02e10)),
    1.3e-4,
    4.9e-7,
    5.7e-7,
)
GEMM = GemmRate("baseline, layer 1 forward", 100, 784, 200, 115.5e9, 231e9)


@pytest.fixture(scope="module")
def seen():
    return fingerprint()


def text(renderable, width=100):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_the_machine_and_its_limits_stand_together(seen):
    shown = text(probe_view(seen, PROBE))
    assert seen.machine in shown
    assert seen.machine_id in shown
    for figure in ("231 GFLOP/s", "107 GB/s", "10.2 GB/s", "512 MiB", "130 µs", "490 ns", "570 ns"):
        assert figure in shown
    assert "all-reduce" not in shown
    assert "of the suite" not in shown


def test_products_of_a_suite_are_held_against_the_square_one(seen):
    shown = text(probe_view(seen, PROBE, [GEMM]))
    (line,) = [line for line in shown.splitlines() if "baseline" in line]
    assert line.split() == [
        *["baseline,", "layer", "1", "forward", "100", "784", "200", "116", "GFLOP/s", "50", "%"]
    ]


def test_no_line_is_wider_than_the_terminal(seen):
    assert max(map(len, text(probe_view(seen, PROBE, [GEMM]), 80).splitlines())) <= 80


def test_all_reduce_is_shown_where_there_is_one(seen):
    both = Probe("gpu", 8, {"tf32": 4e14}, PROBE.bandwidths, 1e-5, 1e-6, 2e-5, 3.2e11)
    shown = text(probe_view(seen, both))
    assert "its GPU can do" in shown
    assert "320 GB/s" in shown


def test_a_figure_that_failed_is_a_dash(seen):
    nothing = Probe("gpu", 8, {"tf32": None}, (), None, None)
    failed = [
        GemmRate("a, layer 1 forward", 1, 2, 3, None, 1e12),
        GemmRate("b, layer 1 forward", 1, 2, 3, 1e9, None),
    ]
    shown = {
        line.rsplit("  ", 1)[0].strip(): line for line in text(probe_view(seen, nothing, failed)).splitlines()
    }
    for figure in (
        "matrix product, tf32",
        "memory",
        "launch from Python and back",
        "smallest product in a chain",
    ):
        assert shown[figure].split()[-1] == "–"
    a, b = ([*line.split()][-4:] for name, line in shown.items() if "layer 1 forward" in name)
    assert a == ["2", "3", "–", "–"]
    assert b == ["3", "1.00", "GFLOP/s", "–"]
    assert limits_line(nothing) == "– tf32, –"


def test_a_probe_that_came_to_nothing_is_told_with_what_it_costs():
    line = unprobed_line("n1 (1 GPU, 2 cores)", "start", "the probe failed")
    assert line == (
        "No limits of n1 (1 GPU, 2 cores) at the session's start: the probe failed; its runs have no limits"
    )
    assert unprobed_line("n1", "end", "why").endswith("its drift is not known")


def test_json_has_it_all(seen):
    told = json.loads(probe_json(seen, PROBE, [GEMM]))
    assert told["fingerprint"]["machine_id"] == seen.machine_id
    assert told["probe"]["gemm_flops_per_second"] == {"float32": 231e9}
    assert told["gemms"][0]["flops_per_second"] == 115.5e9


def test_limits_in_one_line():
    assert limits_line(PROBE) == "231 GFLOP/s float32, 10.2 GB/s"


def test_a_drift_is_told_with_both_figures():
    drift = Drift("n1", "float32_flops", 231e9, 200e9, "s1", "cpu", 2)
    (line,) = drift_lines([drift])
    assert "n1 itself changed by -13 % while s1 ran" in line.plain
    assert "float32 flops from 231 G to 200 G per second" in line.plain


def test_a_machine_that_changed_between_two_sides_is_told():
    (line,) = change_lines([Change("n1", "memory_bytes", 20e9, 25e9)])
    assert (
        "The same machine, n1, was not the same: memory bytes 20 G per second in A's probes, 25 G in B's"
        in (line.plain)
    )
    assert "(25 %)" in line.plain
