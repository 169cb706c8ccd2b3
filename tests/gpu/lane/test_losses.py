"""A few steps of every loop, precision and strategy of one device come to the CPU's losses."""

import pytest

CLOSE = {"float32": 2e-3, "tf32": 1e-2, "mixed_bfloat16": 4e-2, "mixed_float16": 1e-2}
RUNS = [
    *({"precision": precision} for precision in CLOSE),
    *({"loop": "fit", "precision": precision} for precision in ("float32", "mixed_float16")),
    *({"strategy": "mirrored", "precision": precision} for precision in ("float32", "mixed_float16")),
    {"strategy": "central_storage"},
    {"jit": False},
    {"batch_size": 7_000},
]


@pytest.mark.parametrize("settings", RUNS, ids=lambda given: " ".join(map(str, given.values())))
def test_losses_are_the_cpus(settings, ok, reference, small, only_gpu):
    precision = settings.get("precision", "float32")
    if precision == "tf32":
        only_gpu("tf32 is a mode of GPUs")
    measured = ok(small(**settings))
    alone = {name: value for name, value in settings.items() if name not in ("strategy", "loop", "jit")}
    alone["precision"] = "float32" if precision == "tf32" else precision
    assert measured["losses"] == [
        pytest.approx(pair, rel=CLOSE[precision]) for pair in reference(small(**alone))
    ]


def test_a_row_tells_the_precision(ok, small, only_gpu):
    only_gpu("tf32 is a mode of GPUs")
    told = {precision: ok(small(precision=precision)) for precision in ("float32", "tf32", "mixed_bfloat16")}
    read = {name: (row["tf32_enabled"], row["compute_dtype"]) for name, row in told.items()}
    assert read == {
        "float32": (False, "float32"),
        "tf32": (True, "float32"),
        "mixed_bfloat16": (False, "bfloat16"),
    }
