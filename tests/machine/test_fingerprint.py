import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import bench
from bench.machine.fingerprint import Fingerprint, fingerprint
from bench.machine.hardware import Hardware
from bench.machine.nvml import Gpu, open_nvml
from bench.machine.software import Software

ROOT = Path(bench.__file__).parents[1]
GIB = 2**30

GPU = Gpu(index=0, name="NVIDIA H100 80GB HBM3", uuid="GPU-1", memory_bytes=80 * GIB, power_limit_watts=700.0)

HARDWARE = Hardware(
    cpu_name="AMD EPYC 7763 64-Core Processor",
    cpu_architecture="x86_64",
    cpu_cores_physical=64,
    cpu_cores_logical=128,
    cpu_hertz_max=3.5e9,
    cpu_cache_l2_bytes=2**19,
    cpu_cache_l3_bytes=2**25,
    cpu_flags=("avx", "avx2", "fma"),
    memory_bytes=512 * GIB,
    numa_nodes=2,
    virtualised=False,
    hypervisor=None,
    cgroup_cpu_limit=None,
    cgroup_cores=None,
    cgroup_memory_limit_bytes=None,
    gpus=(GPU,) * 8,
)
SOFTWARE = Software(
    python_version="CPython 3.11.7",
    operating_system="Debian GNU/Linux 12 (bookworm)",
    kernel="Linux 6.1.0",
    libc="glibc 2.36",
    bench_version="0.1.0",
    tensorflow_version="2.21.0",
    keras_version="3.15.0",
    ray_version="2.60.0",
    numpy_version="2.4.0",
    cublas_version="12.9.1.4",
    cudnn_version="9.10.2.21",
    nccl_version="2.27.3",
    ptxas_path=None,
    ptxas_version=None,
    nvidia_driver_version="550.54.15",
    cuda_version="12.4",
    cpu_governor="performance",
    cpu_boost=True,
    smt_active=True,
    transparent_hugepages="madvise",
    environment={"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
)
MADE_UP = Fingerprint("node-1", HARDWARE, SOFTWARE)


def with_hardware(**changes):
    return dataclasses.replace(MADE_UP, hardware=dataclasses.replace(HARDWARE, **changes))


def with_software(**changes):
    return dataclasses.replace(MADE_UP, software=dataclasses.replace(SOFTWARE, **changes))


def test_ids_stay_what_they_are_from_version_to_version():
    # A change here parts every machine from its own earlier results.
    assert MADE_UP.machine_id == "d64aaf163a95"
    assert MADE_UP.software_id == "6a23ff9f79e5"


def test_a_session_that_is_kept_has_the_ids_that_its_facts_give():
    (file,) = (ROOT / "results" / "nvidia-h200").glob("machines.parquet")
    for row in pq.read_table(file).to_pylist():
        told = json.loads(row["fingerprint"])
        hardware = {
            **told["hardware"],
            "cpu_flags": tuple(told["hardware"]["cpu_flags"]),
            "gpus": tuple(Gpu(**gpu) for gpu in told["hardware"]["gpus"]),
        }
        back = Fingerprint(told["node"], Hardware(**hardware), Software(**told["software"]))
        assert (back.machine_id, back.software_id) == (row["machine_id"], row["software_id"])


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu_hertz_max": 3.4e9},
        {"memory_bytes": 512 * GIB - 5_000_000},
        {"gpus": (dataclasses.replace(GPU, uuid="GPU-2", driver_version="560"),) * 8},
        {"cgroup_cpu_limit": 128.0, "cgroup_cores": 128, "cgroup_memory_limit_bytes": 600 * GIB},
    ],
)
def test_what_makes_no_other_machine(changes):
    assert with_hardware(**changes).machine_id == MADE_UP.machine_id


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu_name": "AMD EPYC 7713 64-Core Processor"},
        {"cpu_flags": ("avx", "avx2", "avx512f", "fma")},
        {"memory_bytes": 256 * GIB},
        {"gpus": (GPU,) * 7},
        {"gpus": (dataclasses.replace(GPU, name=f"{GPU.name} MIG 3g.40gb", memory_bytes=40 * GIB),) * 8},
        {"gpus": (dataclasses.replace(GPU, power_limit_watts=350.0),) * 8},
        {"cgroup_cpu_limit": 2.5},
        {"cgroup_cores": 4},
        {"cgroup_memory_limit_bytes": 8 * GIB},
    ],
)
def test_what_makes_another_machine(changes):
    assert with_hardware(**changes).machine_id != MADE_UP.machine_id
    assert with_hardware(**changes).software_id == MADE_UP.software_id


SET = {"ecc": True, "application_sm_clock_hertz": 1.98e9, "application_memory_clock_hertz": 2.6e9}


@pytest.mark.parametrize(
    "changes",
    [{"ecc": False}, {"application_sm_clock_hertz": 1.2e9}, {"application_memory_clock_hertz": 1e9}],
)
def test_settings_of_a_gpu_make_another_software_on_the_same_machine(changes):
    one, other = (
        with_hardware(gpus=(dataclasses.replace(GPU, **settings),)) for settings in (SET, {**SET, **changes})
    )
    assert one.machine_id == other.machine_id
    assert one.software_id != other.software_id


def test_a_gpu_that_is_kept_ready_is_no_other_machine_or_software():
    kept, not_kept = (
        with_hardware(gpus=(dataclasses.replace(GPU, **SET, persistence=mode),)) for mode in (True, False)
    )
    assert (kept.machine_id, kept.software_id) == (not_kept.machine_id, not_kept.software_id)


def test_the_assemblers_version_makes_another_software_wherever_it_is_installed():
    one = with_software(ptxas_path="/a/ptxas", ptxas_version="12.9.86")
    assert with_software(ptxas_path="/b/ptxas", ptxas_version="12.9.86").software_id == one.software_id
    assert with_software(ptxas_path="/a/ptxas", ptxas_version="12.4.99").software_id != one.software_id
    assert one.software_id != MADE_UP.software_id


def test_neither_the_node_nor_a_runs_placement_makes_another_software():
    placed = {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2", "CUDA_VISIBLE_DEVICES": "3", "TF_CPP_MIN_LOG_LEVEL": "0"}
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    places = {"LD_LIBRARY_PATH": "/usr/local/nvidia/lib", "CUDA_CACHE_PATH": "/tmp/cache"}
    assert with_software(environment=placed | threads | places).software_id == MADE_UP.software_id
    assert dataclasses.replace(MADE_UP, node="node-2").machine_id == MADE_UP.machine_id


@pytest.mark.parametrize(
    "changes",
    [
        {"tensorflow_version": "2.20.0"},
        {"environment": {}},
        {"environment": {**SOFTWARE.environment, "LD_PRELOAD": "/usr/lib/libjemalloc.so"}},
        {"cpu_governor": "powersave"},
    ],
)
def test_what_makes_another_software(changes):
    assert with_software(**changes).software_id != MADE_UP.software_id


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "AMD EPYC 7763, 64 cores, 8 × NVIDIA H100 80GB HBM3"),
        (
            {"gpus": (GPU, Gpu(index=1, name="NVIDIA L4"))},
            "AMD EPYC 7763, 64 cores, NVIDIA H100 80GB HBM3, NVIDIA L4",
        ),
        ({"gpus": (), "cgroup_cpu_limit": 2.5}, "AMD EPYC 7763, 64 cores, 2.5 CPUs allowed"),
        (
            {"cpu_name": "Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", "cpu_cores_physical": 1, "gpus": ()},
            "Intel Xeon E5-2690 v4, 1 core",
        ),
        (
            {"cpu_name": None, "cpu_cores_physical": None, "cpu_cores_logical": None, "gpus": ()},
            "unknown CPU",
        ),
    ],
)
def test_a_machine_has_a_short_name(changes, name):
    assert with_hardware(**changes).machine == name


def test_a_fingerprint_is_json():
    back = json.loads(json.dumps(dataclasses.asdict(MADE_UP)))
    assert back["hardware"]["gpus"][7]["name"] == "NVIDIA H100 80GB HBM3"
    assert back["software"]["environment"] == {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}


def test_facts_are_flat():
    facts = MADE_UP.facts()
    assert facts["machine_id"] == MADE_UP.machine_id
    assert facts["gpu_count"] == 8
    assert facts["gpu_memory_bytes"] == [80 * GIB] * 8
    assert facts["environment"] == ["XLA_FLAGS=--xla_cpu_max_isa=AVX2"]
    assert not any(isinstance(value, dict) for value in facts.values())


def test_a_machine_that_tells_nothing_still_has_a_fingerprint(tmp_path, fake_nvml):
    seen = fingerprint(open_nvml(fake_nvml({})), tmp_path, {})
    assert seen.hardware.cpu_cache_l2_bytes is None
    assert seen.hardware.numa_nodes is None
    assert seen.hardware.gpus == (Gpu(index=0, driver_version="550.54.15"),)
    assert seen.software.cpu_governor is None
    assert len(seen.machine_id) == len(seen.software_id) == 12


def test_a_machine_of_slices_is_named_after_them(fake_nvml, mig, mig_slice):
    cut = mig({0: mig_slice("MIG-a"), 1: mig_slice("MIG-b")})
    seen = fingerprint(open_nvml(fake_nvml(cut)))
    assert seen.machine.endswith("2 × NVIDIA H100 80GB HBM3 MIG 3g.40gb")
    assert seen.facts()["gpu_memory_bytes"] == [40 * GIB] * 2
    assert seen.facts()["gpu_mig"] == [True, True]
    assert seen.facts()["gpu_power_limit_watts"] == [None, None]


def test_gpus_and_driver_come_from_nvml(fake_nvml, h100):
    seen = fingerprint(open_nvml(fake_nvml(h100(), h100())))
    assert seen.machine.endswith("2 × NVIDIA H100 80GB HBM3")
    assert seen.software.nvidia_driver_version == "550.54.15"
    assert seen.software.cuda_version == "12.4"


def test_this_machine_is_the_same_in_another_process_pinned_or_not():
    code = (
        "import sys\n"
        "from bench.machine.affinity import allowed_cores, pin\n"
        "from bench.machine.fingerprint import fingerprint\n"
        "pin(allowed_cores()[:1])\n"
        "seen = fingerprint()\n"
        "print(seen.machine_id, seen.software_id)\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'ray'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    here = fingerprint()
    assert done.stdout.split() == [here.machine_id, here.software_id]
    assert here.hardware.memory_bytes > 2**28
    assert here.software.numpy_version is not None
