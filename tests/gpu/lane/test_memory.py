"""Memory of the device: a run's peak is its own, and what it took is given back."""

import pytest

WIDE = {"hidden": [1024, 1024]}
STATE_BYTES = 12 * 1_863_690  # weights and Adam's moments
DATA_BYTES = 70_000 * 785


def test_the_peak_is_the_runs_own(worker, small, kind, only_gpu):
    settings = small(**(WIDE if kind == "gpu" else {}))
    first, second = (worker("train", settings=settings) for _ in range(2))
    assert (first["status"], second["status"]) == ("ok", "ok")
    left = worker("memory")
    if first["peak_device_bytes"] is None:
        assert (second["peak_device_bytes"], left) == (None, None)
        only_gpu("TensorFlow counts no memory of a CPU")
    assert first["peak_device_bytes"] > STATE_BYTES + DATA_BYTES
    assert second["peak_device_bytes"] == pytest.approx(first["peak_device_bytes"], rel=0.1)
    assert left < first["peak_device_bytes"] / 2


def test_memory_grows_as_it_is_needed(ok, small, kind):
    assert ok(small())["memory_growth"] is (True if kind == "gpu" else None)
