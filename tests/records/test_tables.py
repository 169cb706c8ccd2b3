import dataclasses
import json

import pyarrow as pa
import pytest

from bench.machine.fingerprint import fingerprint as this_machine
from bench.records.measurement import STATUSES, Measurement
from bench.records.scenario import Scenario
from bench.records.tables import (
    SCHEMA_VERSION,
    TABLE_NAMES,
    epochs_schema,
    machine_row,
    machines_schema,
    runs_schema,
    to_table,
    version_of,
)

IDENTITY = """
    run_id session_id suite sweep scenario_id label round order attempt started_at status error flags
    dataset_sha256 machine_id software_id machine node device_name wanted_precision max_rounds
"""
SETTINGS = """
    dataset hidden activation dropout standardize shift optimizer learning_rate schedule warmup_fraction
    batch_size batch_per_replica epochs target_accuracy loop precision jit strategy workers devices device
    cpus accelerator seed deterministic
"""
MEASURED = """
    queue_seconds import_seconds build_seconds stage_seconds compile_seconds warmup_seconds train_seconds
    eval_seconds test_seconds wall_seconds target_seconds target_epoch steps samples step_seconds
    step_seconds_mad samples_per_second train_loss train_accuracy val_loss val_accuracy best_val_accuracy
    test_loss test_accuracy model_flops_per_step flops_per_second limit_seconds limit_fraction bound_by
    peak_host_bytes peak_device_bytes energy_joules threads affinity niceness
"""
METERED = """
    metered_seconds peak_host_of_run cpu_energy_joules process_cpu_seconds others_cpu_fraction
    node_others_cpu_fraction steal_seconds cgroup_throttled_seconds load_average major_faults
    involuntary_switches gpu_samples gpu_power_watts gpu_sm_clock_hertz gpu_sm_clock_min_hertz
    gpu_sm_clock_moved_fraction energy_source
    gpu_temperature_max_celsius gpu_throttle_reasons gpu_shared pinned process_id
    tf32_enabled compute_dtype memory_growth op_determinism all_reduce_implementation xla_flags
    tf_xla_flags modules
"""
EPOCHS = """
    run_id epoch steps train_seconds eval_seconds elapsed_seconds learning_rate train_loss train_accuracy
    val_loss val_accuracy window_seconds window_steps
"""
MACHINES = (
    "session_id machine_id software_id machine node cpu_name memory_bytes gpu_count gpu_name gpu_mig gpu_ecc "
    "gpu_persistence gpu_application_sm_clock_hertz ptxas_path ptxas_version fingerprint"
)


@pytest.mark.parametrize("column", (IDENTITY + SETTINGS + MEASURED + METERED).split())
def test_runs_has_the_columns_that_others_rely_on(column):
    assert column in runs_schema().names


@pytest.mark.parametrize("column", EPOCHS.split())
def test_epochs_has_the_columns_that_others_rely_on(column):
    assert column in epochs_schema().names


@pytest.mark.parametrize("column", MACHINES.split())
def test_machines_has_the_columns_that_others_rely_on(column):
    assert column in machines_schema().names


@pytest.mark.parametrize("schema", [runs_schema(), epochs_schema(), machines_schema()])
def test_no_column_is_there_twice(schema):
    assert len(set(schema.names)) == len(schema.names)


TYPES = {
    pa.string(): "dataset optimizer schedule loop precision strategy placement device accelerator",
    pa.list_(pa.string()): "activation",
    pa.list_(pa.int64()): "hidden",
    pa.int64(): "shift batch_size batch_per_replica epochs workers devices servers cpus seed",
    pa.float64(): "dropout label_smoothing learning_rate warmup_fraction target_accuracy",
    pa.bool_(): "standardize jit deterministic",
}


def test_every_setting_has_its_column_and_type():
    """Those of tables that there are: a column of another type would not be read beside them."""
    expected = {name: kind for kind, names in TYPES.items() for name in names.split()}
    assert {name: runs_schema().field(name).type for name in Scenario.model_fields} == expected


def test_the_types_of_the_columns_suit_the_settings(scenario):
    settings = scenario(cpus=1, accelerator="H100", target_accuracy=0.9).model_dump(mode="json")
    table = to_table("runs", [settings])
    assert {name: table.column(name)[0].as_py() for name in settings} == settings


def test_quantities_are_numbers_in_the_unit_that_their_name_ends_with():
    units = ("_seconds", "_joules", "_watts", "_hertz", "_celsius", "_fraction")
    for field in [*runs_schema(), *epochs_schema()]:
        if field.name.endswith(units) and field.name != "window_seconds":
            assert field.type == pa.float64(), field.name
        if field.name.endswith("_bytes"):
            assert field.type == pa.int64(), field.name


def test_reasons_that_were_not_told_are_not_the_same_as_none_at_all(run):
    rows = [run(gpu_throttle_reasons=reasons)[0] for reasons in (None, (), ("sw_power_cap",))]
    assert to_table("runs", rows).column("gpu_throttle_reasons").to_pylist() == [None, [], ["sw_power_cap"]]


def test_rows_come_back_as_they_went_in(content):
    session = content(runs=2)
    for name in TABLE_NAMES:
        rows = getattr(session, name)
        table = to_table(name, rows)
        assert table.num_rows == len(rows)
        for row, read in zip(rows, table.to_pylist(), strict=True):
            assert read == {key: _listed(value) for key, value in row.items()}


def _listed(value):
    return list(value) if isinstance(value, tuple) else value


def test_a_row_has_every_column_of_its_table(content):
    session = content(runs=1)
    assert set(session.runs[0]) == set(runs_schema().names)
    assert set(session.epochs[0]) == set(epochs_schema().names)
    assert set(session.machines[0]) == set(machines_schema().names)


def test_the_row_s_seed_is_the_run_s_own(run):
    row, _ = run(number=3)
    assert row["seed"] == 3


def test_the_row_holds_the_flops_of_a_step(run):
    assert run()[0]["model_flops_per_step"] == 17_480_000


def test_this_machine_fits_the_table():
    row = machine_row("s1", this_machine())
    assert to_table("machines", [row]).column("machine_id").to_pylist() == [row["machine_id"]]


def test_a_machine_s_row_holds_the_whole_fingerprint(fingerprint):
    row = machine_row("s1", fingerprint)
    assert json.loads(row["fingerprint"])["hardware"]["gpus"][1]["uuid"] == "GPU-1"
    assert row["gpu_name"] == ["NVIDIA H100", "NVIDIA H100"]
    assert row["gpu_power_limit_watts"] == [700.0, None]
    assert row["environment"] == ["OMP_NUM_THREADS=2"]


@pytest.mark.parametrize("status", STATUSES)
def test_a_run_that_measured_nothing_is_a_row_too(run, status):
    row, _ = run(**dataclasses.asdict(Measurement(status=status, error="why")))
    read = to_table("runs", [row]).to_pylist()[0]
    assert (read["status"], read["error"], read["train_seconds"], read["flags"]) == (status, "why", None, [])


def test_a_column_that_the_table_lacks_is_refused(run):
    row, _ = run(surprise=1)
    with pytest.raises(KeyError, match="runs has no column surprise"):
        to_table("runs", [row])


def test_text_that_utf8_lacks_is_kept_as_far_as_it_goes(run):
    row, _ = run(error="no file caf\udce9.npz")
    assert to_table("runs", [row]).column("error").to_pylist() == ["no file caf?.npz"]


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_table_names_the_version_of_its_schema(name):
    assert version_of(to_table(name, []).schema) == SCHEMA_VERSION == 1


def test_other_tables_have_no_version():
    assert version_of(pa.schema([])) is None
    assert version_of(pa.schema([], metadata={"bench_schema_version": "new"})) is None
