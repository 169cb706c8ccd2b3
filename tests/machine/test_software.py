import pytest

from bench.machine import software as software_module
from bench.machine.cuda import Ptxas
from bench.machine.nvml import open_nvml
from bench.machine.software import software


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_settings_of_the_system_are_read_from_the_kernels_files(tmp_path):
    cpu = "sys/devices/system/cpu"
    write(
        tmp_path,
        {
            f"{cpu}/cpufreq/policy0/scaling_governor": "performance\n",
            f"{cpu}/cpufreq/policy1/scaling_governor": "powersave\n",
            f"{cpu}/intel_pstate/no_turbo": "1\n",
            f"{cpu}/smt/active": "1\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        },
    )
    running = software(None, {}, tmp_path)
    assert running.cpu_governor == "performance,powersave"
    assert running.cpu_boost is False
    assert running.smt_active is True
    assert running.transparent_hugepages == "madvise"


def test_the_environment_keeps_what_changes_speed_and_no_secrets():
    kept = {
        "XLA_FLAGS": "",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "LD_PRELOAD": "/usr/lib/libjemalloc.so",
        "KMP_AFFINITY": "compact",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    dropped = {
        "TF_VAR_password": "x",
        "TF_TOKEN_app": "x",
        "TF_CONFIG": "{}",
        "KERAS_MAX_EPOCHS": "1",
        "OMP_NUM_THREADS": "2",
        "HOME": "/home/me",
        "A_TOKEN": "x",
    }
    assert software(None, {**dropped, **kept}).environment == kept


def test_the_assembler_is_a_fact_of_a_machine_with_a_gpu(fake_nvml, h100, monkeypatch):
    monkeypatch.setattr(software_module, "ptxas", lambda _: Ptxas("/cuda/bin/ptxas", "12.9.86"))
    running = software(open_nvml(fake_nvml(h100())), {})
    assert (running.ptxas_path, running.ptxas_version) == ("/cuda/bin/ptxas", "12.9.86")


def test_without_a_gpu_no_assembler_is_looked_for(fake_nvml, monkeypatch):
    monkeypatch.setattr(software_module, "ptxas", lambda _: pytest.fail("looked for"))
    for nvml in (None, open_nvml(fake_nvml())):
        assert software(nvml, {}).ptxas_version is None
