"""What this machine is made of, and how much of it this process may use."""

import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from bench.machine.cgroup import Cgroup
from bench.machine.files import ROOT, read_cores, read_int, read_text
from bench.machine.nvml import Gpu, Nvml
from bench.paths import matching

# Vector and matrix units; the names are /proc/cpuinfo's on x86 ("flags") and on ARM ("Features").
_VECTOR_FLAG = re.compile(r"sse4_2|fma|f16c|avx.*|amx_.*|neon|asimd.*|fphp|sve.*|sme(?!p$).*|bf16|i8mm")
_SIZE_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Hardware:
    """Facts about the machine; None for what it does not tell."""

    cpu_name: str | None
    cpu_architecture: str | None
    cpu_cores_physical: int | None
    cpu_cores_logical: int | None
    cpu_hertz_max: float | None
    """Of the fastest core, boost included."""
    cpu_cache_l2_bytes: int | None
    """One level 2 cache, as core 0 sees it."""
    cpu_cache_l3_bytes: int | None
    """One level 3 cache, as core 0 sees it."""
    cpu_flags: tuple[str, ...]
    """Vector and matrix units, sorted."""
    memory_bytes: int | None
    numa_nodes: int | None
    virtualised: bool | None
    """Whether a hypervisor lies between; False where the CPU does not say so, None where it never would."""
    hypervisor: str | None
    cgroup_cpu_limit: float | None
    """CPUs' worth of time that the cgroup's quota allows."""
    cgroup_cores: int | None
    """Number of cores in the cgroup's cpuset."""
    cgroup_memory_limit_bytes: int | None
    gpus: tuple[Gpu, ...]
    """Boards; in place of one in MIG mode, the slices of it that this process may see."""


def hardware(nvml: Nvml | None, root: Path = ROOT) -> Hardware:
    """The facts, from /proc, /sys, psutil and NVML. What cannot be read is None; never raises."""
    name, flags = _cpu(root)
    cgroup = Cgroup(root)
    cpuset = cgroup.cores()
    nodes = read_cores(root / "sys/devices/system/node/online")
    virtualised = "hypervisor" in flags if _is_x86() else None
    return Hardware(
        cpu_name=name,
        cpu_architecture=platform.machine() or None,
        cpu_cores_physical=attempt(lambda: psutil.cpu_count(logical=False)),
        cpu_cores_logical=attempt(lambda: psutil.cpu_count(logical=True)),
        cpu_hertz_max=_hertz_max(root),
        cpu_cache_l2_bytes=_cache_bytes(root, 2),
        cpu_cache_l3_bytes=_cache_bytes(root, 3),
        cpu_flags=tuple(sorted(flag for flag in flags if _VECTOR_FLAG.fullmatch(flag))),
        memory_bytes=attempt(lambda: psutil.virtual_memory().total),
        numa_nodes=None if nodes is None else len(nodes),
        virtualised=virtualised,
        hypervisor=_hypervisor(root, virtualised),
        cgroup_cpu_limit=cgroup.cpu_limit(),
        cgroup_cores=None if cpuset is None else len(cpuset),
        cgroup_memory_limit_bytes=cgroup.memory_limit(),
        gpus=() if nvml is None else tuple(nvml.gpu(device) for device in nvml.devices),
    )


def attempt(read: Callable[[], _T]) -> _T | None:
    """What `read` gives, or None where it raises: a source that fails costs one fact, not the record."""
    try:
        return read()
    except Exception:
        return None


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64", "i686", "i386")


def _cpu(root: Path) -> tuple[str | None, frozenset[str]]:
    """Model name and flags of the first core that /proc/cpuinfo lists, else what py-cpuinfo finds."""
    facts: dict[str, str] = {}
    for line in (read_text(root / "proc/cpuinfo") or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name")
    flags = frozenset((facts.get("flags") or facts.get("Features") or "").split())
    if name and flags:
        return name, flags
    # ARM Linux lists no model name and macOS has no /proc. py-cpuinfo starts processes and takes a second,
    # so it is asked last.
    found = attempt(_ask_cpuinfo) or {}
    return name or found.get("brand_raw"), flags or frozenset(found.get("flags", ()))


def _ask_cpuinfo() -> dict[str, Any]:
    import cpuinfo

    found: dict[str, Any] = cpuinfo.get_cpu_info()
    return found


def _hertz_max(root: Path) -> float | None:
    policies = matching(root / "sys/devices/system/cpu/cpufreq", "policy*/cpuinfo_max_freq")
    kilohertz = [value for value in map(read_int, policies) if value]
    if kilohertz:
        return max(kilohertz) * 1e3
    frequency = attempt(psutil.cpu_freq)
    return frequency.max * 1e6 if frequency is not None and frequency.max > 0 else None


def _cache_bytes(root: Path, level: int) -> int | None:
    """Size of core 0's unified or data cache of that level; sysfs writes "2048K"."""
    for cache in matching(root / "sys/devices/system/cpu/cpu0/cache", "index*"):
        if read_int(cache / "level") == level and read_text(cache / "type") != "Instruction":
            size = read_text(cache / "size") or ""
            if size[:-1].isdigit() and size[-1] in _SIZE_UNITS:
                return int(size[:-1]) * _SIZE_UNITS[size[-1]]
    return None


def _hypervisor(root: Path, virtualised: bool | None) -> str | None:
    """Xen's own file, else the maker and model that the firmware gives a virtual machine."""
    if kind := read_text(root / "sys/hypervisor/type"):
        return kind
    if not virtualised:
        return None
    firmware = [read_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")]
    return " ".join(filter(None, firmware)) or None
