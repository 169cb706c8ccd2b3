import pytest

from bench.analysis.drift import changes, drifts


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
    assert (found.session_id, found.node, found.device_kind, found.cores) == ("s1", "n1", "cpu", 2)
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


def test_a_memory_that_one_probe_did_not_fill_is_not_held_against_a_cache():
    smaller = {"probe_working_set_bytes": [2**20], "probe_bytes_per_second": [100e9]}
    assert drifts([row("start"), row("end", **smaller)]) == []


def test_older_tables_do_not_tell_what_was_deterministic():
    (found,) = drifts([row("start"), row("end", gemm=180e9, probe_deterministic=False)])
    assert found.figure == "float32_flops"


def test_of_the_ends_of_a_resumed_session_the_farthest_from_its_first_start_is_told():
    ends = [row("end", gemm=gemm) for gemm in (190e9, 120e9, 150e9)]
    (found,) = drifts([row("start"), ends[0], row("start", gemm=130e9), *ends[1:]])
    assert (found.before, found.after) == (200e9, 120e9)


@pytest.mark.parametrize(
    "other",
    [
        {"session_id": "s2"},
        {"node": "n2"},
        {"probe_device_kind": "gpu"},
        {"probe_cores": 1},
        {"probe_deterministic": True},
    ],
)
def test_only_like_is_held_against_like(other):
    assert drifts([row("start"), row("end", gemm=1.0, **other)]) == []


def test_without_both_probes_there_is_no_drift():
    bare = {"session_id": "s1", "node": "n1", "probe_moment": None}
    assert drifts([bare, row("start")]) == drifts([row("end")]) == drifts([]) == []


def test_a_precision_that_one_probe_lacks_is_left_out():
    assert drifts([row("start", gemm=None), row("end")]) == []


class TestTwoSides:
    """200 GFLOP/s and 10 GB/s in `row`."""

    def of(self, *gemms, **given):
        return [row("start", gemm=gemm, machine_id="m1", **given) for gemm in gemms]

    def test_medians_more_than_three_percent_apart_are_told(self):
        (found,) = changes(self.of(200e9, 220e9, 190e9), self.of(240e9, 260e9))
        assert (found.node, found.figure) == ("n1", "float32_flops")
        assert (found.before, found.after) == (200e9, 250e9)
        assert found.change == pytest.approx(0.25)

    def test_nearer_than_that_is_the_same(self):
        assert changes(self.of(200e9), self.of(205e9)) == []

    @pytest.mark.parametrize("other", [{"probe_device_kind": "gpu"}, {"probe_cores": 1}])
    def test_only_like_processes_are_held_against_each_other(self, other):
        assert changes(self.of(200e9), self.of(1e9, **other)) == []

    def test_other_machines_differ_and_that_is_no_change(self):
        other = [{**found, "machine_id": "m2"} for found in self.of(1e9)]
        assert changes(self.of(200e9), other) == []

    def test_without_probes_nothing_is_said(self):
        bare = [{"machine_id": "m1", "node": "n1", "probe_moment": None}]
        assert changes(bare, self.of(200e9)) == changes(self.of(200e9), bare) == []
