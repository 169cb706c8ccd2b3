"""Which cores this process may use, and holding it to some of them.

On Linux both affinity and niceness belong to the thread, not to the process (sched_setaffinity(2), and
"C library/kernel differences" in setpriority(2)): threads that run already keep what they had, so each one
is set. Threads that start later inherit from the thread that starts them.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine.cgroup import Cgroup
from bench.machine.files import ROOT
from bench.machine.nvml import Device, Nvml, open_nvml

_THREADS = Path("/proc/self/task")


@dataclass(frozen=True)
class Pinning:
    """What the kernel says after `pin`, read back, not what was asked for."""

    cores: tuple[int, ...]
    """Every core that some thread of the process may run on."""
    niceness: int
    """The least favourable niceness among the process's threads (-20 to 19)."""
    pinned: bool
    """Whether every thread may run on exactly the cores that were asked for."""


def pin(cores: Sequence[int]) -> Pinning:
    """Hold every thread of this process to `cores`, at niceness 0 where that is permitted.

    Lowering niceness needs privilege (CAP_SYS_NICE or RLIMIT_NICE), and a cpuset may forbid cores: what
    the kernel refuses shows in the answer. Where the system has no affinity (macOS), `pinned` is False.
    """
    if hasattr(os, "sched_setaffinity"):
        _every_thread(lambda thread: os.sched_setaffinity(thread, cores))
    _every_thread(lambda thread: os.setpriority(os.PRIO_PROCESS, thread, 0))
    return _read_back(frozenset(cores))


def allowed_cores(root: Path = ROOT) -> tuple[int, ...]:
    """Cores that this thread's affinity and its cgroup's cpuset both allow, ascending.

    A CPU quota takes none of them away, it stops them all for a part of each period: see `cpu_quota`.
    """
    mask = _affinity(0)
    cpuset = Cgroup(root).cores()
    both = mask if cpuset is None else mask & set(cpuset)
    return tuple(sorted(both or mask))


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPUs' worth of time that the cgroup allows, such as 2.5 with 64 cores in the mask; None: no quota."""
    return Cgroup(root).cpu_limit()


def usable_cores(root: Path = ROOT) -> tuple[int, ...]:
    """The allowed cores, no more of them than the cgroup's quota pays for."""
    cores, quota = allowed_cores(root), cpu_quota(root)
    return cores if quota is None else cores[: max(int(quota), 1)]


def cores_near_gpu(gpu: Device, nvml: Nvml | None = None) -> tuple[int, ...] | None:
    """Cores of the NUMA node that `gpu` hangs on; None where NVML does not tell.

    Source: nvmlDeviceGetCpuAffinity.
    """
    if nvml is not None:
        return nvml.cores_near(gpu)
    opened = open_nvml()
    if opened is None:
        return None
    try:
        return opened.cores_near(gpu)
    finally:
        opened.close()


def _threads() -> set[int]:
    """Thread ids of this process; {0}, which means the caller, where the system does not list them."""
    try:
        return {int(task.name) for task in _THREADS.iterdir()}
    except OSError:
        return {0}


def _every_thread(change: Callable[[int], None]) -> None:
    """Apply `change` to each thread, and to those that unchanged threads start meanwhile."""
    done: set[int] = set()
    while fresh := _threads() - done:
        for thread in fresh:
            # Refused, or the thread has ended: what holds is read back afterwards.
            with contextlib.suppress(OSError):
                change(thread)
        done |= fresh


def _affinity(thread: int) -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(thread)
    return set(range(os.cpu_count() or 1))


def _read_back(wanted: frozenset[int]) -> Pinning:
    masks: list[set[int]] = []
    priorities: list[int] = []
    for thread in _threads():
        with contextlib.suppress(ProcessLookupError):
            masks.append(_affinity(thread))
            priorities.append(os.getpriority(os.PRIO_PROCESS, thread))
    exact = hasattr(os, "sched_setaffinity") and all(mask == wanted for mask in masks)
    return Pinning(cores=tuple(sorted(set().union(*masks))), niceness=max(priorities), pinned=exact)
