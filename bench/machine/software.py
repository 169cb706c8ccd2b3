"""The software and the settings that this process runs under, as far as they change a training's speed."""

import contextlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench import __version__
from bench.machine.cuda import ptxas
from bench.machine.environment import recorded
from bench.machine.files import ROOT, read_text
from bench.machine.hardware import attempt
from bench.machine.nvml import Nvml
from bench.paths import matching


@dataclass(frozen=True)
class Software:
    """Versions and settings; None for what is not installed or not told."""

    python_version: str
    operating_system: str | None
    kernel: str
    libc: str | None
    bench_version: str
    tensorflow_version: str | None
    keras_version: str | None
    ray_version: str | None
    numpy_version: str | None
    cublas_version: str | None
    cudnn_version: str | None
    nccl_version: str | None
    ptxas_path: str | None
    """What assembles XLA's programs for a GPU; None on a machine without one."""
    ptxas_version: str | None
    nvidia_driver_version: str | None
    cuda_version: str | None
    """Highest CUDA version that the driver serves."""
    cpu_governor: str | None
    """cpufreq's governors, those that differ joined by commas."""
    cpu_boost: bool | None
    smt_active: bool | None
    transparent_hugepages: str | None
    environment: dict[str, str]
    """Environment variables that change speed, by name: see `bench.machine.environment`."""


def software(nvml: Nvml | None, environ: Mapping[str, str], root: Path = ROOT) -> Software:
    """The facts, from the packages' metadata, /sys, NVML and `environ`; imports none of the packages."""
    assembler = None if nvml is None or not nvml.count else attempt(lambda: ptxas(environ))
    return Software(
        python_version=f"{platform.python_implementation()} {platform.python_version()}",
        operating_system=attempt(_operating_system),
        kernel=f"{platform.system()} {platform.release()}",
        libc=attempt(lambda: " ".join(filter(None, platform.libc_ver())) or None),
        bench_version=__version__,
        tensorflow_version=_version("tensorflow", "tensorflow-cpu", "tf-nightly"),
        keras_version=_version("keras"),
        ray_version=_version("ray"),
        numpy_version=_version("numpy"),
        cublas_version=_cuda_package_version("nvidia-cublas"),
        cudnn_version=_cuda_package_version("nvidia-cudnn"),
        nccl_version=_cuda_package_version("nvidia-nccl"),
        ptxas_path=None if assembler is None else assembler.path,
        ptxas_version=None if assembler is None else assembler.version,
        nvidia_driver_version=None if nvml is None else nvml.driver_version,
        cuda_version=None if nvml is None else nvml.cuda_version,
        cpu_governor=_governor(root),
        cpu_boost=_boost(root),
        smt_active=_switch(root / "sys/devices/system/cpu/smt/active"),
        transparent_hugepages=_transparent_hugepages(root),
        environment=recorded(environ),
    )


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform(terse=True)


def _version(*distributions: str) -> str | None:
    """Version of the first of these distributions that is installed."""
    for distribution in distributions:
        # KeyError: its metadata have no version.
        with contextlib.suppress(metadata.PackageNotFoundError, KeyError):
            return metadata.version(distribution)
    return None


def _cuda_package_version(name: str) -> str | None:
    return _version(f"{name}-cu12", f"{name}-cu13", name)


def _governor(root: Path) -> str | None:
    policies = matching(root / "sys/devices/system/cpu/cpufreq", "policy*/scaling_governor")
    return ",".join(sorted({text for text in map(read_text, policies) if text})) or None


def _boost(root: Path) -> bool | None:
    """cpufreq's `boost`, or the reverse of intel_pstate's `no_turbo`."""
    cpu = root / "sys/devices/system/cpu"
    no_turbo = _switch(cpu / "intel_pstate/no_turbo")
    return _switch(cpu / "cpufreq/boost") if no_turbo is None else not no_turbo


def _switch(path: Path) -> bool | None:
    return {"0": False, "1": True}.get(read_text(path) or "")


def _transparent_hugepages(root: Path) -> str | None:
    """The choice in brackets: "always [madvise] never"."""
    text = read_text(root / "sys/kernel/mm/transparent_hugepage/enabled") or ""
    return text.partition("[")[2].partition("]")[0] or None
