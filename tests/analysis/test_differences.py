import pandas as pd
import pytest

from bench.analysis import pairing
from bench.analysis.differences import Difference, setting_differences, side_differences
from bench.records.scenario import Scenario, choices, of_role
from tests.runs import run_table


def scenarios(rows):
    return pairing.scenarios(run_table(rows))


MACHINE = {
    "machine_id": "m1",
    "software_id": "w1",
    "machine": "laptop",
    "node": "n1",
    "cpu_name": "Core i7",
    "cpu_cores_physical": 8,
    "cpu_flags": ["avx2", "sse4_2"],
    "memory_bytes": 16_000_000_000,
    "gpu_name": [],
    "gpu_uuid": [],
    "gpu_ecc": [],
    "gpu_persistence": [],
    "gpu_application_sm_clock_hertz": [],
    "ptxas_path": "/opt/ptxas",
    "tensorflow_version": "2.20.0",
    "nvidia_driver_version": None,
    "environment": ["TF_XLA_FLAGS=--x"],
    "gemm_flops_per_second": 1e11,
    "fingerprint": "{}",
}


def ran_on(machine):
    return {name: machine[name] for name in ("machine_id", "software_id", "machine")}


@pytest.fixture
def found(scenario_runs):
    """The differences between A on the laptop and B on machines like it but for what is given."""

    def differences(*changed, on_a=None, **settings):
        machines = [{**MACHINE, **facts} for facts in changed] or [MACHINE]
        side_a = scenario_runs([1.0], **ran_on(MACHINE), threads=2, **(on_a or {}))
        side_b = [
            scenario_runs([1.0], **ran_on(machine), **{"threads": 2, **settings}) for machine in machines
        ]
        side_b = scenarios(pd.concat(side_b))
        return side_differences(scenarios(side_a), [MACHINE], side_b, machines)

    return differences


def test_a_machine_does_not_differ_from_itself(found):
    assert found() == ()


def test_hardware_software_and_settings_are_told_apart(found):
    other = {
        "machine_id": "m2",
        "software_id": "w2",
        "machine": "server",
        "cpu_name": "EPYC",
        "gpu_name": ["H100", "H100"],
        "tensorflow_version": "2.21.0",
        "nvidia_driver_version": "550",
        "gemm_flops_per_second": 1e13,
        "fingerprint": "{...}",
        "gpu_uuid": ["GPU-1"],
        "gpu_ecc": [True],
        "gpu_persistence": [True],
        "gpu_application_sm_clock_hertz": [1.98e9],
        "ptxas_path": "/usr/bin/ptxas",
    }
    assert found(other, threads=8, precision="tf32") == (
        Difference("hardware", "machine", ("laptop",), ("server",)),
        Difference("hardware", "cpu_name", ("Core i7",), ("EPYC",)),
        Difference("hardware", "gpu_name", (), ("H100",)),
        Difference("software", "gpu_ecc", (), (True,)),
        Difference("software", "gpu_application_sm_clock_hertz", (), (1.98e9,)),
        Difference("software", "tensorflow_version", ("2.20.0",), ("2.21.0",)),
        Difference("software", "nvidia_driver_version", (), ("550",)),
        Difference("settings", "precision", ("float32",), ("tf32",)),
        Difference("settings", "threads", (2,), (8,)),
    )


def test_a_side_with_several_values_shows_them_all(found):
    second = {"machine_id": "m2", "software_id": "w2", "tensorflow_version": "2.21.0"}
    assert found({}, second) == (
        Difference("software", "tensorflow_version", ("2.20.0",), ("2.20.0", "2.21.0")),
    )


def test_of_long_lists_only_what_the_other_side_lacks_is_shown(found):
    assert found({"cpu_flags": ["avx2", "avx512f"], "environment": []}) == (
        Difference("hardware", "cpu_flags", ("sse4_2",), ("avx512f",)),
        Difference("software", "environment", ("TF_XLA_FLAGS=--x",), ()),
    )


def test_how_replicas_summed_up_is_named_where_both_sides_tell(found):
    assert found(all_reduce_implementation="NCCL") == ()
    for ways in (("RING", "NCCL"), ("NCCL", "RING")):
        assert found(all_reduce_implementation=ways[1], on_a={"all_reduce_implementation": ways[0]}) == (
            Difference("settings", "all_reduce_implementation", (ways[0],), (ways[1],)),
        )


def test_a_table_older_than_a_setting_was_made_with_its_neutral_value(found):
    assert found(deterministic=False, servers=1, placement="pack") == ()
    assert found(deterministic=True) == (Difference("settings", "deterministic", (False,), (True,)),)


def test_a_little_less_memory_is_no_difference(found):
    assert found({"memory_bytes": 15_990_000_000}) == ()
    assert [difference.name for difference in found({"memory_bytes": 32_000_000_000})] == ["memory_bytes"]


def test_machines_that_ran_nothing_here_do_not_count(scenario_runs):
    runs = scenario_runs([1.0], machine_id="m1", software_id="w1", machine="laptop")
    idle = {**MACHINE, "machine_id": "m9", "cpu_name": "EPYC"}
    side = scenarios(runs)
    assert side_differences(side, [MACHINE, idle], side, [MACHINE]) == ()


def test_an_unknown_machine_is_one_entry_not_one_per_fact(scenario_runs, no_machines):
    published = scenarios(scenario_runs([1.0], machine="unknown"))
    here = scenarios(scenario_runs([1.0], machine_id="m1", machine="laptop", node="n1"))
    found = side_differences(published, no_machines, here, [MACHINE])
    assert found == (Difference("hardware", "machine", (), ("laptop",)),)


def other(name):
    """The usual value of a setting, none as no value, and another one."""
    usual = getattr(Scenario(hidden=[50, 50], batch_size=100), name)
    if isinstance(usual, bool):
        return (usual,), (not usual,)
    names = {choice for choice in choices(name) if choice != usual} or {
        "H100" if name == "accelerator" else 7
    }
    return (() if usual is None else (usual,)), (min(names),)


@pytest.mark.parametrize("name", of_role("execution", "goal"))
def test_every_setting_of_how_and_until_when_is_named_where_it_differs(name, found, scenario_runs):
    usual, changed = other(name)
    expected = (Difference("settings", name, usual, changed),)
    assert found(**{name: changed[0]}) == expected
    (a,), (b,) = (scenarios(scenario_runs([1.0], **more)) for more in ({}, {name: changed[0]}))
    assert setting_differences(a, b) == expected
    assert setting_differences(a, a) == ()


def test_paired_scenarios_name_the_settings_that_differ(scenario_runs):
    [a] = scenarios(scenario_runs([1.0], loop="fit"))
    [b] = scenarios(scenario_runs([1.0], loop="fused", cpus=4))
    assert setting_differences(a, b) == (
        Difference("settings", "loop", ("fit",), ("fused",)),
        Difference("settings", "cpus", (), (4,)),
    )
