"""What a Ray of one's own needs of this machine: what lacks is named before it starts, or once it failed."""

import contextlib
import os
import re
import resource
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from bench.errors import ClusterError
from bench.machine.affinity import usable_cores
from bench.machine.cgroup import Cgroup
from bench.machine.files import ROOT, read_text

# Measured with Ray 2.60 on two cores: 122 processes and threads of Ray's own, 30 of this process, 24 of a
# worker that looks at the node, 63 of one that trains. That one has more for each of its cores, and Ray's for
# each of the first sixteen. That was with Ray's dashboard, which is not started any more: some are to spare.
# A process of Ray opens some 60 files, one that trains more.
FILES = 128
TASKS, TASKS_PER_CORE = 220, 8
_HARDLY_ANY = 20
_NO_TASK = re.compile(r"Resource temporarily unavailable|can't start new thread|pthread_create")
_LOOPBACK = "127.0.0.1"
_SHARED_MEMORY = Path("/dev/shm")
_CAP_SYS_RESOURCE, _CAP_SYS_ADMIN = 24, 21  # capabilities(7): either is exempt from RLIMIT_NPROC
# What Ray puts after its folder's name, at most: its session's, and the longest of its sockets'.
_SOCKET = "session_2026-01-31_14-25-30_123456_1234567/sockets/plasma_store"


def look_ahead() -> None:
    """Raises ClusterError where this process sees that Ray could not start, and what it is that lacks."""
    for lacking in (_loopback(), *tasks_lacking(), files_lacking()):
        if lacking:
            raise ClusterError(f"no Ray cluster on this machine: {lacking}")


def _loopback() -> str | None:
    with socket.socket() as listener, socket.socket() as caller:
        try:
            listener.bind((_LOOPBACK, 0))
            listener.listen()
            caller.settimeout(1.0)
            caller.connect(listener.getsockname())
        except OSError as error:
            return f"{_LOOPBACK} cannot be reached ({error.strerror or error}); `ip link set lo up` brings it"
    return None


def tasks_lacking(root: Path = ROOT, least: int | None = None) -> Iterator[str]:
    """Each limit on processes and threads that leaves fewer than `least`, by name, with its remedy.

    Without `least`: fewer than Ray and a run take.
    """
    wanted = TASKS + TASKS_PER_CORE * len(usable_cores(root))
    take, least = f"Ray and a run take about {wanted}", wanted if least is None else least
    left = _tasks_left_to_user(root)
    if left is not None and left < least:
        yield f"{left} more processes and threads may start here, {take}; raise `ulimit -u`"
    for folder, left in Cgroup(root).tasks_left().items():
        if left < least:
            yield f"{left} more processes and threads may start in {folder}, {take}; raise its pids.max"


def files_lacking(hard: int | None = None) -> str | None:
    """Why Ray's processes could not open the files that they need. `hard` is the limit, for tests."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if hard is None else hard
    if hard == resource.RLIM_INFINITY or hard >= FILES:
        return None
    return f"a process may open {hard} files here, Ray's need about {FILES}; raise `ulimit -Hn`"


def _tasks_left_to_user(root: Path) -> int | None:
    """How many more the user's limit allows; None without one, or where it does not hold for this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft == resource.RLIM_INFINITY or sys.platform != "linux" or _exempt(root):
        return None  # of other systems it limits processes alone
    me, taken = os.getuid(), 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            taken += process.num_threads() if process.uids().real == me else 0
    return max(soft - taken, 0)


def _exempt(root: Path) -> bool:
    """The machine's root, also one without capabilities, as containers have it; and who has either of two."""
    outside = (read_text(root / "proc/self/uid_map") or "").split()[1:2]
    if os.getuid() == 0 and outside == ["0"]:
        return True
    lines = (read_text(root / "proc/self/status") or "").splitlines()
    mask = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return bool(mask & (1 << _CAP_SYS_RESOURCE | 1 << _CAP_SYS_ADMIN))


def plasma_folder(folder: Path, needed: int, shared: Path = _SHARED_MEMORY) -> Path:
    """Where Ray's object store has `needed` bytes: shared memory, else Ray's own `folder`.

    A container's /dev/shm has 64 MB unless said otherwise. From a disk the data sets are mapped as well.
    """
    try:
        found = os.statvfs(shared)
    except OSError:
        return folder
    enough = found.f_bavail * found.f_frsize >= needed
    return shared if enough and os.access(shared, os.W_OK | os.X_OK) else folder


def socket_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """A new folder for Ray's sockets and logs, this user's alone: a socket's path has 107 bytes at most.

    It is made in RAY_TMPDIR, and only without one in the first of the usual places that will do. Raises
    ClusterError where none does.
    """
    said = environ.get("RAY_TMPDIR")
    why = ""
    for base in [said] if said else _usual(environ):
        try:
            return _made(Path(base))
        except OSError as error:
            why = why or f"{base}: {error.strerror or error}"
    what = "RAY_TMPDIR" if said else "no folder for Ray's sockets,"
    raise ClusterError(
        f"no Ray cluster on this machine: {what} {why}; set RAY_TMPDIR to a folder of your own with a short "
        "path, such as /tmp"
    )


def _usual(environ: Mapping[str, str]) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        yield tempfile.gettempdir()
    yield from ("/tmp", "/var/tmp")
    if environ.get("XDG_RUNTIME_DIR"):
        yield environ["XDG_RUNTIME_DIR"]


def _made(base: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir=base.absolute()))
    try:
        path = folder / _SOCKET.replace("/", "_")
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(path))
        path.unlink()
    except OSError:
        folder.rmdir()
        raise
    return folder


def exhausted(said: Iterable[str], root: Path = ROOT) -> str | None:
    """The limit by which a Ray could not start, as far as `said`, what it wrote, and what is left tell.

    A process of Ray that finds no task any more ends, with those that it had: there are some again then.
    """
    told = any(map(_NO_TASK.search, said))
    return next(tasks_lacking(root, None if told else _HARDLY_ANY), None)
