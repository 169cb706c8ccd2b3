import csv
import io
import json
import math
from dataclasses import replace

import pytest

from bench.views.summary import as_csv, as_json, as_markdown, summary_table

GPU = "Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 80GB HBM3"
NOTHING = {
    name: None
    for name in (
        *("step_seconds", "spread", "samples_per_second", "train_seconds", "wall_seconds", "compile_seconds"),
        *("train_accuracy", "val_accuracy", "best_val_accuracy", "test_accuracy"),
        *("flops_per_second", "limit_fraction", "bound_by", "peak_host_bytes"),
    )
}


@pytest.fixture
def failed(summary):
    """The same scenario on another machine, where no run ended ok."""
    return replace(
        summary,
        **NOTHING,
        machine=GPU,
        ok=0,
        flags=(),
        failures=(("oom_device", 2), ("timeout", 1)),
        error="ResourceExhaustedError: 256.00MiB",
    )


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_too_long_and_no_figure_is_cut(rendered, summary, failed, width):
    other = replace(summary, sweep="wide-sigmoid", label="hidden=8192-8192", flags=(), step_seconds=0.588)
    lines = rendered(summary_table([summary, failed, other]), width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    said = " ".join(" ".join(lines).split())
    for part in ("16.9 ms", "588 ms", "3/3", "0/3", "unstable×2", "contended"):
        assert part in said
    if width > 60:
        assert "81.09%" in said


def test_failures_are_written_out_with_their_machine(rendered, summary, failed):
    said = " ".join(" ".join(rendered(summary_table([summary, failed]), 80)).split())
    assert f"on 1 AMD EPYC 7763, 64 cores on 2 {GPU}" in said
    name = "batch-size · batch_size=10000 loop=fused"
    assert f"✗ {name} on 2: 2 oom_device, 1 timeout of 3: ResourceExhaustedError: 256.00MiB" in said


def test_one_machine_needs_no_column(rendered, summary, failed):
    lines = rendered(summary_table([summary, replace(failed, machine=summary.machine)]), 140)
    assert " on " not in lines[1]
    assert "EPYC" not in "".join(lines)


def test_columns_give_way_where_there_is_no_room_for_them(rendered, summary):
    wide, narrow = (rendered(summary_table([summary]), width)[1].split() for width in (180, 80))
    assert {"wall", "compile", "speed", "of", "limit", "bound", "by", "train", "best", "test"} <= set(wide)
    assert narrow == ["scenario", "ok", "step", "±", "MAD", "samples", "val", "flags"]


def test_a_column_with_nothing_to_tell_is_left_out(rendered, summary):
    header = rendered(summary_table([replace(summary, flags=(), limit_fraction=None, spread=None)]), 200)[1]
    assert not {"flags", "limit", "MAD", "memory", "energy", "reached"} & set(header.split())
    measured = replace(summary, peak_device_bytes=2.0**31, energy_joules=1234.0)
    lines = rendered(summary_table([measured]), 200)
    assert {"memory", "energy"} <= set(lines[1].split())
    assert "2.00 GiB" in lines[3]
    assert "1.23 kJ" in lines[3]


def test_an_interval_has_a_column_from_six_runs_on(rendered, summary):
    known = replace(summary, runs=6, rounds=6, ok=6, step_precision=0.0077)
    for width in (80, 140):
        lines = rendered(summary_table([known, summary]), width)
        assert "± 95 %" in lines[1]
        assert "  0.77%  " in lines[3]
        assert "  –  " in lines[4 if width == 140 else 5]
        assert "± 95 %: how far its 95 % interval reaches" in " ".join(" ".join(lines).split())
    assert "± 95 %" not in rendered(summary_table([summary]), 140)[1]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_an_interval_wider_than_asked_for_is_marked_and_summed_up(rendered, summary, width):
    asked = replace(summary, wanted_precision=0.01, max_rounds=20, flags=())
    near = replace(asked, label="near", runs=6, rounds=6, ok=6, step_precision=0.0077, precision_reached=True)
    far = replace(
        asked, label="far", runs=20, rounds=20, ok=20, step_precision=0.0231, precision_reached=False
    )
    none = replace(asked, label="none", precision_reached=False)
    lines = rendered(summary_table([near, far, none]), width)
    assert max(map(len, lines)) <= width
    assert "  0.77%  " in lines[3]
    assert "! 2.31%  " in lines[4]
    assert "! –  " in lines[5]
    said = " ".join(" ".join(lines).split())
    assert (
        "Within ±1 % of this session's median: 1 of 3 scenarios, after 6 rounds. "
        "At 20 rounds still wider: batch-size · far"
    ) in said


def test_a_target_has_its_time_and_how_many_reached_it(rendered, summary):
    reached = replace(summary, target_accuracy=0.8, target_runs=3, target_reached=2, target_seconds=1.5)
    missed = replace(reached, label="batch_size=1", target_reached=1, target_seconds=math.inf)
    lines = rendered(summary_table([reached, missed]), 140)
    assert "1.50 s" in lines[3]
    assert "2/3" in lines[3]
    assert "∞" in lines[4]
    assert "1/3" in lines[4]


def test_without_step_times_the_whole_fit_is_the_time(rendered, summary):
    published = replace(
        summary, step_seconds=None, spread=None, samples_per_second=None, compile_seconds=None, label="a"
    )
    header, _, row = rendered(summary_table([published]), 60)[1:4]
    assert "wall" in header.split()
    assert "1.97 s" in row


def test_figures_stand_right_aligned_below_their_headings(rendered, summary):
    lines = rendered(summary_table([summary, replace(summary, label="b", step_seconds=61.6e-6)]), 140)
    end = lines[1].index("step") + len("step")
    assert [line[:end].split("  ")[-1].strip() for line in lines[3:5]] == ["16.9 ms", "61.6 µs"]


def test_tables_with_the_same_columns_stand_below_each_other_alike(rendered, summary):
    lines = rendered(summary_table([summary, replace(summary, sweep="other", label="x")]), 80)
    headers = [line for line in lines if line.startswith("scenario ")]
    assert len(headers) == 2
    assert headers[0] == headers[1]


def test_the_legend_explains_the_columns_that_are_shown(rendered, summary):
    said = " ".join(" ".join(rendered(summary_table([summary]), 80)).split())
    assert "medians over the runs that ended ok" in said
    assert "± MAD: a run's usual distance from it" in said
    assert "samples: training images per second" in said
    assert "target in:" not in said


def test_text_in_brackets_is_text_not_markup(rendered, summary):
    lines = rendered(summary_table([replace(summary, suite="[red]", label="[bold]x", error="[e]")]), 80)
    assert "[red] · batch-size" in lines[0]
    assert lines[3].startswith("[bold]x ")


def test_nothing_is_nothing_but_the_legend(rendered):
    assert len(rendered(summary_table([]), 80)) <= 2


def test_csv_has_plain_numbers(summary, failed):
    rows = list(csv.DictReader(io.StringIO(as_csv([summary, failed]))))
    assert (rows[0]["step_seconds"], rows[0]["val_accuracy"]) == ("0.0169", "0.8109")
    assert (rows[0]["flags"], rows[0]["failures"]) == ("unstable=2 contended=1", "")
    assert (rows[1]["step_seconds"], rows[1]["failures"]) == ("", "oom_device=2 timeout=1")


def test_json_has_counts_as_objects_and_no_infinity(summary):
    missed = replace(summary, target_seconds=math.inf)
    (found,) = json.loads(as_json([missed]), parse_constant=pytest.fail)
    assert found["flags"] == {"unstable": 2, "contended": 1}
    assert (found["target_seconds"], found["step_seconds"]) == (None, 0.0169)


def test_all_formats_carry_the_interval(summary):
    interval = {"step_seconds_low": 0.0168, "step_seconds_high": 0.0173, "step_precision": 0.0237}
    asked = {"wanted_precision": 0.01, "precision_reached": False, "max_rounds": 20}
    known = replace(summary, **interval, **asked)
    (row,) = csv.DictReader(io.StringIO(as_csv([known])))
    (found,) = json.loads(as_json([known]))
    for name, value in {**interval, **asked}.items():
        assert (row[name], found[name]) == (str(value), value)
    assert "| 16.9 ms | ! 2.37% | 1.2% |" in as_markdown([known])


def test_markdown_names_the_machine_where_there_are_several(summary, failed):
    one, two = as_markdown([summary]).splitlines(), as_markdown([summary, failed]).splitlines()
    assert one[0].startswith("| sweep | scenario | ok | step | ± MAD | samples | wall |")
    assert one[2].startswith("| batch-size | batch_size=10000 loop=fused | 3/3 | 16.9 ms | 1.2% | 591k/s |")
    assert one[2].endswith("| unstable×2 contended |")
    assert two[3].startswith(f"| batch-size | batch_size=10000 loop=fused | {GPU} | 0/3 | – |")


def test_a_sweep_has_one_table_however_its_rows_are_sorted(rendered, summary):
    others = [
        replace(summary, sweep=sweep, label=f"{sweep} {n}") for n in (1, 2) for sweep in ("left", "right")
    ]
    lines = [line.strip() for line in rendered(summary_table(others), 100)]
    assert [line for line in lines if line.startswith("a suite · ")] == ["a suite · left", "a suite · right"]
    assert [line[:7] for line in lines if line.startswith(("left ", "right "))] == [
        *("left 1 ", "left 2 "),
        *("right 1", "right 2"),
    ]
