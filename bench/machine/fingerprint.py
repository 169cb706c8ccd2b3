"""Which machine this is: every fact that a time depends on, and two hashes that tell machines apart."""

import hashlib
import json
import os
import platform
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.machine.files import ROOT
from bench.machine.hardware import Hardware, hardware
from bench.machine.nvml import Nvml, open_nvml
from bench.machine.software import Software, software

_ID_LENGTH = 12

# Set anew for each run by whoever places it (Ray, or bench itself) and kept in the run's own row, or without
# any effect on speed. In the software's hash they would make a machine of its own out of every run.
_PLACEMENT = frozenset(
    (
        "BENCH_START_METHOD",
        "CUDA_VISIBLE_DEVICES",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_CPP_MIN_LOG_LEVEL",
    )
)
# Where things lie, which is no software: what is loaded from there has a version among the facts.
_PLACES = frozenset(("CUDA_CACHE_PATH", "LD_LIBRARY_PATH"))


GPU_FACTS = (
    "name",
    "uuid",
    "memory_bytes",
    "compute_capability",
    "power_limit_watts",
    "mig",
    "ecc",
    "persistence",
    "application_sm_clock_hertz",
    "application_memory_clock_hertz",
)
_GPU_SETTINGS = ("ecc", "application_sm_clock_hertz", "application_memory_clock_hertz")


@dataclass(frozen=True)
class Fingerprint:
    """One machine at one time; `dataclasses.asdict` of it is JSON."""

    node: str
    hardware: Hardware
    software: Software

    @cached_property
    def machine_id(self) -> str:
        """12 hex digits that are the same for equal hardware, under whatever name, software or load."""
        return _hash(_hardware_identity(self.hardware))

    @cached_property
    def software_id(self) -> str:
        """12 hex digits that are the same for equal versions and settings, those of the GPUs included.

        Clocks and ECC are what an owner sets, not what a board is; persistence changes the speed of nothing
        but the first use. What is not told makes no other software: older facts keep their id.
        """
        facts = dict(vars(self.software))
        del facts["ptxas_path"]
        if facts["ptxas_version"] is None:
            del facts["ptxas_version"]
        settings = [[getattr(gpu, name) for name in _GPU_SETTINGS] for gpu in self.hardware.gpus]
        if any(value is not None for one in settings for value in one):
            facts["gpu_settings"] = settings
        facts["environment"] = {
            name: value
            for name, value in self.software.environment.items()
            if name not in _PLACEMENT | _PLACES
        }
        return _hash(facts)

    @cached_property
    def machine(self) -> str:
        """A short name for people, such as "AMD EPYC 7763, 64 cores, 8 × NVIDIA H100 80GB HBM3"."""
        return machine_name(self.hardware)

    def facts(self) -> dict[str, Any]:
        """One flat mapping, for one column per fact: ids, name, node, hardware and software.

        GPUs become `gpu_count` and lists with one entry per GPU (`gpu_name`, `gpu_memory_bytes`, ...); the
        environment becomes a list of NAME=value, so that every machine has the same columns.
        """
        built, running = asdict(self.hardware), asdict(self.software)
        gpus, environment = built.pop("gpus"), running.pop("environment")
        return {
            "machine_id": self.machine_id,
            "software_id": self.software_id,
            "machine": self.machine,
            "node": self.node,
            **built,
            "gpu_count": len(gpus),
            **{f"gpu_{column}": [gpu[column] for gpu in gpus] for column in GPU_FACTS},
            **running,
            "environment": [f"{name}={value}" for name, value in environment.items()],
        }


def fingerprint(
    nvml: Nvml | None = None, root: Path = ROOT, environ: Mapping[str, str] = os.environ
) -> Fingerprint:
    """This machine's fingerprint. What a source does not tell is None; no source's failure is raised.

    Without `nvml`, NVML is opened and closed here. Imports neither TensorFlow nor Ray.
    """
    opened = open_nvml() if nvml is None else None
    try:
        seen = nvml or opened
        return Fingerprint(platform.node(), hardware(seen, root), software(seen, environ, root))
    finally:
        if opened is not None:
            opened.close()


def machine_name(built: Hardware) -> str:
    """CPU, cores (physical where known), what the cgroup allows of them, and GPUs, without trade marks."""
    parts = [_plain_cpu_name(built.cpu_name)]
    cores = built.cpu_cores_physical or built.cpu_cores_logical
    if cores:
        parts.append("1 core" if cores == 1 else f"{cores} cores")
    allowed = _allowed_cpus(built)
    if allowed is not None:
        parts.append(f"{allowed:g} CPUs allowed")
    names = Counter(gpu.name or "unknown GPU" for gpu in built.gpus)
    parts += [name if count == 1 else f"{count} × {name}" for name, count in names.items()]
    return ", ".join(parts)


def _plain_cpu_name(name: str | None) -> str:
    """Without marks, clock and core count: "AMD EPYC 7763 64-Core Processor" is "AMD EPYC 7763"."""
    plain = re.sub(
        r"\((?:R|TM|C)\)|\bCPU\b|@.*$|\b\d+-Core Processor\b", " ", name or "", flags=re.IGNORECASE
    )
    return " ".join(plain.split()) or "unknown CPU"


def _allowed_cpus(built: Hardware) -> float | None:
    """CPUs that the cgroup leaves of the machine's, by quota and cpuset; None where it takes none away."""
    limits = [float(limit) for limit in (built.cgroup_cpu_limit, built.cgroup_cores) if limit is not None]
    allowed = min(limits, default=None)
    logical = built.cpu_cores_logical
    return None if allowed is None or (logical is not None and allowed >= logical) else allowed


def _hardware_identity(built: Hardware) -> dict[str, Any]:
    """What makes a machine another machine. Sizes are rounded: a kernel keeps a little memory for itself."""
    limit, memory = built.cgroup_memory_limit_bytes, built.memory_bytes
    if limit is not None and memory is not None and limit >= memory:
        limit = None
    return {
        "cpu_name": built.cpu_name,
        "cpu_architecture": built.cpu_architecture,
        "cpu_cores_physical": built.cpu_cores_physical,
        "cpu_cores_logical": built.cpu_cores_logical,
        # Clouds give several generations of CPU one name; their vector units tell them apart.
        "cpu_flags": built.cpu_flags,
        "memory_gib": _rounded(memory, 2**30),
        "allowed_cpus": _allowed_cpus(built),
        "memory_limit_mib": _rounded(limit, 2**20),
        "gpus": [
            (gpu.name, _rounded(gpu.memory_bytes, 2**30), _rounded(gpu.power_limit_watts, 1))
            for gpu in built.gpus
        ],
    }


def _rounded(value: float | None, unit: int) -> int | None:
    return None if value is None else round(value / unit)


def _hash(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]
