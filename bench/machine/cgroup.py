"""What this process's control group allows it: CPU time, cores, memory, tasks (cgroup v1 and v2).

A limit may sit on any group above the process, and the tightest one holds, so every reader looks at the
process's own group and at all its ancestors that are mounted. Inside a container /proc/self/cgroup may name
a path of the host that is not mounted there; then what is left is the mount's root, which is the container.

Sources: Documentation/admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst and cpusets.rst beside it;
Documentation/scheduler/sched-bwc.rst; cgroups(7).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from bench.machine.files import ROOT, read_cores, read_int, read_pairs, read_text
from bench.paths import exists, is_folder

# cgroup v1 says "no limit" with the largest multiple of the page size, which differs with the page size.
_NO_LIMIT_BYTES = 2**60


class Cgroup:
    """The groups of this process, looked up once; each method reads their files afresh."""

    def __init__(self, root: Path = ROOT) -> None:
        mount = root / "sys/fs/cgroup"
        paths = _paths(root)
        self._machine = root / "proc/vmstat"
        self.unified = exists(mount / "cgroup.controllers")
        self._folders = {
            controller: tuple(_folders(mount if self.unified else mount / controller, path))
            for controller in ("cpu", "cpuset", "memory", "pids")
            for path in [paths.get("" if self.unified else controller, "/")]
        }

    def cpu_limit(self) -> float | None:
        """CPUs' worth of time that the quota allows (2.5 means 2.5 CPUs), or None without a quota."""
        quotas = (_quota(folder, self.unified) for folder in self._folders["cpu"])
        return min((quota for quota in quotas if quota is not None), default=None)

    def memory_limit(self) -> int | None:
        """Bytes that the process's groups may use together, or None without a limit."""
        name = "memory.max" if self.unified else "memory.limit_in_bytes"
        limits = (read_int(folder / name) for folder in self._folders["memory"])
        return min((limit for limit in limits if limit is not None and limit < _NO_LIMIT_BYTES), default=None)

    def cores(self) -> tuple[int, ...] | None:
        """Cores that the cpuset allows, or None where there is no cpuset to read."""
        names = ("cpuset.cpus.effective",) if self.unified else ("cpuset.effective_cpus", "cpuset.cpus")
        for folder in self._folders["cpuset"]:
            for name in names:
                if cores := read_cores(folder / name):
                    return cores
        return None

    def tasks_left(self) -> dict[Path, int]:
        """How many more processes and threads may start, by group that limits them.

        Source: Documentation/admin-guide/cgroup-v1/pids.rst.
        """
        found = (
            (folder, read_int(folder / "pids.max"), read_int(folder / "pids.current"))
            for folder in self._folders["pids"]
        )
        return {
            folder: max(limit - taken, 0)
            for folder, limit, taken in found
            if limit is not None and taken is not None
        }

    def throttled_seconds(self) -> float | None:
        """Seconds so far that the quota held the groups back, summed over CPUs; None where not told.

        `throttled_usec` of cpu.stat in v2, `throttled_time` (nanoseconds) in v1.
        """
        name, scale = ("throttled_usec", 1e-6) if self.unified else ("throttled_time", 1e-9)
        stats = [read_pairs(folder / "cpu.stat") for folder in self._folders["cpu"]]
        told = [stat[name] for stat in stats if name in stat]
        return sum(told) * scale if told else None

    def oom_kills(self) -> dict[str, int]:
        """How many processes the kernel has killed for want of memory, by the file that says so.

        `oom_kill` of memory.events in v2, in which descendants count, too, and of memory.oom_control in v1,
        of the process's own group and its ancestors; where no group tells, as of a machine's root group in
        v2, the whole machine's, from /proc/vmstat.
        """
        name = "memory.events" if self.unified else "memory.oom_control"
        counts = oom_kills_in(str(folder / name) for folder in self._folders["memory"])
        return counts or oom_kills_in([str(self._machine)])


def oom_kills_in(files: Iterable[str]) -> dict[str, int]:
    """What `Cgroup.oom_kills` counts, read afresh from the `files` that it named; those that are left."""
    counts = {file: read_pairs(Path(file)).get("oom_kill") for file in files}
    return {file: count for file, count in counts.items() if count is not None}


def _paths(root: Path) -> dict[str, str]:
    """Group path by controller, from lines `id:controllers:path`; v2's single line has controller ""."""
    paths: dict[str, str] = {}
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _folders(mount: Path, path: str) -> Iterator[Path]:
    """The process's group first, then its ancestors up to the mount, those that exist."""
    # A group outside this cgroup namespace is shown with "..": only the mount's root can be told then.
    parts = [] if ".." in path else [part for part in PurePosixPath(path).parts if part != "/"]
    for depth in range(len(parts), -1, -1):
        folder = mount.joinpath(*parts[:depth])
        if is_folder(folder):
            yield folder


def _quota(folder: Path, unified: bool) -> float | None:
    if unified:
        quota, _, period = (read_text(folder / "cpu.max") or "max").partition(" ")
        allowed = int(quota) if quota.isdigit() else -1
        every = int(period) if period.isdigit() else 0
    else:
        allowed = read_int(folder / "cpu.cfs_quota_us") or -1
        every = read_int(folder / "cpu.cfs_period_us") or 0
    return allowed / every if allowed > 0 and every > 0 else None
