from dataclasses import asdict, fields

from bench.records.probe import Bandwidth, Probe, ProbeColumns, probe_columns
from bench.records.scenario import choices

PROBE = Probe(
    "gpu",
    8,
    {"float32": 5e13, "tf32": 4e14},
    (Bandwidth(2**26, 4e12), Bandwidth(2**30, 3e12)),
    launch_seconds=2e-5,
    product_seconds=1.5e-6,
    iteration_seconds=2e-5,
    all_reduce_bytes_per_second=2e11,
)


def test_a_probe_becomes_columns():
    columns = asdict(probe_columns(PROBE, "end", "mirrored", 1, seconds=2.5))
    assert columns == {
        "probe_moment": "end",
        "probe_device_kind": "gpu",
        "probe_cores": 8,
        "probe_strategy": "mirrored",
        "probe_workers": 1,
        "probe_deterministic": False,
        "probe_seconds": 2.5,
        "probe_float32_flops_per_second": 5e13,
        "probe_tf32_flops_per_second": 4e14,
        "probe_mixed_bfloat16_flops_per_second": None,
        "probe_mixed_float16_flops_per_second": None,
        "probe_working_set_bytes": (2**26, 2**30),
        "probe_bytes_per_second": (4e12, 3e12),
        "probe_launch_seconds": 2e-5,
        "probe_product_seconds": 1.5e-6,
        "probe_iteration_seconds": 2e-5,
        "probe_all_reduce_bytes_per_second": 2e11,
    }


def test_figures_that_failed_are_none():
    nothing = Probe("gpu", 8, {"tf32": None}, (), None, None)
    columns = asdict(probe_columns(nothing, "start", "one_device", 1))
    known = {name for name, value in columns.items() if value not in (None, ())}
    where = ("moment", "device_kind", "cores", "strategy", "workers", "deterministic")
    assert known == {f"probe_{name}" for name in where}


def test_every_precision_has_a_column():
    names = {field.name for field in fields(ProbeColumns)}
    precisions = choices("precision")
    assert {f"probe_{precision}_flops_per_second" for precision in precisions} <= names
    assert precisions


def test_a_machine_that_was_not_probed_has_no_figures():
    assert set(asdict(ProbeColumns()).values()) == {None}
