"""What the processes of a run measured, as one measurement; here on nodes of their own unless said."""

import pytest

from bench.orchestration.processes.together import together
from bench.records.measurement import Measurement


def of(nodes="ab", **columns):
    return together(
        [
            Measurement(status="ok", **dict(zip(columns, values, strict=True)))
            for values in zip(*columns.values(), strict=True)
        ],
        nodes,
    )


def test_one_process_alone_is_the_run():
    alone = Measurement(status="ok", flags=("unstable",), peak_host_bytes=1, energy_joules=2.0)
    assert together([alone], ["a"]) is alone


def test_the_first_one_s_times_count():
    assert of(step_seconds=(1.0, 2.0), affinity=((0,), (1,))).step_seconds == 1.0


def test_the_start_took_as_long_as_the_last_one_s_and_was_by_forking_where_all_were_forked():
    found = of(start_seconds=(0.1, 2.0, 0.2), start_method=("forkserver", "spawn", "forkserver"), nodes="abc")
    assert (found.start_seconds, found.start_method) == (2.0, "spawn")
    assert of(start_method=("forkserver", "forkserver")).start_method == "forkserver"


def test_any_one_s_flags_count():
    found = of(flags=(("unstable",), ("contended", "unstable")))
    assert found.flags == ("unstable", "contended")


def test_what_was_used_is_summed_up():
    found = of(
        process_cpu_seconds=(1.0, 2.0),
        major_faults=(3, 4),
        gpu_samples=(5, 6),
        gpu_power_watts=(7.0, 8.0),
    )
    assert (found.process_cpu_seconds, found.major_faults) == (3.0, 7)
    assert (found.gpu_samples, found.gpu_power_watts) == (11, 15.0)


def test_a_sum_without_one_of_them_is_none():
    assert of(process_cpu_seconds=(1.0, None)).process_cpu_seconds is None


def test_the_memory_is_that_of_the_largest_process():
    found = of(peak_host_bytes=(10, 30), peak_host_of_run=(True, False), peak_device_bytes=(None, 5))
    assert (found.peak_host_bytes, found.peak_host_of_run, found.peak_device_bytes) == (30, False, 5)


def test_disturbances_are_those_of_the_worst():
    found = of(
        others_cpu_fraction=(0.01, 0.2),
        gpu_sm_clock_min_hertz=(1.4e9, 1.2e9),
        gpu_throttle_reasons=(("sw power cap",), ("hw slowdown", "sw power cap")),
        gpu_shared=(False, True),
    )
    assert (found.others_cpu_fraction, found.gpu_sm_clock_min_hertz) == (0.2, 1.2e9)
    assert found.gpu_throttle_reasons == ("hw slowdown", "sw power cap")
    assert found.gpu_shared is True


def test_what_nobody_was_told_stays_unknown():
    found = of(gpu_throttle_reasons=(None, None), gpu_shared=(None, None), step_seconds=(1.0, 1.0))
    assert (found.gpu_throttle_reasons, found.gpu_shared, found.energy_joules) == (None, None, None)


def test_the_energy_of_gpus_is_summed_up_beside_that_of_processors():
    found = of(gpu_samples=(2, 2), energy_joules=(1.0, 2.0), cpu_energy_joules=(5.0, 6.0))
    assert (found.energy_joules, found.cpu_energy_joules) == (3.0, 11.0)
    assert of(gpu_samples=(2, 2), energy_joules=(1.0, None)).energy_joules is None


@pytest.mark.parametrize(
    ("sources", "worst"),
    [
        (("counter", "samples"), "samples"),
        (("too-short", "samples"), "too-short"),
        (("counter", "counter"), "counter"),
        (("counter", None), None),
    ],
)
def test_a_sum_of_energies_is_worth_what_its_worst_part_is(sources, worst):
    assert of(energy_source=sources).energy_source == worst


def test_the_clock_that_moved_farthest_counts():
    assert of(gpu_sm_clock_moved_fraction=(0.01, -0.04)).gpu_sm_clock_moved_fraction == -0.04


@pytest.mark.parametrize(("nodes", "joules"), [("abc", 45.0), ("aba", 35.0), ("aaa", 20.0)])
def test_that_of_processors_counts_once_per_node(nodes, joules):
    read = (10.0, 20.0, 15.0)
    found = of(nodes, energy_joules=read, cpu_energy_joules=read)
    assert (found.energy_joules, found.cpu_energy_joules) == (joules, joules)


def test_processors_whose_energy_is_known_were_read_off_their_counters():
    read = {"energy_joules": (10.0, None), "energy_source": ("counter", None)}
    one_node = of("aa", cpu_energy_joules=(10.0, None), **read)
    assert (one_node.energy_joules, one_node.energy_source) == (10.0, "counter")
    two_nodes = of("ab", cpu_energy_joules=(10.0, None), **read)
    assert (two_nodes.energy_joules, two_nodes.energy_source) == (None, None)


def test_where_nothing_is_told_of_gpus_the_processors_do_not_stand_for_them():
    found = of(energy_joules=(None, None), cpu_energy_joules=(1.0, 2.0), memory_growth=(True, True))
    assert (found.energy_joules, found.cpu_energy_joules) == (None, 3.0)
