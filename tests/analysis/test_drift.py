import pytest

from bench.analysis.drift import Process, drifts


def row(moment, gemm=200e9, memory=10e9, **given):
    """A row of `machines`, as far as drifts look at it."""
    return {
        "session_id": "s1",
        "node": "n1",
        "probe_moment": moment,
        "probe_device_kind": "cpu",
        "probe_cores": 2,
        "probe_float32_flops_per_second": gemm,
        "probe_working_set_bytes": [2**20, 2**29],
        "probe_bytes_per_second": [100e9, memory],
        **given,
    }


def test_a_figure_that_changed_by_more_than_three_percent_drifted():
    (found,) = drifts([row("start"), row("end", gemm=180e9, memory=9.8e9)])
    assert found.process == Process("s1", "n1", "cpu", 2)
    assert found.figure == "float32_flops"
    assert found.change == pytest.approx(-0.1)


def test_faster_is_a_drift_too():
    (found,) = drifts([row("start"), row("end", memory=10.4e9)])
    assert found.figure == "memory_bytes"
    assert found.change == pytest.approx(0.04)


def test_up_to_three_percent_are_none():
    assert drifts([row("start", gemm=100.0), row("end", gemm=102.9)]) == []


def test_the_small_working_sets_are_the_caches_and_no_drift_of_the_memory():
    assert drifts([row("start"), row("end", probe_bytes_per_second=[50e9, 10e9])]) == []


@pytest.mark.parametrize(
    "other",
    [{"session_id": "s2"}, {"node": "n2"}, {"probe_device_kind": "gpu"}, {"probe_cores": 1}],
)
def test_only_like_is_held_against_like(other):
    assert drifts([row("start"), row("end", gemm=1.0, **other)]) == []


def test_without_both_probes_there_is_no_drift():
    bare = {"session_id": "s1", "node": "n1", "probe_moment": None}
    assert drifts([bare, row("start")]) == drifts([row("end")]) == drifts([]) == []


def test_a_precision_that_one_probe_lacks_is_left_out():
    assert drifts([row("start", gemm=None), row("end")]) == []
