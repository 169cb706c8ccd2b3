"""Who else ran on a run's cores while it ran, and what the run took from the host.

A run's own time is that of its process, all threads, and of the processes that it starts: XLA has `ptxas`
compile for a GPU, which inherits the run's cores. What others took is the cores' busy time less the run's
own, so it is exact only where the process is pinned to those cores (`bench.machine.affinity.pin`).
"""

import contextlib
import math
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.errors import BenchError
from bench.machine.affinity import allowed_cores
from bench.machine.cgroup import Cgroup
from bench.machine.files import ROOT, read_text
from bench.paths import matching

CONTENDED_FRACTION = 0.05
CONTENDED_CORES = 0.5
THROTTLED_FRACTION = 0.01

# Core times come in ticks of 10 ms (USER_HZ, proc_stat(5)), rounded at both ends of the window.
_RESOLUTION_SECONDS = 0.02

_FAMILY_FIELDS = ("user", "system", "children_user", "children_system")
_BUSY_FIELDS = ("user", "nice", "system", "irq", "softirq")


@dataclass(frozen=True)
class CpuUse:
    """Differences between start and stop, in seconds, bytes and counts."""

    cores: tuple[int, ...]
    seconds: float
    process_cpu_seconds: float
    """User and system time of this process, all its threads, and of its children and theirs."""
    others_cpu_seconds: float
    """Busy time of `cores` less the run's own, at least 0; kernel work and interrupts included."""
    others_fraction: float
    """`others_cpu_seconds` over `seconds` times the number of cores."""
    node_others_cpu_seconds: float
    """The same over every core of the node: who shares its caches and its memory bandwidth."""
    node_others_fraction: float
    """`node_others_cpu_seconds` over `seconds` times the number of the node's cores."""
    steal_seconds: float
    """Time on `cores` that the hypervisor gave to other guests."""
    cgroup_throttled_seconds: float | None
    load_average: float
    """Runnable and waiting threads of the node over the last minute, at the stop, this run included."""
    peak_host_bytes: int
    """Largest resident set: of the run where `peak_is_of_run`, else of the process so far."""
    peak_is_of_run: bool
    major_faults: int
    involuntary_switches: int


@dataclass(frozen=True)
class _Reading:
    wall: float
    process: float
    children: float
    usage: resource.struct_rusage
    busy: float
    steal: float
    node_busy: float
    node_cores: int
    throttled: float | None


class CpuMeter:
    """Measures from `start()` to `stop()`.

    Each costs about 0.1 ms, 1 ms on 256 cores; and where the kernel does not list a process's children
    (CONFIG_PROC_CHILDREN), 10 ms for every 1,000 processes on the node.
    """

    def __init__(self, cores: Sequence[int] | None = None, root: Path = ROOT) -> None:
        """`cores`: those that the run is pinned to; without them, all that this process may use."""
        self._cores = tuple(allowed_cores(root) if cores is None else cores)
        self._root = root
        self._cgroup = Cgroup(root)
        self._first: _Reading | None = None
        self._peak_is_of_run = False

    def start(self) -> None:
        """Begin to measure, and set the peak of resident memory back to what is resident now."""
        self._peak_is_of_run = _reset_peak(self._root)
        self._first = self._read()

    def stop(self) -> CpuUse:
        """What happened since `start()`. Raises BenchError where `start()` has not been called."""
        last, first = self._read(), self._first
        if first is None:
            raise BenchError("CpuMeter.stop() was called before CpuMeter.start(): start the meter first")
        seconds = last.wall - first.wall
        # What a child that nobody waited for had used is lost with it: that must not count against the run.
        own = last.process - first.process + max(0.0, last.children - first.children)
        others = max(0.0, last.busy - first.busy - own)
        node_others = max(0.0, last.node_busy - first.node_busy - own)
        throttled = None
        if first.throttled is not None and last.throttled is not None:
            throttled = last.throttled - first.throttled
        return CpuUse(
            cores=self._cores,
            seconds=seconds,
            process_cpu_seconds=own,
            others_cpu_seconds=others,
            others_fraction=_share(others, seconds * len(self._cores)),
            node_others_cpu_seconds=node_others,
            node_others_fraction=_share(node_others, seconds * last.node_cores),
            steal_seconds=max(0.0, last.steal - first.steal),
            cgroup_throttled_seconds=throttled,
            load_average=os.getloadavg()[0],
            peak_host_bytes=_peak_bytes(self._root, last.usage),
            peak_is_of_run=self._peak_is_of_run,
            major_faults=last.usage.ru_majflt - first.usage.ru_majflt,
            involuntary_switches=last.usage.ru_nivcsw - first.usage.ru_nivcsw,
        )

    def _read(self) -> _Reading:
        times = _core_times(self._root)
        busy, steal = (sum(times.get(core, (0.0, 0.0))[kind] for core in self._cores) for kind in (0, 1))
        return _Reading(
            wall=time.perf_counter_ns() * 1e-9,
            process=time.process_time_ns() * 1e-9,
            children=_children_seconds(self._root),
            usage=resource.getrusage(resource.RUSAGE_SELF),
            busy=busy,
            steal=steal,
            node_busy=sum(core_busy for core_busy, _ in times.values()),
            node_cores=len(times),
            throttled=self._cgroup.throttled_seconds(),
        )


def contended(use: CpuUse) -> bool:
    """Whether others took more than 5 % of the run's cores, or half of one core where that is less.

    Others are other processes and other guests of the host. A system's own daemons take well under 1 %; a
    single busy process takes half of a core that it shares, and then holds up every synchronised step,
    however many cores the run has. What the clocks cannot resolve does not count: two ticks of 10 ms for
    one core, and as independent errors add up, the square root of the cores times that for more.
    """
    taken = use.others_cpu_seconds + use.steal_seconds
    cores = len(use.cores)
    limit = min(CONTENDED_FRACTION * cores, CONTENDED_CORES) * use.seconds
    return taken > max(limit, _RESOLUTION_SECONDS * math.sqrt(cores))


def throttled_cpu(use: CpuUse) -> bool:
    """Whether the cgroup's CPU quota held the run back for more than 1 % of its time.

    The kernel sums throttled time over CPUs; one core that stands still holds up a synchronised step, so
    the sum is set against the wall clock and not against all cores. False where the kernel does not tell.
    """
    return (use.cgroup_throttled_seconds or 0.0) > THROTTLED_FRACTION * use.seconds


def _share(taken: float, capacity: float) -> float:
    return taken / capacity if capacity > 0 else 0.0


def _children_seconds(root: Path) -> float:
    """CPU time of this process's children so far, those that still run and what they started included.

    Source: RUSAGE_CHILDREN in getrusage(2) for those that were waited for; utime, stime, cutime and cstime in
    proc_pid_stat(5) for the others.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = sum(_family_seconds(pid) for pid in _descendants(root))
    return ended.ru_utime + ended.ru_stime + running


def _family_seconds(pid: int) -> float:
    """CPU time of a process and of those of its children that have ended; 0 where it is gone."""
    with contextlib.suppress(psutil.Error, OSError):
        times = psutil.Process(pid).cpu_times()
        return float(sum(getattr(times, field, 0.0) for field in _FAMILY_FIELDS))
    return 0.0


def _descendants(root: Path) -> list[int]:
    """The processes below this one: from the kernel's own lists where it keeps them, else psutil searches."""
    fresh = _listed_children(root, "self")
    if fresh is None:
        with contextlib.suppress(psutil.Error, OSError):
            return [child.pid for child in psutil.Process().children(recursive=True)] if root == ROOT else []
        return []
    found = list[int]()
    while fresh:
        found += fresh
        fresh = [pid for parent in fresh for pid in _listed_children(root, str(parent)) or ()]
    return found


def _listed_children(root: Path, process: str) -> list[int] | None:
    """PIDs from /proc/PID/task/TID/children, proc_tid_children(5); None where the kernel keeps none."""
    texts = [read_text(path) for path in matching(root / "proc" / process / "task", "*/children")]
    return [int(pid) for text in texts for pid in (text or "").split()] if texts else None


def _core_times(root: Path) -> dict[int, tuple[float, float]]:
    """Busy and stolen seconds by core since boot; `user` holds the guests' time already (proc_stat(5))."""
    stat = read_text(root / "proc/stat")
    if stat is None:
        return _core_times_elsewhere()
    tick = 1.0 / os.sysconf("SC_CLK_TCK")
    times: dict[int, tuple[float, float]] = {}
    for line in stat.splitlines()[1:]:
        if not line.startswith("cpu"):
            break
        name, user, nice, system, _idle, _iowait, irq, softirq, steal = line.split()[:9]
        busy = int(user) + int(nice) + int(system) + int(irq) + int(softirq)
        times[int(name[3:])] = (busy * tick, int(steal) * tick)
    return times


def _core_times_elsewhere() -> dict[int, tuple[float, float]]:
    """The same from psutil, where there is no /proc (macOS)."""
    return {
        core: (sum(getattr(times, field, 0.0) for field in _BUSY_FIELDS), getattr(times, "steal", 0.0))
        for core, times in enumerate(psutil.cpu_times(percpu=True))
    }


def _reset_peak(root: Path) -> bool:
    """Set VmHWM back to the resident set of now: "5" to /proc/self/clear_refs, proc_pid_clear_refs(5)."""
    path = root / "proc/self/clear_refs"
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_text("5")
            return True
    return False


def _peak_bytes(root: Path, usage: resource.struct_rusage) -> int:
    """VmHWM of /proc/self/status; else ru_maxrss, which is in KiB on Linux and in bytes on macOS."""
    for line in (read_text(root / "proc/self/status") or "").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
